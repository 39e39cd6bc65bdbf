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
const endedByPublisher: RoomState = { status: 'ended', epoch: 2, by: 'publisher' };
const endedByGrace: RoomState = { status: 'ended', epoch: 2, by: 'grace' };
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
    ['ROOM-1 the first video', open, ready(1), { status: 'live', epoch: 1 }],
    ['ROOM-2 a newer claim takes over', live, ready(3), { status: 'live', epoch: 3 }],
    [
      'ROOM-2 a newer claim, while the publisher is away',
      interrupted,
      ready(3),
      { status: 'live', epoch: 3 },
    ],
    [
      'ROOM-5 a new broadcast after the end',
      endedByPublisher,
      ready(3),
      { status: 'live', epoch: 3 },
    ],
    ['ROOM-4 the publisher is back', interrupted, ready(2), live],
    ['ROOM-4 the publisher is lost', live, lost(2), interrupted],
    [
      'SRV-5 the worker is lost',
      live,
      workerLost,
      { status: 'interrupted', epoch: 2, reason: 'worker-lost', deadline: 300 },
    ],
    [
      'SRV-5 the worker is lost, and its publisher was lost first',
      interrupted,
      workerLost,
      { status: 'interrupted', epoch: 2, reason: 'worker-lost', deadline: 100 },
    ],
    ['ROOM-4 the publisher did not come back', interrupted, grace(100), endedByGrace],
    [
      'ROOM-4 the publisher is back after the grace period, without having ended the broadcast',
      endedByGrace,
      ready(2),
      live,
    ],
    ['ROOM-5 the publisher stops', live, ended(2), endedByPublisher],
    ['ROOM-5 the publisher stops while it is lost', interrupted, ended(2), endedByPublisher],
    ['ROOM-7 nobody has joined', open, idle, closed],
    ['ROOM-7 nobody is left', endedByPublisher, idle, closed],
    ['ROOM-7 nobody is left after the grace period', endedByGrace, idle, closed],
    ['SRV-4 the server stops', live, drain, closed],
  ])('%s', (_rule, state, event, after) => {
    expect(stepRoom(state, event)).toEqual(after);
  });

  test.each<[string, RoomState, RoomEvent]>([
    ['ROOM-3 video of an older epoch', live, ready(1)],
    ['ROOM-3 video of the same epoch again', live, ready(2)],
    ['ROOM-3 a loss of an older epoch', live, lost(1)],
    ['ROOM-3 an end of an older epoch', live, ended(1)],
    ['ROOM-3 an end of an older epoch while interrupted', interrupted, ended(1)],
    ['ROOM-3 video of an older epoch after the end', endedByGrace, ready(1)],
    [
      'ROOM-5 a broadcast that its publisher has ended does not start again',
      endedByPublisher,
      ready(2),
    ],
    ['ROOM-4 before the deadline', interrupted, grace(99)],
    ['ROOM-4 a timer that fires late', live, grace(1_000)],
    ['ROOM-4 a second loss', interrupted, lost(2)],
    ['ROOM-7 the room is live', live, idle],
    ['ROOM-7 the publisher is awaited', interrupted, idle],
    ['nothing to lose', open, workerLost],
    ['nothing to end', open, ended(0)],
    ['nothing to lose after the end', endedByPublisher, lost(2)],
    ...[ready(9), lost(2), ended(2), workerLost, grace(1e9), idle, drain].map(
      (event) => ['closed is final', closed, event] as [string, RoomState, RoomEvent],
    ),
  ])('%s changes nothing', (_rule, state, event) => {
    expect(stepRoom(state, event)).toBe(state);
  });

  it('ROOM-3 after any events: the epoch never falls, older epochs change nothing, closed is final', () => {
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
          // `closed` has no epoch.
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
