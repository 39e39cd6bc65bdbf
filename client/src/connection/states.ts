/**
 * The states of a page's connection, the events that it receives and the commands that it gives.
 * machine.ts holds the transitions; docs/connection-states.md lists them.
 */
import type { ErrorCode, Retry } from '#protocol/errors.ts';
import type { AnswerOf } from '#protocol/signalling.ts';

/**
 * The condition of the page's own transport:
 * - `pending`   ICE and DTLS are coming up
 * - `up`        everything that should flow can flow (which may be nothing)
 * - `disturbed` ICE is disconnected and may recover without help
 * - `down`      it has failed or is gone
 */
export type TransportMedia = 'pending' | 'up' | 'disturbed' | 'down';

/** `none`: the page has not made a transport yet. */
export type Media = TransportMedia | 'none';

/** What the page keeps while it has no socket. The session is kept, and media may flow on. */
export type Kept =
  | { readonly session: false; readonly media: Media }
  | { readonly session: true; readonly media: TransportMedia };

/** What the length of the next wait is computed from. */
export interface History {
  /** Failed attempts in a row. */
  readonly attempt: number;
  /** When the page had to wait for the first time since it was last live, ms. */
  readonly troubleSince: number | undefined;
  /** When it became live, ms, if it has not had to wait since. */
  readonly liveSince: number | undefined;
}

export interface Idle {
  readonly phase: 'idle';
}

/** Between two attempts, without a socket. */
export type Waiting = Kept & {
  readonly phase: 'waiting';
  readonly attempt: number;
  readonly troubleSince: number;
};

/** Opening the socket. */
export type Connecting = Kept & {
  readonly phase: 'connecting';
  readonly attempt: number;
  readonly troubleSince: number | undefined;
};

/** Joining or publishing: opening a new session. */
export interface Joining extends History {
  readonly phase: 'joining';
  /** A viewer that joins ahead of its socket may have media already. */
  readonly media: Media;
}

/** Taking up the session that the page has kept. */
export interface Resuming {
  readonly phase: 'resuming';
  readonly media: TransportMedia;
  readonly attempt: number;
  readonly troubleSince: number | undefined;
}

/** Transports exist on both sides and come up. */
export interface Negotiating extends History {
  readonly phase: 'negotiating';
  readonly media: 'pending' | 'disturbed';
}

export interface Live {
  readonly phase: 'live';
  readonly media: 'up' | 'disturbed';
  readonly attempt: number;
  /** ms */
  readonly since: number;
}

/** ICE is restarting. */
export interface Repairing extends History {
  readonly phase: 'repairing';
  readonly media: TransportMedia;
}

/** Requesting a new transport for the same session. */
export interface Rebuilding extends History {
  readonly phase: 'rebuilding';
  readonly media: TransportMedia;
}

export interface Ended {
  readonly phase: 'ended';
  readonly reason: 'left' | 'superseded';
}

export interface Failed {
  readonly phase: 'failed';
  readonly code: ErrorCode | 'gave-up';
}

/** The phases with a socket and a session. */
export type InSession = Resuming | Negotiating | Live | Repairing | Rebuilding;
/** Every phase between the start and the end. */
export type Active = Waiting | Connecting | Joining | InSession;
export type State = Idle | Active | Ended | Failed;
export type Phase = State['phase'];

/** Whether the page holds a session, as far as it knows. */
export function holdsSession(state: State): boolean {
  switch (state.phase) {
    case 'waiting':
    case 'connecting':
      return state.session;
    case 'idle':
    case 'joining':
    case 'ended':
    case 'failed':
      return false;
    case 'resuming':
    case 'negotiating':
    case 'live':
    case 'repairing':
    case 'rebuilding':
      return true;
    default:
      return state satisfies never;
  }
}

/** Whether the page's own transport is up, as far as the machine knows. */
export function isMediaUp(state: State): boolean {
  return 'media' in state && state.media === 'up';
}

/** An answer of the server that describes a session, by the request that it answers. */
export type SessionAnswer = {
  readonly [N in 'join' | 'attach' | 'publish' | 'resume' | 'renewTransport']: {
    readonly to: N;
    readonly value: AnswerOf<N>;
  };
}['join' | 'attach' | 'publish' | 'resume' | 'renewTransport'];

export interface SessionOpened {
  /** The page joined before its socket was up: its media may be coming up, or be there. */
  readonly ahead: boolean;
  readonly answer: SessionAnswer;
}

export interface SessionResumed {
  /** Whether the server still has the transport that the page has. */
  readonly transport: 'kept' | 'gone';
  readonly answer: SessionAnswer;
}

export type Event =
  | { readonly type: 'START' }
  | { readonly type: 'SOCKET_UP' }
  | { readonly type: 'SOCKET_DOWN' }
  /** The server has a new session for this page, and its side of a transport. */
  | ({ readonly type: 'SESSION_OPENED' } & SessionOpened)
  | ({ readonly type: 'SESSION_RESUMED' } & SessionResumed)
  | { readonly type: 'TRANSPORT_RENEWED'; readonly answer: SessionAnswer }
  /** After an ICE restart something has arrived on the path. */
  | { readonly type: 'PATH_PROVEN' }
  | { readonly type: 'REFUSED'; readonly code: ErrorCode; readonly retry: Retry }
  | { readonly type: 'MEDIA_PENDING' }
  | { readonly type: 'MEDIA_READY' }
  | { readonly type: 'MEDIA_DISCONNECTED' }
  | { readonly type: 'MEDIA_FAILED' }
  | { readonly type: 'TRANSPORT_GONE' }
  /** The phase's timer: a deadline, a grace or a retry. */
  | { readonly type: 'TIMER' }
  | { readonly type: 'ONLINE' }
  | { readonly type: 'VISIBLE' }
  | { readonly type: 'SERVER_DRAINING'; readonly retryInMs: number }
  | { readonly type: 'SUPERSEDED' }
  | { readonly type: 'LEAVE' };

export type EventOf<T extends Event['type']> = Extract<Event, { readonly type: T }>;

export type Command =
  | { readonly do: 'openSocket' }
  | { readonly do: 'closeSocket' }
  | { readonly do: 'openSession' }
  | { readonly do: 'resume' }
  | { readonly do: 'restartIce' }
  | { readonly do: 'renewTransport' }
  /** Always the last command of its step. */
  | { readonly do: 'applyAnswer'; readonly answer: SessionAnswer }
  | { readonly do: 'requestKeyFrame' }
  | { readonly do: 'dropMedia' }
  | { readonly do: 'forgetSession' }
  /** Replaces the timer that runs; with `undefined` no timer runs. */
  | { readonly do: 'timer'; readonly ms: number | undefined };

export interface Env {
  /** ms, monotonic. */
  readonly now: number;
  /** 0 to 1 */
  readonly random: number;
  /** How long to keep trying, ms; Infinity for a viewer. */
  readonly patienceMs: number;
}

export interface Step {
  readonly state: State;
  readonly commands: readonly Command[];
}
