/** The state of a Room and its pure transition function. */

export type InterruptionReason = 'publisher-lost' | 'worker-lost';

export type RoomState =
  /** Nobody has published yet. */
  | { readonly status: 'open' }
  | { readonly status: 'live'; readonly epoch: number }
  /** The publisher is lost and awaited until `deadline` (ms, the server's monotonic clock). */
  | {
      readonly status: 'interrupted';
      readonly epoch: number;
      readonly reason: InterruptionReason;
      readonly deadline: number;
    }
  /** The broadcast is over; a new one may begin. */
  | { readonly status: 'ended'; readonly epoch: number; readonly by: 'publisher' | 'grace' }
  /** The room is forgotten. Terminal. */
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

/** Returns the same object where the event changes nothing: late, stale or out of place. */
export function stepRoom(state: RoomState, event: RoomEvent): RoomState {
  if (state.status === 'closed') return state;
  switch (event.type) {
    case 'PUBLISHER_READY':
      if (event.epoch < epochOf(state)) return state;
      // What its publisher has ended only starts again under a new epoch. One who was given up and
      // comes back with the session it held never said stop.
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
      // The transports of a dead worker close before it is known to be dead.
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
