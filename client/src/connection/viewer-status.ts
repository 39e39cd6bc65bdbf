import type { RoomView } from '#protocol/signalling.ts';
import type { Phase } from './states.ts';
import type { ViewerStatus } from './types.ts';

export interface ViewerFacts {
  readonly failed: boolean;
  readonly phase: Phase;
  /** The room as last heard of. */
  readonly room: RoomView['status'] | undefined;
  /** The picture moves now. */
  readonly flowing: boolean;
  /** A picture has been seen since the page was opened. */
  readonly everLive: boolean;
}

/** The status a person sees, derived and never stored. */
export function viewerStatus({
  failed,
  phase,
  room,
  flowing,
  everLive,
}: ViewerFacts): ViewerStatus {
  if (failed || phase === 'failed') return 'failed';
  // A picture that moves is live, whatever signalling does meanwhile.
  if (flowing && room !== 'ended') return 'live';
  if (phase === 'live') {
    switch (room) {
      case 'open':
      case 'interrupted':
        return 'waiting';
      case 'ended':
        return 'ended';
      case 'live':
      case 'closed':
      case undefined:
        break;
      default:
        room satisfies never;
    }
  }
  if (phase === 'ended') return 'ended';
  return everLive ? 'reconnecting' : 'connecting';
}
