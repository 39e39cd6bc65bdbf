import { OVERLAY_MAX_TOPICS } from '#protocol/overlay.ts';
import { describe, expect, it } from 'vitest';
import { OverlaySequence, OverlaySequencer } from './sequence.ts';

describe('OverlaySequence', () => {
  it('drops what is not newer than the last of its topic', () => {
    const sequence = new OverlaySequence();
    const accepted = [3, 3, 2, 4, 1, 7].map((seq) => sequence.accept({ topic: 'a', seq }));
    expect(accepted).toEqual([true, false, false, true, false, true]);
  });

  it('keeps topics apart', () => {
    const sequence = new OverlaySequence();
    expect(sequence.accept({ topic: 'a', seq: 5 })).toBe(true);
    expect(sequence.accept({ topic: 'b', seq: 1 })).toBe(true);
    expect(sequence.accept({ topic: 'b', seq: 2 })).toBe(true);
    expect(sequence.missed).toBe(0);
  });

  it('counts gaps, and not what came before the first message', () => {
    const sequence = new OverlaySequence();
    for (const seq of [10, 11, 14, 13, 15, 20]) sequence.accept({ topic: 'a', seq });
    expect(sequence.missed).toBe(2 + 4);
  });

  it('begins anew after reset', () => {
    const sequence = new OverlaySequence();
    sequence.accept({ topic: 'a', seq: 5 });
    sequence.accept({ topic: 'a', seq: 9 });
    sequence.reset();
    expect(sequence.missed).toBe(0);
    expect(sequence.accept({ topic: 'a', seq: 1 })).toBe(true);
  });

  it('remembers a bounded number of topics, the latest heard', () => {
    const sequence = new OverlaySequence();
    sequence.accept({ topic: 'kept', seq: 1 });
    sequence.accept({ topic: 'forgotten', seq: 1 });
    sequence.accept({ topic: 'kept', seq: 2 });
    for (let i = 0; i < OVERLAY_MAX_TOPICS - 1; i += 1) sequence.accept({ topic: `t${i}`, seq: 1 });
    expect(sequence.accept({ topic: 'kept', seq: 2 })).toBe(false);
    expect(sequence.accept({ topic: 'forgotten', seq: 1 })).toBe(true);
  });
});

describe('OverlaySequencer', () => {
  it('counts each topic from 1, and anew after reset', () => {
    const sequencer = new OverlaySequencer();
    expect([sequencer.next('a'), sequencer.next('a'), sequencer.next('b')]).toEqual([1, 2, 1]);
    sequencer.reset();
    expect(sequencer.next('a')).toBe(1);
  });
});
