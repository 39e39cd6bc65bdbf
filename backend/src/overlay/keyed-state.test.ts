import { describe, expect, it } from 'vitest';
import { OnecastError } from '#protocol/errors.ts';
import { STATE_MAX_BYTES, STATE_MAX_KEYS } from '#protocol/overlay-state.ts';
import { OVERLAY_MAX_BYTES } from '#protocol/overlay.ts';
import { keyedMessage as data } from '#testkit/overlay/keyed-message.ts';
import { KeyedState } from './keyed-state.ts';

function codeOf(task: () => unknown): string | undefined {
  try {
    task();
    return undefined;
  } catch (error) {
    if (error instanceof OnecastError) return error.code;
    throw error;
  }
}

describe('STATE-1 the server keeps the newest of each key', () => {
  it('numbers every change without a gap; a message that changes nothing gets no number', () => {
    const state = new KeyedState('s');
    const revs = [
      state.set(data('home', 1), 'page'),
      state.set(data('home', 1), 'page'),
      state.set(data('home', 2), 'page'),
      state.set(data('never', null), 'page'),
      state.set(data('home', null), 'page'),
      state.set(data('home', null), 'page'),
    ].map((change) => change?.rev);
    expect(revs).toEqual([1, undefined, 2, undefined, 3, undefined]);
    expect(state.snapshot()).toEqual({ stateId: 's', rev: 3, entries: [] });
    expect(state.announcement()).toEqual({ stateId: 's', rev: 3 });
  });

  it('a key that is set again keeps its place', () => {
    const state = new KeyedState('s');
    for (const key of ['a', 'b', 'c', 'a']) state.set(data(key, Math.random()), 'page');
    expect(state.snapshot().entries.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
  });

  it('the page and programs do not change each other’s keys', () => {
    const state = new KeyedState('s');
    state.set(data('home', 1), 'page');
    state.set(data('home', 2), 'ingest');
    state.set(data('away', 3), 'page');
    const gone = state.keepOnly([['match', 'away']], 'page');
    expect(gone.map(({ entry }) => entry)).toEqual([{ ...data('home', null), from: 'page' }]);
    expect(state.snapshot().entries).toEqual([
      { ...data('home', 2), from: 'ingest' },
      { ...data('away', 3), from: 'page' },
    ]);
  });
});

describe('STATE-4 the state is bounded', () => {
  it('in keys, for each origin separately', () => {
    const state = new KeyedState('s');
    for (let i = 0; i < STATE_MAX_KEYS; i += 1) state.set(data(`k${i}`, i), 'ingest');
    expect(codeOf(() => state.set(data('more', 1), 'ingest'))).toBe('state-full');
    expect(codeOf(() => state.set(data('k0', 'again'), 'ingest'))).toBeUndefined();
    expect(codeOf(() => state.set(data('more', 1), 'page'))).toBeUndefined();
    state.set(data('k0', null), 'ingest');
    expect(codeOf(() => state.set(data('more', 1), 'ingest'))).toBeUndefined();
  });

  it('in bytes as they are sent', () => {
    const state = new KeyedState('s');
    const value = 'ü'.repeat(7_000);
    expect(codeOf(() => state.set(data('large', 'ü'.repeat(OVERLAY_MAX_BYTES / 2)), 'page'))).toBe(
      'message-too-large',
    );
    for (const key of ['a', 'b', 'c', 'd']) state.set(data(key, value), 'page');
    expect(codeOf(() => state.set(data('e', value), 'page'))).toBe('state-full');
    const { entries } = state.snapshot();
    expect(entries).toHaveLength(4);
    expect(Buffer.byteLength(JSON.stringify(entries))).toBeLessThan(STATE_MAX_BYTES * 1.05);
    // A refusal changes nothing, and a smaller value frees space.
    state.set(data('a', 'short'), 'page');
    expect(codeOf(() => state.set(data('e', value), 'page'))).toBeUndefined();
  });
});
