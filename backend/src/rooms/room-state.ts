/** The state of a Room, its pure transition function, and its status as pages see it. */
import type { RoomView } from '#protocol/signalling.ts';

export type InterruptionReason = 'publisher-lost' | 'worker-lost';

export type RoomState =
  /** Nobody has published yet. */
  | { readonly status: 'open' }
  | { readonly status: 'live'; readonly epoch: number }
  /** The publisher is lost; the room waits for it until `deadline` (ms of `performance.now()`). */
  | {
      readonly status: 'interrupted';
      readonly epoch: number;
      readonly reason: InterruptionReason;
      readonly deadline: number;
    }
  /** The broadcast is over; a new one may begin. */
  | { readonly status: 'ended'; readonly epoch: number; readonly by: 'publisher' | 'grace' }
  /** The server no longer has this room. Terminal. */
  | { readonly status: 'closed' };

export type RoomEvent =
  | { readonly type: 'PUBLISHER_READY'; readonly epoch: number }
  | { readonly type: 'PUBLISHER_LOST'; readonly epoch: number; readonly deadline: number }
  | { readonly type: 'WORKER_LOST'; readonly deadline: number }
  | { readonly type: 'GRACE_EXPIRED'; readonly now: number }
  | { readonly type: 'PUBLISHER_ENDED'; readonly epoch: number }
  | { readonly type: 'IDLE_EXPIRED' }
  | { readonly type: 'DRAIN' };

export function epochOf(state: RoomState): number {
  return 'epoch' in state ? state.epoch : 0;
}

/** Status and epoch of a room, in the form that is sent to pages. @param now as `deadline` */
export function statusView(
  state: RoomState,
  now: number,
): Pick<RoomView, 'status' | 'epoch' | 'interruption'> {
  const { status } = state;
  const epoch = epochOf(state);
  if (status !== 'interrupted') return { status, epoch };
  const remainingMs = Math.max(0, Math.round(state.deadline - now));
  return { status, epoch, interruption: { reason: state.reason, remainingMs } };
}

/** Returns the same object if the event changes nothing because it is late, stale or out of place. */
export function stepRoom(state: RoomState, event: RoomEvent): RoomState {
  if (state.status === 'closed') return state;
  switch (event.type) {
    case 'PUBLISHER_READY':
      if (event.epoch < epochOf(state)) return state;
      // A broadcast that its publisher has ended starts again only under a new epoch. A broadcast that
      // ended by the grace period goes on if its publisher comes back: that one did not end it.
      if (state.status === 'ended' && state.by === 'publisher' && event.epoch === state.epoch) {
        return state;
      }
      if (state.status === 'live' && event.epoch === state.epoch) return state;
      return { status: 'live', epoch: event.epoch };
    case 'PUBLISHER_LOST':
      if (state.status !== 'live' || event.epoch !== state.epoch) return state;
      return {
        status: 'interrupted',
        epoch: state.epoch,
        reason: 'publisher-lost',
        deadline: event.deadline,
      };
    case 'WORKER_LOST':
      // A dead worker's transports close before the server learns that the worker is dead.
      if (state.status === 'interrupted') return { ...state, reason: 'worker-lost' };
      if (state.status !== 'live') return state;
      return {
        status: 'interrupted',
        epoch: state.epoch,
        reason: 'worker-lost',
        deadline: event.deadline,
      };
    case 'GRACE_EXPIRED':
      if (state.status !== 'interrupted' || event.now < state.deadline) return state;
      return { status: 'ended', epoch: state.epoch, by: 'grace' };
    case 'PUBLISHER_ENDED':
      if (state.status !== 'live' && state.status !== 'interrupted') return state;
      if (event.epoch !== state.epoch) return state;
      return { status: 'ended', epoch: state.epoch, by: 'publisher' };
    case 'IDLE_EXPIRED':
      return state.status === 'open' || state.status === 'ended' ? { status: 'closed' } : state;
    case 'DRAIN':
      return { status: 'closed' };
    default:
      return event satisfies never;
  }
}
