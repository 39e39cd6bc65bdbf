import { OVERLAY_MAX_TOPICS, type Shape, type ShapesMessage } from '#protocol/overlay.ts';
import { describe, expect, it } from 'vitest';
import { ShapeTopics } from './shape-topics.ts';

const dot: Shape = { type: 'label', x: 0, y: 0, text: 'a' };

function message(topic: string, ttlMs?: number, shapes: Shape[] = [dot]): ShapesMessage {
  const common = { kind: 'shapes', topic, seq: 1, capturedAt: 0, shapes } as const;
  return ttlMs === undefined ? common : { ...common, ttlMs };
}

const names = (topics: ShapeTopics) => topics.shown().map(({ topic }) => topic);

describe('ShapeTopics', () => {
  it('replaces a topic in its place and clears it with an empty list', () => {
    const topics = new ShapeTopics();
    topics.apply(message('a'), 0);
    topics.apply(message('b'), 1);
    topics.apply(message('a', undefined, [dot, dot]), 2);
    expect(topics.shown().map(({ shapes }) => shapes.length)).toEqual([2, 1]);
    topics.apply(message('a', undefined, []), 3);
    expect(names(topics)).toEqual(['b']);
  });

  it('removes a topic at the end of its time to live, counted from arrival', () => {
    const topics = new ShapeTopics();
    topics.apply(message('stays'), 100);
    topics.apply(message('goes', 1000), 100);
    topics.apply(message('soon', 50), 100);
    expect(topics.nextExpiry()).toBe(150);
    expect(topics.expire(149)).toBe(false);
    expect(topics.expire(150)).toBe(true);
    expect(topics.nextExpiry()).toBe(1100);
    topics.apply(message('goes', 1000), 1000);
    expect(topics.expire(1100)).toBe(false);
    expect(topics.expire(2000)).toBe(true);
    expect(topics.nextExpiry()).toBeUndefined();
    expect(names(topics)).toEqual(['stays']);
  });

  it('STATE-1 keeps a key of the state until it is deleted, however many topics come', () => {
    const topics = new ShapeTopics();
    const set = (key: string, shapes: Shape[] | null) =>
      topics.set({ kind: 'shapes', topic: 'a', key, capturedAt: 0, shapes, from: 'page' }, 0);
    set('one', [dot]);
    set('two', [dot]);
    set('one', [dot, dot]);
    for (let i = 0; i < 2 * OVERLAY_MAX_TOPICS; i += 1) topics.apply(message(`t${i}`, 10), i);
    expect(topics.shown()).toHaveLength(OVERLAY_MAX_TOPICS + 2);
    set('two', null);
    topics.expire(1_000_000_000);
    expect(topics.shown()).toEqual([expect.objectContaining({ shapes: [dot, dot] })]);
  });

  it('is bounded and drops the topic whose last message is oldest', () => {
    const topics = new ShapeTopics();
    for (let i = 0; i < OVERLAY_MAX_TOPICS; i += 1) topics.apply(message(`t${i}`), i);
    topics.apply(message('t0'), 100);
    topics.apply(message('new'), 101);
    expect(names(topics)).toHaveLength(OVERLAY_MAX_TOPICS);
    expect(names(topics)).not.toContain('t1');
    expect(names(topics)).toContain('t0');
  });
});
