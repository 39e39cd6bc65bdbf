import type { RoomView } from '#protocol/signalling.ts';
import type { Phase } from './states.ts';
import type { ViewerStatus } from './types.ts';

export interface ViewerFacts {
  readonly failed: boolean;
  readonly phase: Phase;
  /** The room's status as the server last reported it. */
  readonly room: RoomView['status'] | undefined;
  /** Frames are being decoded now. */
  readonly flowing: boolean;
  /** A frame has been decoded since the page was opened. */
  readonly everFlowed: boolean;
}

/** The status that a person sees. It is derived, never stored. */
export function viewerStatus({
  failed,
  phase,
  room,
  flowing,
  everFlowed,
}: ViewerFacts): ViewerStatus {
  if (failed || phase === 'failed') return 'failed';
  // Video that flows is live, even while signalling is down.
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
  return everFlowed ? 'reconnecting' : 'connecting';
}
