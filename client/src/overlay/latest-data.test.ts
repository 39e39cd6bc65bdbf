import { OVERLAY_MAX_TOPICS, type OverlayMessage } from '#protocol/overlay.ts';
import { describe, expect, it } from 'vitest';
import { LatestData } from './latest-data.ts';

const data = (topic: string, value: unknown): OverlayMessage => ({
  kind: 'data',
  topic,
  seq: 1,
  capturedAt: 0,
  data: value,
});

function withClock() {
  let time = 1000;
  return new LatestData(() => time++);
}

describe('LatestData', () => {
  it('keeps the newest message of each topic, indented, sorted by name', () => {
    const latest = withClock();
    latest.apply(data('b', { a: [1] }));
    latest.apply(data('a', 1));
    latest.apply(data('b', { a: [2] }));
    expect(latest.topics.value).toEqual([
      { id: 'a', name: 'a', json: '1', receivedAt: 1001 },
      {
        id: 'b',
        name: 'b',
        json: '{\n  "a": [\n    2\n  ]\n}',
        receivedAt: 1002,
      },
    ]);
  });

  it('ignores shapes and notifies no subscriber', () => {
    const latest = withClock();
    let updates = 0;
    latest.topics.subscribe(() => (updates += 1));
    latest.apply({ kind: 'shapes', topic: 'a', seq: 1, capturedAt: 0, shapes: [] });
    expect(latest.topics.value).toEqual([]);
    expect(updates).toBe(1);
  });

  it('drops the oldest topic when there are too many', () => {
    const latest = withClock();
    for (let i = 0; i < OVERLAY_MAX_TOPICS; i += 1) latest.apply(data(`t${i}`, i));
    latest.apply(data('t0', 'again'));
    latest.apply(data('new', 1));
    const topics = latest.topics.value.map(({ name }) => name);
    expect(topics).toHaveLength(OVERLAY_MAX_TOPICS);
    expect(topics).toContain('t0');
    expect(topics).toContain('new');
    expect(topics).not.toContain('t1');
  });

  it('STATE-1 shows each key of the state until it is deleted, however many topics come', () => {
    const latest = withClock();
    const set = (key: string, value: unknown, from: 'page' | 'ingest' = 'page') =>
      latest.set({ kind: 'data', topic: 'match', key, capturedAt: 0, data: value, from });
    set('home', 1);
    set('home', 2);
    set('home', 3, 'ingest');
    set('away', 4);
    for (let i = 0; i < 2 * OVERLAY_MAX_TOPICS; i += 1) latest.apply(data(`t${i}`, i));
    set('away', null);
    const state = latest.topics.value.filter(({ name }) => name.startsWith('match / '));
    expect(state.map(({ name, json }) => [name, json])).toEqual([
      ['match / home', '2'],
      ['match / home', '3'],
    ]);
    expect(latest.topics.value).toHaveLength(OVERLAY_MAX_TOPICS + 2);
  });

  it('forgets everything on reset', () => {
    const latest = withClock();
    latest.apply(data('a', 1));
    latest.reset();
    expect(latest.topics.value).toEqual([]);
  });

  it('does not indent JSON that would become mostly indentation', () => {
    const list = JSON.stringify(Array.from({ length: 8000 }, () => 1));
    const value: unknown = JSON.parse(`${'['.repeat(30)}${list}${']'.repeat(30)}`);
    const latest = withClock();
    latest.apply(data('deep', value));
    expect(latest.topics.value[0]?.json).toBe(JSON.stringify(value));
  });
});
