import { describe, expect, it } from 'vitest';
import { OVERLAY_MAX_BYTES } from '#protocol/overlay.ts';
import { type KeyedMessage, STATE_MAX_BATCH, STATE_MAX_KEYS } from '#protocol/overlay-state.ts';
import { StateOutbox } from './state-outbox.ts';

const data = (key: string, value: unknown): KeyedMessage => ({
  kind: 'data',
  topic: 'match',
  key,
  capturedAt: 1,
  data: value,
});

/** All that it sends until nothing is left, each batch confirmed. */
function drain(outbox: StateOutbox) {
  const batches = [];
  for (let batch = outbox.next(); batch; batch = outbox.next()) {
    batches.push(batch);
    outbox.sent(batch);
  }
  return batches;
}

describe('STATE-3 what the publisher sends of its state', () => {
  it('begins with its keys, even where there are none', () => {
    const outbox = new StateOutbox();
    expect(drain(outbox)).toEqual([{ keys: [], messages: [] }]);
    expect(outbox.next()).toBeUndefined();
  });

  it('the newest of each key only, and a deletion where there was something', () => {
    const outbox = new StateOutbox();
    drain(outbox);
    outbox.set(data('never', null));
    outbox.set(data('home', 1));
    outbox.set(data('home', 2));
    expect(drain(outbox)).toEqual([{ messages: [data('home', 2)] }]);
    outbox.set(data('home', null));
    expect(drain(outbox)).toEqual([{ messages: [data('home', null)] }]);
  });

  it('what is set while a batch is under way goes with the next', () => {
    const outbox = new StateOutbox();
    outbox.set(data('home', 1));
    const batch = outbox.next();
    outbox.set(data('home', 2));
    if (batch) outbox.sent(batch);
    expect(drain(outbox)).toEqual([{ messages: [data('home', 2)] }]);
  });

  it('a batch without an answer goes again', () => {
    const outbox = new StateOutbox();
    outbox.set(data('home', 1));
    expect(outbox.next()).toEqual(outbox.next());
  });

  it('an answer from before a restart confirms nothing', () => {
    const outbox = new StateOutbox();
    outbox.set(data('home', 1));
    const batch = outbox.next();
    outbox.restart();
    if (batch) outbox.sent(batch);
    expect(drain(outbox)).toEqual([{ keys: [['match', 'home']], messages: [data('home', 1)] }]);
  });

  it('batches stay within count and bytes, and all of it gets through', () => {
    const outbox = new StateOutbox();
    for (let i = 0; i < STATE_MAX_KEYS; i += 1) {
      expect(outbox.set(data(`k${i}`, 'ü'.repeat(200)))).toBe(true);
    }
    const batches = drain(outbox);
    expect(batches.length).toBeGreaterThan(1);
    for (const batch of batches) {
      expect(batch.messages.length).toBeLessThanOrEqual(STATE_MAX_BATCH);
      expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThan(60 * 1024);
    }
    expect(batches.flatMap(({ messages }) => messages)).toEqual(outbox.entries());
  });

  it('is bounded in keys and in bytes; what does not fit changes nothing', () => {
    const many = new StateOutbox();
    for (let i = 0; i < STATE_MAX_KEYS; i += 1) many.set(data(`k${i}`, i));
    expect(many.set(data('more', 1))).toBe(false);
    expect(many.set(data('k0', 'anew'))).toBe(true);
    const large = new StateOutbox();
    const value = 'x'.repeat(15_000);
    expect([1, 2, 3, 4, 5].map((n) => large.set(data(`k${n}`, value)))).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(large.set(data('k1', null))).toBe(true);
    expect(large.set(data('k5', value))).toBe(true);
    expect(() => large.set(data('k1', 'x'.repeat(OVERLAY_MAX_BYTES)))).toThrow(RangeError);
  });
});
