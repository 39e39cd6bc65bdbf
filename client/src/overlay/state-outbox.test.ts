import { describe, expect, it } from 'vitest';
import { OVERLAY_MAX_BYTES } from '#protocol/overlay.ts';
import { STATE_MAX_BATCH, STATE_MAX_KEYS } from '#protocol/overlay-state.ts';
import { keyedMessage as data } from '#testkit/overlay/keyed-message.ts';
import { StateOutbox } from './state-outbox.ts';

/** All batches until nothing is left to send, each one confirmed. */
function drain(outbox: StateOutbox) {
  const batches = [];
  for (let batch = outbox.nextBatch(); batch; batch = outbox.nextBatch()) {
    batches.push(batch);
    outbox.confirm(batch);
  }
  return batches;
}

describe('STATE-3 the batches that the publisher sends', () => {
  it('begin with the keys that the page holds, even where there are none', () => {
    const outbox = new StateOutbox();
    expect(drain(outbox)).toEqual([{ keys: [], messages: [] }]);
    expect(outbox.nextBatch()).toBeUndefined();
  });

  it('hold the newest message of each key only, and a deletion only of a key that was set', () => {
    const outbox = new StateOutbox();
    drain(outbox);
    outbox.set(data('never', null));
    outbox.set(data('home', 1));
    outbox.set(data('home', 2));
    expect(drain(outbox)).toEqual([{ messages: [data('home', 2)] }]);
    outbox.set(data('home', null));
    expect(drain(outbox)).toEqual([{ messages: [data('home', null)] }]);
  });

  it('a key that is set while a batch is under way goes with the next batch', () => {
    const outbox = new StateOutbox();
    outbox.set(data('home', 1));
    const batch = outbox.nextBatch();
    outbox.set(data('home', 2));
    if (batch) outbox.confirm(batch);
    expect(drain(outbox)).toEqual([{ messages: [data('home', 2)] }]);
  });

  it('a batch without an answer is sent again', () => {
    const outbox = new StateOutbox();
    outbox.set(data('home', 1));
    expect(outbox.nextBatch()).toEqual(outbox.nextBatch());
  });

  it('an answer from before a restart confirms nothing', () => {
    const outbox = new StateOutbox();
    outbox.set(data('home', 1));
    const batch = outbox.nextBatch();
    outbox.resendAll();
    if (batch) outbox.confirm(batch);
    expect(drain(outbox)).toEqual([{ keys: [['match', 'home']], messages: [data('home', 1)] }]);
  });

  it('stay within count and bytes, and together hold everything', () => {
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

  it('the state is bounded in keys and bytes; a message that does not fit changes nothing', () => {
    const many = new StateOutbox();
    for (let i = 0; i < STATE_MAX_KEYS; i += 1) many.set(data(`k${i}`, i));
    expect(many.set(data('more', 1))).toBe(false);
    expect(many.set(data('k0', 'again'))).toBe(true);
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
