import { describe, expect, it } from 'vitest';
import type { Event } from './states.ts';
import { ConnectionTrace } from './trace.ts';

describe('ConnectionTrace', () => {
  it('CONN-17 keeps the last transitions, oldest first, and drops the oldest when it is full', () => {
    const trace = new ConnectionTrace(3);
    for (const atMs of [1, 2.4, 3.6, 5]) {
      trace.record(atMs, { type: 'TIMER' }, 'waiting', 'connecting', [{ do: 'openSocket' }]);
    }
    const transition = {
      event: 'TIMER',
      from: 'waiting',
      to: 'connecting',
      commands: ['openSocket'],
    };
    expect(trace.transitions()).toEqual([
      { atMs: 2, ...transition },
      { atMs: 4, ...transition },
      { atMs: 5, ...transition },
    ]);
  });

  it('CONN-17 holds 200 transitions', () => {
    const trace = new ConnectionTrace();
    for (let i = 0; i < 1_000; i += 1) trace.record(i, { type: 'VISIBLE' }, 'live', 'live', []);
    expect(trace.transitions()).toHaveLength(200);
    expect(trace.transitions()[0]?.atMs).toBe(800);
  });

  it.each<[Event, string | undefined]>([
    [{ type: 'REFUSED', code: 'room-taken', retry: 'never' }, 'room-taken'],
    [{ type: 'ONLINE' }, undefined],
  ])('CONN-17 records what distinguishes %o', (event, detail) => {
    const trace = new ConnectionTrace();
    trace.record(0, event, 'joining', 'joining', []);
    expect(trace.transitions()[0]?.detail).toBe(detail);
  });
});
