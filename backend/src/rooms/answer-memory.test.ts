import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AnswerMemory } from './answer-memory.ts';

const MAX_AGE_MS = 60_000;
const MAX = 4;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function counted() {
  let handled = 0;
  const memory = new AnswerMemory(MAX_AGE_MS, MAX);
  const ask = (requestId: string) =>
    memory.once(requestId, async () => {
      handled += 1;
      return { ok: true, value: `${requestId} ${handled}` };
    });
  return { ask, handled: () => handled, held: () => memory.size };
}

describe('AnswerMemory', () => {
  it('CONN-4 a repeated request gets the same answer and is carried out once', async () => {
    const { ask, handled } = counted();
    const first = await ask('a');
    expect(await ask('a')).toBe(first);
    expect(await ask('b')).toEqual({ ok: true, value: 'b 2' });
    expect(handled()).toBe(2);
  });

  it('CONN-4 a request repeated while the first is pending gets the same answer', () => {
    const { ask, handled } = counted();
    expect(ask('a')).toBe(ask('a'));
    expect(handled()).toBe(1);
  });

  it('CONN-4 a refusal is remembered too', async () => {
    const memory = new AnswerMemory(MAX_AGE_MS, MAX);
    const refused = { ok: false, code: 'internal', message: '' } as const;
    await memory.once('a', async () => refused);
    expect(await memory.once('a', async () => ({ ok: true, value: 1 }))).toBe(refused);
  });

  it('an answer is deleted after its maximum age', async () => {
    const { ask, handled } = counted();
    await ask('a');
    vi.advanceTimersByTime(MAX_AGE_MS - 1);
    await ask('a');
    expect(handled()).toBe(1);
    vi.advanceTimersByTime(1);
    await ask('a');
    expect(handled()).toBe(2);
  });

  it('SEC-7 an answer is deleted even if no request follows: it may hold a secret', async () => {
    const { ask, held } = counted();
    await ask('a');
    vi.advanceTimersByTime(MAX_AGE_MS / 2);
    await ask('b');
    expect(held()).toBe(2);
    vi.advanceTimersByTime(MAX_AGE_MS / 2);
    expect(held()).toBe(1);
    vi.advanceTimersByTime(MAX_AGE_MS);
    expect(held()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is bounded, and evicts the oldest answer first', async () => {
    const { ask, handled } = counted();
    for (const id of ['a', 'b', 'c', 'd', 'e']) await ask(id);
    expect(handled()).toBe(5);
    for (const id of ['b', 'c', 'd', 'e']) await ask(id);
    expect(handled()).toBe(5);
    await ask('a');
    expect(handled()).toBe(6);
  });

  it('CONN-4 a full memory still has the answer to its oldest request', async () => {
    const { ask, handled } = counted();
    for (const id of ['a', 'b', 'c', 'd']) await ask(id);
    await ask('a');
    expect(handled()).toBe(4);
  });
});
