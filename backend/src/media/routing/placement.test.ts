import { describe, expect, it, test } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { type WorkerCandidate, placeRoom, placeViewer } from './placement.ts';

const candidate = (
  worker: string,
  load: number,
  more: Partial<WorkerCandidate<string>> = {},
): WorkerCandidate<string> => ({
  worker,
  load,
  transports: 0,
  inRoom: false,
  ...more,
});
const BUSY = LIMITS.workerBusyShare;

describe('FAN-1 the worker for a new room', () => {
  it('is the least busy one', () => {
    expect(placeRoom([candidate('a', 0.5), candidate('b', 0.2), candidate('c', 0.9)])).toBe('b');
  });

  it('is the one with the fewest transports among those that are about equally busy', () => {
    const candidates = [
      candidate('a', 0.001, { transports: 2 }),
      candidate('b', 0.004, { transports: 1 }),
    ];
    expect(placeRoom(candidates)).toBe('b');
  });

  it('is undefined if there is no worker', () => {
    expect(placeRoom([])).toBeUndefined();
  });
});

describe('FAN-1 the worker for a room’s next viewer', () => {
  test.each<[string, WorkerCandidate<string>[], string]>([
    [
      'is the one the room is on, even if another worker is idle',
      [candidate('a', BUSY - 0.01, { inRoom: true }), candidate('b', 0)],
      'a',
    ],
    [
      'is the first of the room’s own that is not busy, so that the later ones become empty again',
      [candidate('a', 0.3, { inRoom: true }), candidate('b', 0.1, { inRoom: true })],
      'a',
    ],
    [
      'is a further worker once the room’s own are busy',
      [candidate('a', BUSY, { inRoom: true }), candidate('b', 0.1)],
      'b',
    ],
    [
      'is not a further worker that is almost as busy: its pipe would cost more than it gains',
      [candidate('a', BUSY, { inRoom: true }), candidate('b', BUSY - 0.05)],
      'a',
    ],
    [
      'is the least busy of the room’s own when all workers are overloaded',
      [
        candidate('a', 1.4, { inRoom: true }),
        candidate('b', 1.2, { inRoom: true }),
        candidate('c', 1.3),
      ],
      'b',
    ],
    [
      'is the least busy of all for the first viewer of a room',
      [candidate('a', 0.4), candidate('b', 0.3)],
      'b',
    ],
  ])('%s', (_case, candidates, expected) => {
    expect(placeViewer(candidates, LIMITS)).toBe(expected);
  });

  it('is undefined if there is no worker', () => {
    expect(placeViewer([], LIMITS)).toBeUndefined();
  });
});
