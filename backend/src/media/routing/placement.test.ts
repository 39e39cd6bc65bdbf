import { describe, expect, it, test } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { type WorkerCandidate, placeRoom, placeViewer } from './placement.ts';

const place = (
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

describe('FAN-1 where a room begins', () => {
  it('on the least busy worker', () => {
    expect(placeRoom([place('a', 0.5), place('b', 0.2), place('c', 0.9)])).toBe('b');
  });

  it('among those about equally busy, on the one with the fewest transports', () => {
    const places = [place('a', 0.001, { transports: 2 }), place('b', 0.004, { transports: 1 })];
    expect(placeRoom(places)).toBe('b');
  });

  it('nowhere without a worker', () => {
    expect(placeRoom([])).toBeUndefined();
  });
});

describe('FAN-1 where a room’s next viewer goes', () => {
  test.each<[string, WorkerCandidate<string>[], string]>([
    [
      'with the others, idle as another worker may be',
      [place('a', BUSY - 0.01, { inRoom: true }), place('b', 0)],
      'a',
    ],
    [
      'to the first of the room’s own that has room, so that the later ones empty again',
      [place('a', 0.3, { inRoom: true }), place('b', 0.1, { inRoom: true })],
      'a',
    ],
    [
      'to a further worker once the room’s own are busy',
      [place('a', BUSY, { inRoom: true }), place('b', 0.1)],
      'b',
    ],
    [
      'not to one that is as busy itself: a pipe would only cost',
      [place('a', BUSY, { inRoom: true }), place('b', BUSY - 0.05)],
      'a',
    ],
    [
      'to the least busy of the room’s own when all are at their end',
      [place('a', 1.4, { inRoom: true }), place('b', 1.2, { inRoom: true }), place('c', 1.3)],
      'b',
    ],
    ['anywhere, as the room’s first', [place('a', 0.4), place('b', 0.3)], 'b'],
  ])('%s', (_what, places, expected) => {
    expect(placeViewer(places, LIMITS)).toBe(expected);
  });

  it('nowhere without a worker', () => {
    expect(placeViewer([], LIMITS)).toBeUndefined();
  });
});
