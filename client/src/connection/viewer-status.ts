import type { RoomView, SourceState } from '#protocol/signalling.ts';
import type { Phase } from './states.ts';
import type { ViewerStatus } from './types.ts';

export interface ViewerFacts {
  readonly failed: boolean;
  readonly phase: Phase;
  /** The room's status as the server last reported it. */
  readonly room: RoomView['status'] | undefined;
  /** Whether the publisher sends video, as the server last reported it. */
  readonly video: SourceState;
  /** What should flow can flow, as far as the page's own transport is concerned. */
  readonly mediaUp: boolean;
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
  video,
  mediaUp,
  flowing,
  everFlowed,
}: ViewerFacts): ViewerStatus {
  if (failed || phase === 'failed') return 'failed';
  // Video that flows is live, even while signalling is down.
  if (flowing && room !== 'ended') return 'live';
  // No frame is due. The page's own connection is up, even while signalling is down.
  if (room === 'live' && video !== 'on' && (phase === 'live' || mediaUp)) return 'live';
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
