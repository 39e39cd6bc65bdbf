import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OnecastError } from '#protocol/errors.ts';
import { OVERLAY_MAX_BYTES, OVERLAY_MAX_PER_S } from '#protocol/overlay.ts';
import { keyedMessage as data } from '#testkit/overlay/keyed-message.ts';
import { OverlaySender } from './overlay-sender.ts';
import type { StateBatch } from './state-outbox.ts';

/** A server that answers when the test says so. */
class FakeServer {
  readonly requests: StateBatch[] = [];
  #answers: { resolve: () => void; reject: (error: Error) => void }[] = [];

  readonly request = (batch: StateBatch) => {
    this.requests.push(batch);
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

describe('OVL-8 times of the page', () => {
  const seconds = 1_795_850_000;
  const box = { kind: 'shapes' as const, topic: 't', shapes: [] };
  it.each([
    ['a message', (sender: OverlaySender) => sender.send({ ...box, capturedAt: seconds })],
    [
      'a frame',
      (sender: OverlaySender) => sender.send({ ...box, capturedAt: 1, frame: { capturedAt: -1 } }),
    ],
    ['a key', (sender: OverlaySender) => sender.setState({ ...data('a', 1), capturedAt: 1e300 })],
  ])('the sender refuses a time in another unit: %s', (_name, send) => {
    const sender = new OverlaySender();
    sender.openChannel({ send: () => true });
    expect(() => send(sender)).toThrow(/milliseconds since 1970/);
    expect(sender.state()).toEqual([]);
  });
});

describe('STATE-3 the page brings its state to the server', () => {
  it('sends nothing before it is live, and everything then', async () => {
    const sender = new OverlaySender();
    const server = new FakeServer();
    sender.setState(data('home', 1));
    expect(server.requests).toEqual([]);
    sender.goLive(server.request);
    expect(server.requests).toEqual([{ keys: [['match', 'home']], messages: [data('home', 1)] }]);
    await server.answer();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.requests).toHaveLength(1);
  });

  it('makes one request at a time; changes in the meantime go together', async () => {
    const sender = new OverlaySender();
    const server = new FakeServer();
    sender.goLive(server.request);
    for (let n = 1; n <= 100; n += 1) sender.setState(data('home', n));
    expect(server.requests).toHaveLength(1);
    await server.answer();
    sender.setState(data('home', 101));
    expect(server.requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(50);
    expect(server.requests[1]).toEqual({ messages: [data('home', 101)] });
  });

  it('repeats a request that got no answer, but not one that would be refused again', async () => {
    const sender = new OverlaySender();
    const server = new FakeServer();
    sender.goLive(server.request);
    await server.answer(new Error('timed out'));
    await vi.advanceTimersByTimeAsync(1_000);
    await server.answer(new OnecastError('too-many'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.requests).toEqual([
      { keys: [], messages: [] },
      { keys: [], messages: [] },
      { keys: [], messages: [] },
    ]);
    await server.answer();
    sender.setState(data('home', 1));
    await vi.advanceTimersByTimeAsync(50);
    await server.answer(new OnecastError('bad-request'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.requests).toHaveLength(4);
  });

  it('sends everything again over another connection; a late answer confirms nothing', async () => {
    const sender = new OverlaySender();
    const [old, next] = [new FakeServer(), new FakeServer()];
    sender.setState(data('home', 1));
    const leave = sender.goLive(old.request);
    leave();
    sender.goLive(next.request);
    await old.answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(next.requests).toEqual([{ keys: [['match', 'home']], messages: [data('home', 1)] }]);
    await next.answer();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([old.requests.length, next.requests.length]).toEqual([1, 1]);
  });

  it('an old broadcast that ends late does not stop the new one', async () => {
    const sender = new OverlaySender();
    const [old, next] = [new FakeServer(), new FakeServer()];
    const leave = sender.goLive(old.request);
    await old.answer();
    sender.goLive(next.request);
    leave();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(next.requests).toEqual([{ keys: [], messages: [] }]);
  });

  it('leaves no timer when it is not live', async () => {
    const sender = new OverlaySender();
    const server = new FakeServer();
    const leave = sender.goLive(server.request);
    await server.answer();
    leave();
    expect(vi.getTimerCount()).toBe(0);
    sender.goLive(server.request)();
    await server.answer(new Error('gone'));
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('messages without a key', () => {
  const message = (topic: string, value: unknown = 0) =>
    ({ kind: 'data', topic, capturedAt: 0, data: value }) as const;

  /** A sender with an open channel, and the topic and number of what it has sent. */
  function opened() {
    let now = 0;
    const sent: [string, number][] = [];
    const sender = new OverlaySender(() => now);
    const close = sender.openChannel({
      send: (text) => {
        const { topic, seq } = JSON.parse(text) as { topic: string; seq: number };
        return sent.push([topic, seq]) > 0;
      },
    });
    return { sender, sent, close, wait: (ms: number) => void (now += ms) };
  }

  it('count from 1 in each topic, and again after a new epoch', () => {
    const { sender, sent } = opened();
    for (const topic of ['a', 'a', 'b']) sender.send(message(topic));
    sender.restartSequence();
    sender.send(message('a'));
    expect(sent).toEqual([
      ['a', 1],
      ['a', 2],
      ['b', 1],
      ['a', 1],
    ]);
  });

  it('are dropped without a channel', () => {
    const { sender, sent, close } = opened();
    close();
    expect(sender.send(message('a'))).toBe(false);
    expect(new OverlaySender().send(message('a'))).toBe(false);
    expect(sent).toEqual([]);
  });

  it('are bounded in rate and size', () => {
    const { sender, sent, wait } = opened();
    for (let i = 0; i < 2 * OVERLAY_MAX_PER_S; i += 1) sender.send(message('a'));
    expect(sent).toHaveLength(OVERLAY_MAX_PER_S);
    wait(1_000);
    expect(() => sender.send(message('a', 'ü'.repeat(OVERLAY_MAX_BYTES / 2)))).toThrow(RangeError);
    expect(sender.send(message('a'))).toBe(true);
  });
});
