import type { Diagnosis } from '#client/connection/diagnosis-words.ts';
import type { Failure, PublisherStatus } from '#client/connection/types.ts';
import type { CaptureFault } from '#client/media/capture-fault.ts';
import type { StatusTone } from '../ui/status-pill.ts';
import { type TokenWords, tokenWords } from '../ui/token-words.ts';
import type { CapturedVideo, VideoSource } from './camera-control.ts';
import type { Asking } from './on-air-intent.ts';

/** How the publish page shows the state of the broadcast. */
export interface PublisherWords {
  readonly tone: StatusTone;
  readonly short: string;
  /** What the person must know or decide, if anything. */
  readonly notice:
    | {
        readonly title: string;
        readonly detail: string;
        /** The button to offer. `new-link` has none: the person needs another link. */
        readonly action: 'take-back' | 'try-again' | 'new-room' | 'new-link' | undefined;
      }
    | undefined;
}

const ASKING: Readonly<Record<Asking, NonNullable<PublisherWords['notice']>>> = {
  'was-live': {
    title: 'You are not on air',
    detail: 'This page was on air before. Nobody sees you now, until you press start again.',
    action: undefined,
  },
  'live-elsewhere': {
    title: 'This room is on air in another tab',
    detail: 'If you start here, that tab stops. To see what viewers see, open the viewers’ page.',
    action: undefined,
  },
};

export function publisherWords(
  status: PublisherStatus,
  failure: Failure | undefined,
  {
    lacksToken = false,
    asking,
    hasPicture = true,
    diagnosis,
  }: {
    /** Whether the page's link lacks the token that this server requires. */
    readonly lacksToken?: boolean;
    readonly hasPicture?: boolean;
    /** Why the connection does not come up. */
    readonly diagnosis?: Pick<Diagnosis, 'title' | 'detail'> | undefined;
    readonly asking?: Asking | undefined;
  } = {},
): PublisherWords {
  switch (status) {
    case 'idle':
      return lacksToken
        ? { ...badLink(tokenWords('token-missing')), tone: 'idle' }
        : { tone: 'idle', short: 'Not on air', notice: asking && ASKING[asking] };
    case 'connecting':
      if (diagnosis) return stuck(diagnosis, 'Not on air yet');
      return { tone: 'busy', short: 'Going on air', notice: undefined };
    case 'live':
      return {
        tone: 'live',
        short: hasPicture ? 'On air' : 'On air, no picture',
        notice: undefined,
      };
    case 'reconnecting':
      if (diagnosis) return stuck(diagnosis, 'Reconnecting');
      return {
        tone: 'busy',
        short: 'Reconnecting',
        notice: {
          title: 'Your connection was lost',
          detail:
            'The room is kept for you. The broadcast continues automatically once the connection is back.',
          action: undefined,
        },
      };
    case 'superseded':
      return {
        tone: 'trouble',
        short: 'Taken over',
        notice: {
          title: 'Another page has taken over this broadcast',
          detail: 'Viewers now see what that page sends. This one has stopped sending.',
          action: 'take-back',
        },
      };
    case 'failed':
      return failed(failure);
    default:
      return status satisfies never;
  }
}

/** What a page whose browser blocks storage, or has none left, will have forgotten after a reload. */
export function storageWords(tokens: boolean): string {
  return tokens
    ? 'You can broadcast all the same. After a reload, open your link again and press start.'
    : 'You can broadcast all the same. After a reload, this page does not know that you were on air, or that this room is yours. Keep the room’s recovery code, or allow this site to store data.';
}

function stuck(
  { title, detail }: Pick<Diagnosis, 'title' | 'detail'>,
  short: string,
): PublisherWords {
  return { tone: 'trouble', short, notice: { title, detail, action: undefined } };
}

function badLink(notice: TokenWords | undefined): PublisherWords {
  return {
    tone: 'trouble',
    short: 'Not on air',
    notice: notice && { ...notice, action: 'new-link' },
  };
}

function failed(failure: Failure | undefined): PublisherWords {
  const token = tokenWords(failure?.code);
  if (token) return badLink(token);
  if (failure?.code === 'overlay-flood' || failure?.code === 'bitrate-exceeded') {
    return {
      tone: 'trouble',
      short: 'Stopped',
      notice: {
        title: 'The server has stopped this broadcast',
        detail: failure.message,
        action: 'try-again',
      },
    };
  }
  const taken = failure?.code === 'room-taken';
  return {
    tone: 'trouble',
    short: 'Not on air',
    notice: {
      title: taken ? 'This room belongs to somebody else' : 'The broadcast could not go on air',
      detail: taken
        ? 'Only the browser that first broadcast in a room may broadcast there again, or one that has a code from it. A new room is one click away.'
        : (failure?.message ?? 'Something went wrong.'),
      action: taken ? 'new-room' : 'try-again',
    },
  };
}

/** Each of these promises is kept by the source's machine. */
const LOST_CAMERA = {
  device: {
    detail: 'Plug it in again and it continues automatically, or choose another.',
    offer: 'others',
  },
  start: {
    detail: 'It continues automatically as soon as it starts again, or choose another.',
    offer: 'others',
  },
  person: {
    detail: 'The browser does not let this page turn it on again. Turn it on, or choose another.',
    offer: 'again',
  },
} as const;

const COMES_BACK =
  'The broadcast goes on without a picture. It comes back automatically when the system gives it back.';

/** The system gives no frames: a phone call, a privacy switch, another program, a minimised window. */
const MUTED: Readonly<Record<VideoSource, PreviewSlate>> = {
  camera: {
    title: 'Your system has switched the camera off',
    detail: `A call, a privacy switch or another program may have it. ${COMES_BACK}`,
    offer: 'others',
  },
  screen: {
    title: 'The system shows nothing of this window',
    detail: `It may be minimised. ${COMES_BACK}`,
    offer: undefined,
  },
};

/** The words and the button in the preview while there is no video. */
export interface PreviewSlate {
  readonly title: string;
  readonly detail: string;
  readonly offer: 'camera' | 'again' | 'others' | 'screen' | undefined;
}

export function previewSlate(
  video: CapturedVideo,
  fault: CaptureFault | undefined,
): PreviewSlate | undefined {
  switch (video.kind) {
    case 'on':
      return video.muted ? MUTED[video.from] : undefined;
    case 'opening':
      return {
        title: 'Opening the camera…',
        detail: 'If the browser asks, allow it for this page.',
        offer: undefined,
      };
    case 'lost':
      return video.from === 'screen'
        ? {
            title: 'Screen sharing has stopped',
            detail: fault?.advice ?? 'Share a screen again, or use a camera.',
            offer: 'screen',
          }
        : { title: `${video.label} is gone`, ...LOST_CAMERA[video.waitsFor] };
    case 'off':
      return fault === undefined
        ? {
            title: 'Your camera is off',
            detail: 'You see the picture here first. Nobody else does until you start.',
            offer: 'camera',
          }
        : { title: fault.title, detail: fault.advice, offer: 'again' };
    default:
      return video satisfies never;
  }
}
