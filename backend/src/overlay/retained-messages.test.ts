import { describe, expect, it } from 'vitest';
import { OVERLAY_MAX_TOPICS } from '#protocol/overlay.ts';
import { RetainedMessages } from './retained-messages.ts';

const data = (topic: string, seq: number, rest: object = {}) =>
  JSON.stringify({ kind: 'data', topic, seq, capturedAt: 0, data: seq, ...rest });
const topicsOf = (overlay: RetainedMessages, now = 0) =>
  overlay.list(now).map(({ topic, seq }) => `${topic} ${seq}`);

describe('RetainedMessages', () => {
  it('OVL-3 OVL-5 holds the newest message of each topic', () => {
    const overlay = new RetainedMessages();
    overlay.receive(data('a', 1), 0);
    overlay.receive(data('b', 1), 0);
    overlay.receive(data('a', 2), 0);
    expect(topicsOf(overlay)).toEqual(['b 1', 'a 2']);
  });

  it('OVL-3 an out-of-date message is dropped', () => {
    const overlay = new RetainedMessages();
    overlay.receive(data('a', 5), 0);
    expect(overlay.receive(data('a', 4), 0)).toBe(true);
    overlay.receive(data('a', 5, { data: 'another' }), 0);
    expect(overlay.list(0)).toMatchObject([{ seq: 5, data: 5 }]);
  });

  it('OVL-3 a message that has expired still makes an earlier one out of date', () => {
    const overlay = new RetainedMessages();
    overlay.receive(data('a', 5, { ttlMs: 100 }), 0);
    overlay.receive(data('a', 4), 200);
    expect(topicsOf(overlay, 200)).toEqual([]);
  });

  it('OVL-3 a single wrong seq does not stop its topic', () => {
    const overlay = new RetainedMessages();
    for (const seq of [5, 1_795_850_000_000, 6, 7, 6]) overlay.receive(data('a', seq), 0);
    expect(topicsOf(overlay)).toEqual(['a 7']);
  });

  it('OVL-3 a new broadcast starts empty', () => {
    const overlay = new RetainedMessages();
    overlay.receive(data('a', 9), 0);
    overlay.clear();
    expect(topicsOf(overlay)).toEqual([]);
    overlay.receive(data('a', 1), 0);
    expect(topicsOf(overlay)).toEqual(['a 1']);
  });

  it('OVL-4 a message with ttlMs expires that long after it arrived, one without it stays', () => {
    const overlay = new RetainedMessages();
    overlay.receive(data('a', 1, { ttlMs: 500 }), 1_000);
    overlay.receive(data('b', 1), 1_000);
    expect(topicsOf(overlay, 1_499)).toEqual(['a 1', 'b 1']);
    expect(topicsOf(overlay, 1_500)).toEqual(['b 1']);
    expect(topicsOf(overlay, 1e9)).toEqual(['b 1']);
  });

  it('OVL-4 an empty list clears the topic', () => {
    const overlay = new RetainedMessages();
    const shapes = (seq: number, list: object[]) =>
      JSON.stringify({ kind: 'shapes', topic: 'a', seq, capturedAt: 0, shapes: list });
    overlay.receive(shapes(1, [{ type: 'box', x: 0, y: 0, width: 1, height: 1 }]), 0);
    overlay.receive(shapes(2, []), 0);
    expect(overlay.list(0)).toMatchObject([{ seq: 2, shapes: [] }]);
  });

  it('OVL-2 an invalid message is dropped and changes nothing', () => {
    const overlay = new RetainedMessages();
    overlay.receive(data('a', 1), 0);
    for (const text of ['', 'null', '{', '[]', '{"kind":"data"}', data('a', -1), data('', 2)]) {
      expect(overlay.receive(text, 0)).toBe(false);
    }
    expect(topicsOf(overlay)).toEqual(['a 1']);
  });

  it('holds a bounded number of topics, and drops the one that was silent for longest', () => {
    const overlay = new RetainedMessages();
    for (let i = 0; i < OVERLAY_MAX_TOPICS; i += 1) overlay.receive(data(`t${i}`, 1), 0);
    overlay.receive(data('t0', 2), 0);
    overlay.receive(data('new', 1), 0);
    const topics = overlay.list(0).map(({ topic }) => topic);
    expect(topics).toHaveLength(OVERLAY_MAX_TOPICS);
    expect(topics).toContain('t0');
    expect(topics).toContain('new');
    expect(topics).not.toContain('t1');
  });
});
