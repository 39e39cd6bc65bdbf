import type { RoomView } from '#protocol/signalling.ts';
import type { Failure, ViewerStatus } from '#client/connection/types.ts';
import type { StatusTone } from '../ui/status-pill.ts';
import { tokenWords } from '../ui/token-words.ts';

/** How the join page shows the state of its connection. */
export interface ViewerWords {
  readonly tone: StatusTone;
  /** A few words, for the status pill. */
  readonly short: string;
  /** Words over the video; undefined while the video needs none. */
  readonly slate: { readonly title: string; readonly detail: string } | undefined;
  /** Whether the last frame, if there is one, stays visible but dimmed. */
  readonly dimmed: boolean;
}

export function viewerWords(
  status: ViewerStatus,
  room: RoomView | undefined,
  failure: Failure | undefined,
): ViewerWords {
  switch (status) {
    case 'connecting':
      return {
        tone: 'busy',
        short: 'Connecting',
        slate: { title: 'Connecting…', detail: '' },
        dimmed: false,
      };
    case 'live':
      return { tone: 'live', short: 'Live', slate: undefined, dimmed: false };
    case 'reconnecting':
      return {
        tone: 'busy',
        short: 'Reconnecting automatically…',
        slate: undefined,
        dimmed: false,
      };
    case 'waiting':
      return room?.status === 'interrupted' ? interrupted(room) : NOT_STARTED;
    case 'ended':
      return ENDED;
    case 'failed':
      return failed(failure);
    default:
      return status satisfies never;
  }
}

function failed(failure: Failure | undefined): ViewerWords {
  const token = tokenWords(failure?.code);
  return {
    tone: 'trouble',
    short: token ? 'Not let in' : 'Not connected',
    slate: token ?? {
      title: 'The broadcast cannot be shown',
      detail: failure?.message ?? 'Something went wrong.',
    },
    dimmed: false,
  };
}

const NOT_STARTED: ViewerWords = {
  tone: 'idle',
  short: 'Waiting for the publisher',
  slate: {
    title: 'Waiting for the publisher',
    detail: 'The picture appears here automatically as soon as the broadcast starts.',
  },
  dimmed: false,
};

const ENDED: ViewerWords = {
  tone: 'idle',
  short: 'Ended',
  slate: {
    title: 'The broadcast has ended',
    detail: 'If it starts again, it continues here automatically.',
  },
  dimmed: false,
};

function interrupted(room: RoomView): ViewerWords {
  const detail =
    room.interruption?.reason === 'worker-lost'
      ? 'The server is restoring the broadcast. It continues here automatically.'
      : 'The picture comes back here automatically.';
  return {
    tone: 'busy',
    short: 'The publisher is reconnecting',
    slate: { title: 'The publisher is reconnecting…', detail },
    dimmed: true,
  };
}
