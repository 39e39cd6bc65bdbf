import type { RoomView, SourceState } from '#protocol/signalling.ts';
import type { Diagnosis } from '#client/connection/diagnosis-words.ts';
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
  /**
   * How the last frame, if there is one, is shown: as it is, `dimmed` under the words, or dimmed with
   * the overlay on it, which goes on.
   */
  readonly frame: 'shown' | 'dimmed' | 'dimmed-under-overlay';
}

export function viewerWords(
  status: ViewerStatus,
  room: RoomView | undefined,
  failure: Failure | undefined,
  /** Whether the publisher sends video. */
  video: SourceState = 'on',
  /** Why the connection does not come up. */
  diagnosis?: Pick<Diagnosis, 'title' | 'detail'>,
): ViewerWords {
  switch (status) {
    case 'connecting':
      if (diagnosis) return stuck(diagnosis, 'Not connected yet');
      return {
        tone: 'busy',
        short: 'Connecting',
        slate: { title: 'Connecting…', detail: '' },
        frame: 'shown',
      };
    case 'live':
      return live(video, room?.audio);
    case 'reconnecting':
      if (diagnosis) return { ...stuck(diagnosis, 'Reconnecting automatically…'), frame: 'dimmed' };
      return {
        tone: 'busy',
        short: 'Reconnecting automatically…',
        slate: undefined,
        frame: 'shown',
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

function live(video: SourceState, audio: SourceState = 'off'): ViewerWords {
  if (video === 'on') return { tone: 'live', short: 'Live', slate: undefined, frame: 'shown' };
  const goesOn = audio === 'on' ? 'The sound goes on. ' : 'The broadcast goes on. ';
  const detail = `${goesOn}The picture comes back here automatically.`;
  const title =
    video === 'muted' ? 'The publisher’s camera is paused' : 'The publisher’s camera is off';
  return {
    tone: 'live',
    short: video === 'muted' ? 'Live, camera paused' : 'Live, camera off',
    slate: { title, detail },
    frame: 'dimmed-under-overlay',
  };
}

function stuck({ title, detail }: Pick<Diagnosis, 'title' | 'detail'>, short: string): ViewerWords {
  return { tone: 'trouble', short, slate: { title, detail }, frame: 'shown' };
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
    frame: 'shown',
  };
}

const NOT_STARTED: ViewerWords = {
  tone: 'idle',
  short: 'Waiting for the publisher',
  slate: {
    title: 'Waiting for the publisher',
    detail: 'The picture appears here automatically as soon as the broadcast starts.',
  },
  frame: 'shown',
};

const ENDED: ViewerWords = {
  tone: 'idle',
  short: 'Ended',
  slate: {
    title: 'The broadcast has ended',
    detail: 'If it starts again, it continues here automatically.',
  },
  frame: 'shown',
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
    frame: 'dimmed',
  };
}
