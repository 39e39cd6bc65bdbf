import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { epochOf, type RoomEvent, type RoomState, stepRoom } from './room-state.ts';

const open: RoomState = { status: 'open' };
const live: RoomState = { status: 'live', epoch: 2 };
const interrupted: RoomState = {
  status: 'interrupted',
  epoch: 2,
  reason: 'publisher-lost',
  deadline: 100,
};
const stopped: RoomState = { status: 'ended', epoch: 2, by: 'publisher' };
const waitedFor: RoomState = { status: 'ended', epoch: 2, by: 'grace' };
const closed: RoomState = { status: 'closed' };

const ready = (epoch: number): RoomEvent => ({ type: 'PUBLISHER_READY', epoch });
const lost = (epoch: number): RoomEvent => ({ type: 'PUBLISHER_LOST', epoch, deadline: 100 });
const ended = (epoch: number): RoomEvent => ({ type: 'PUBLISHER_ENDED', epoch });
const workerLost: RoomEvent = { type: 'WORKER_LOST', deadline: 300 };
const grace = (now: number): RoomEvent => ({ type: 'GRACE_EXPIRED', now });
const idle: RoomEvent = { type: 'IDLE_EXPIRED' };
const drain: RoomEvent = { type: 'DRAIN' };

describe('stepRoom', () => {
  test.each<[string, RoomState, RoomEvent, RoomState]>([
    ['ROOM-1 a first picture', open, ready(1), { status: 'live', epoch: 1 }],
    ['ROOM-2 a newer claim takes over', live, ready(3), { status: 'live', epoch: 3 }],
    [
      'ROOM-2 a newer claim, while the publisher is away',
      interrupted,
      ready(3),
      { status: 'live', epoch: 3 },
    ],
    ['ROOM-5 a new broadcast after the end', stopped, ready(3), { status: 'live', epoch: 3 }],
    ['ROOM-4 the publisher is back', interrupted, ready(2), live],
    ['ROOM-4 the publisher is lost', live, lost(2), interrupted],
    [
      'SRV-5 the worker is lost',
      live,
      workerLost,
      { status: 'interrupted', epoch: 2, reason: 'worker-lost', deadline: 300 },
    ],
    [
      'SRV-5 the worker took the publisher with it',
      interrupted,
      workerLost,
      { status: 'interrupted', epoch: 2, reason: 'worker-lost', deadline: 100 },
    ],
    ['ROOM-4 nobody came back', interrupted, grace(100), waitedFor],
    ['ROOM-4 the publisher is back after all, and never said stop', waitedFor, ready(2), live],
    ['ROOM-5 the publisher stops', live, ended(2), stopped],
    ['ROOM-5 the publisher stops while it is lost', interrupted, ended(2), stopped],
    ['ROOM-7 nobody has come', open, idle, closed],
    ['ROOM-7 nobody is left', stopped, idle, closed],
    ['ROOM-7 nobody is left after the grace', waitedFor, idle, closed],
    ['SRV-4 the server stops', live, drain, closed],
  ])('%s', (_rule, state, event, after) => {
    expect(stepRoom(state, event)).toEqual(after);
  });

  test.each<[string, RoomState, RoomEvent]>([
    ['ROOM-3 an older picture', live, ready(1)],
    ['ROOM-3 the same picture again', live, ready(2)],
    ['ROOM-3 an older loss', live, lost(1)],
    ['ROOM-3 an older end', live, ended(1)],
    ['ROOM-3 an older end while interrupted', interrupted, ended(1)],
    ['ROOM-3 an older picture after the end', waitedFor, ready(1)],
    ['ROOM-5 what its publisher has ended does not begin again', stopped, ready(2)],
    ['ROOM-4 before the deadline', interrupted, grace(99)],
    ['ROOM-4 a late timer', live, grace(1_000)],
    ['ROOM-4 lost twice', interrupted, lost(2)],
    ['ROOM-7 somebody is there', live, idle],
    ['ROOM-7 somebody is awaited', interrupted, idle],
    ['nothing to lose', open, workerLost],
    ['nothing to end', open, ended(0)],
    ['nothing to lose after the end', stopped, lost(2)],
    ...[ready(9), lost(2), ended(2), workerLost, grace(1e9), idle, drain].map(
      (event) => ['closed is final', closed, event] as [string, RoomState, RoomEvent],
    ),
  ])('%s changes nothing', (_rule, state, event) => {
    expect(stepRoom(state, event)).toBe(state);
  });

  it('ROOM-3 whatever comes: the epoch never falls, older epochs change nothing, closed is final', () => {
    const epoch = fc.integer({ min: 0, max: 5 });
    const time = fc.integer({ min: 0, max: 400 });
    const event: fc.Arbitrary<RoomEvent> = fc.oneof(
      fc.record({ type: fc.constant('PUBLISHER_READY' as const), epoch }),
      fc.record({ type: fc.constant('PUBLISHER_LOST' as const), epoch, deadline: time }),
      fc.record({ type: fc.constant('PUBLISHER_ENDED' as const), epoch }),
      fc.record({ type: fc.constant('WORKER_LOST' as const), deadline: time }),
      fc.record({ type: fc.constant('GRACE_EXPIRED' as const), now: time }),
      fc.constant(idle),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        let state: RoomState = open;
        const over = new Set<number>();
        for (const next of events) {
          const before = state;
          state = stepRoom(before, next);
          // `closed` has no epoch: nothing is asked of it any more.
          const fell = state.status !== 'closed' && epochOf(state) < epochOf(before);
          expect(fell).toBe(false);
          const stale = 'epoch' in next && next.epoch < epochOf(before);
          expect(stale && state !== before).toBe(false);
          expect(before.status === 'closed' && state !== before).toBe(false);
          if (state.status === 'ended' && state.by === 'publisher') over.add(state.epoch);
          expect(state.status === 'live' && over.has(state.epoch)).toBe(false);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
