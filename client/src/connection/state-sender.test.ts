import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OnecastError } from '#protocol/errors.ts';
import type { KeyedMessage } from '#protocol/overlay-state.ts';
import type { StateBatch } from '../overlay/state-outbox.ts';
import { StateSender } from './state-sender.ts';

const data = (key: string, value: unknown): KeyedMessage => ({
  kind: 'data',
  topic: 'match',
  key,
  capturedAt: 1,
  data: value,
});

/** A server that answers when it is told to. */
class Line {
  readonly asked: StateBatch[] = [];
  #answers: { resolve: () => void; reject: (error: Error) => void }[] = [];

  readonly request = (batch: StateBatch) => {
    this.asked.push(batch);
    return new Promise<void>((resolve, reject) => {
      this.#answers.push({ resolve, reject });
    });
  };

  async answer(error?: Error): Promise<void> {
    const next = this.#answers.shift();
    if (error) next?.reject(error);
    else next?.resolve();
    await vi.advanceTimersByTimeAsync(0);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('STATE-3 the page brings its state to the server', () => {
  it('nothing before it is on air, all of it then', async () => {
    const sender = new StateSender();
    const line = new Line();
    sender.set(data('home', 1));
    expect(line.asked).toEqual([]);
    sender.onAir(line.request);
    expect(line.asked).toEqual([{ keys: [['match', 'home']], messages: [data('home', 1)] }]);
    await line.answer();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(line.asked).toHaveLength(1);
  });

  it('one request at a time, and what changes meanwhile goes together', async () => {
    const sender = new StateSender();
    const line = new Line();
    sender.onAir(line.request);
    for (let n = 1; n <= 100; n += 1) sender.set(data('home', n));
    expect(line.asked).toHaveLength(1);
    await line.answer();
    sender.set(data('home', 101));
    expect(line.asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(50);
    expect(line.asked[1]).toEqual({ messages: [data('home', 101)] });
  });

  it('what got no answer is tried again; what is refused for good is not', async () => {
    const sender = new StateSender();
    const line = new Line();
    sender.onAir(line.request);
    await line.answer(new Error('timed out'));
    await vi.advanceTimersByTimeAsync(1_000);
    await line.answer(new OnecastError('too-many'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(line.asked).toEqual([
      { keys: [], messages: [] },
      { keys: [], messages: [] },
      { keys: [], messages: [] },
    ]);
    await line.answer();
    sender.set(data('home', 1));
    await vi.advanceTimersByTimeAsync(50);
    await line.answer(new OnecastError('bad-request'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(line.asked).toHaveLength(4);
  });

  it('on another line it begins anew, and an answer of the old one confirms nothing', async () => {
    const sender = new StateSender();
    const [old, next] = [new Line(), new Line()];
    sender.set(data('home', 1));
    sender.onAir(old.request);
    sender.offAir();
    sender.onAir(next.request);
    await old.answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(next.asked).toEqual([{ keys: [['match', 'home']], messages: [data('home', 1)] }]);
    await next.answer();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([old.asked.length, next.asked.length]).toEqual([1, 1]);
  });

  it('off air it leaves no timer', async () => {
    const sender = new StateSender();
    const line = new Line();
    sender.onAir(line.request);
    await line.answer();
    sender.offAir();
    expect(vi.getTimerCount()).toBe(0);
    sender.onAir(line.request);
    sender.offAir();
    await line.answer(new Error('gone'));
    expect(vi.getTimerCount()).toBe(0);
  });
});
