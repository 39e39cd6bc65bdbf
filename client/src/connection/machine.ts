/**
 * The connection of a page as a pure function: step(state, event, env) -> {state, commands}. The
 * driver runs the commands. Both roles use it; what `enter` or `renew` means is the role's own.
 */
import type { ErrorCode, Retry } from '#protocol/errors.ts';
import { backoffMs } from './backoff.ts';

/** What the page's own transport is worth. */
export type Media = 'none' | 'pending' | 'up' | 'disturbed' | 'down';

export type Phase =
  | { readonly name: 'idle' }
  /** Opening the socket. */
  | { readonly name: 'connecting' }
  /** Joining or publishing: a new session. */
  | { readonly name: 'joining' }
  /** Transports exist on both sides and come up. */
  | { readonly name: 'negotiating' }
  | { readonly name: 'live' }
  /** ICE is restarting. */
  | { readonly name: 'repairing' }
  /** Between two attempts. */
  | { readonly name: 'waiting' }
  | { readonly name: 'resuming' }
  /** A new transport for the session that is held. */
  | { readonly name: 'rebuilding' }
  | { readonly name: 'ended'; readonly reason: 'left' | 'superseded' }
  | { readonly name: 'failed'; readonly code: ErrorCode | 'gave-up' };

export interface State {
  readonly phase: Phase;
  /** The server has given this page a session, as far as it knows. */
  readonly session: boolean;
  readonly media: Media;
  /** Failed attempts in a row. */
  readonly attempt: number;
  /** When the trouble began (ms), undefined while there is none. */
  readonly troubleSince: number | undefined;
  /** When it last became live (ms). */
  readonly liveSince: number | undefined;
}

export type Event =
  | { readonly type: 'START' }
  | { readonly type: 'SOCKET_UP' }
  | { readonly type: 'SOCKET_DOWN' }
  /**
   * The server has a session for this page now, and the transport's server side. `ahead`: it was
   * given before the socket was up, and the media may be on its way or there.
   */
  | { readonly type: 'JOINED'; readonly ahead: boolean }
  | { readonly type: 'RESUMED'; readonly transport: 'kept' | 'gone' }
  | { readonly type: 'RENEWED' }
  /** After an ICE restart something has arrived on the path. */
  | { readonly type: 'PATH_PROVEN' }
  | { readonly type: 'REFUSED'; readonly code: ErrorCode; readonly retry: Retry }
  /** Everything that should flow can flow (which may be nothing). */
  | { readonly type: 'MEDIA_READY' }
  | { readonly type: 'MEDIA_PENDING' }
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

export type Command =
  | { readonly do: 'openSocket' }
  | { readonly do: 'closeSocket' }
  | { readonly do: 'enter' }
  | { readonly do: 'resume' }
  | { readonly do: 'restartIce' }
  | { readonly do: 'renewTransport' }
  | { readonly do: 'requestKeyFrame' }
  | { readonly do: 'dropMedia' }
  | { readonly do: 'forgetSession' }
  /** Replaces the timer that runs; none where `ms` is undefined. */
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

export const TIMING = {
  socketDeadlineMs: 5_000,
  answerDeadlineMs: 6_000,
  /** ICE and DTLS of a fresh transport, over TCP where UDP is blocked. */
  negotiationDeadlineMs: 8_000,
  /** Most disturbances heal by themselves. */
  disturbanceGraceMs: 3_000,
  /** An ICE restart works the first time or never: 0.1 s on a good line, some round trips on a bad one. */
  repairDeadlineMs: 2_000,
  stableMs: 30_000,
  /** A line that drops again and again waits, but not as long as one that never came up. */
  attemptsAfterSuccess: 2,
} as const;

export const INITIAL: State = {
  phase: { name: 'idle' },
  session: false,
  media: 'none',
  attempt: 0,
  troubleSince: undefined,
  liveSince: undefined,
};

export function step(state: State, event: Event, env: Env): Step {
  if (state.phase.name === 'ended' || state.phase.name === 'failed') return stay(state);
  switch (event.type) {
    case 'START':
      return state.phase.name === 'idle' ? connect(state) : stay(state);
    case 'LEAVE':
      return finish(state, { name: 'ended', reason: 'left' });
    case 'SUPERSEDED':
      return finish(state, { name: 'ended', reason: 'superseded' });
    case 'SOCKET_UP':
      if (state.phase.name !== 'connecting') return stay(state);
      return state.session ? resume(state) : enter(state);
    case 'SOCKET_DOWN':
      return state.phase.name === 'idle' || state.phase.name === 'waiting'
        ? stay(state)
        : wait(state, env);
    case 'SERVER_DRAINING':
      if (state.phase.name === 'idle') return stay(state);
      return wait(state, env, event.retryInMs * (1 + env.random));
    case 'REFUSED':
      return refused(state, event, env);
    case 'JOINED':
      if (state.phase.name !== 'joining') return stay(state);
      return joined({ ...state, session: true }, event.ahead, env);
    case 'RENEWED':
      return state.phase.name === 'rebuilding' ? negotiate(state) : stay(state);
    case 'RESUMED':
      if (state.phase.name !== 'resuming') return stay(state);
      if (event.transport === 'gone') return rebuild(state);
      // Half set up when the socket went: the server may never have heard of the page's side.
      if (state.media === 'pending') return rebuild(state);
      return state.media === 'up' || state.media === 'none' ? live(state, env) : repair(state);
    case 'PATH_PROVEN':
      if (state.phase.name !== 'repairing') return stay(state);
      // ICE is mended; DTLS has not been up on it yet.
      return state.media === 'pending' ? negotiate(state) : live({ ...state, media: 'up' }, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
      return media(state, event, env);
    case 'TRANSPORT_GONE': {
      const gone: State = { ...state, media: 'down' };
      const { name } = state.phase;
      if (name === 'live' || name === 'repairing' || name === 'negotiating') return rebuild(gone);
      return stay(gone);
    }
    case 'TIMER':
      return timer(state, env);
    case 'ONLINE':
      // The path has changed. A restart costs a round trip, a dead path seconds.
      if (state.phase.name === 'live' && state.session) return repair(state);
      return state.phase.name === 'waiting' ? connectAtOnce(state) : stay(state);
    case 'VISIBLE':
      if (state.phase.name === 'waiting') return connectAtOnce(state);
      return state.phase.name === 'live' && state.media !== 'up' && state.media !== 'none'
        ? repair(state)
        : stay(state);
    default:
      return event satisfies never;
  }
}

function media(state: State, event: Extract<Event, { type: `MEDIA_${string}` }>, env: Env): Step {
  const { name } = state.phase;
  switch (event.type) {
    case 'MEDIA_PENDING':
      // A first broadcast reaches a viewer that had nothing to receive: its transport comes up now.
      if (name === 'live') return negotiate(state);
      return stay({ ...state, media: 'pending' });
    case 'MEDIA_READY': {
      const up: State = { ...state, media: 'up' };
      // While ICE restarts the state may speak of the path that is dead: PATH_PROVEN counts.
      if (name === 'negotiating') return live(up, env);
      // It healed within its grace.
      return name === 'live' ? { state: up, commands: [{ do: 'timer', ms: undefined }] } : stay(up);
    }
    case 'MEDIA_DISCONNECTED': {
      const disturbed: State = { ...state, media: 'disturbed' };
      if (name !== 'live') return stay(disturbed);
      return {
        state: disturbed,
        commands: [{ do: 'timer', ms: TIMING.disturbanceGraceMs }],
      };
    }
    case 'MEDIA_FAILED': {
      const down: State = { ...state, media: 'down' };
      if (name === 'live') return repair(down);
      // An ICE restart that fails, or a new transport that fails: the next rung.
      return name === 'negotiating' ? rebuildLater(down, env) : stay(down);
    }
    default:
      return event satisfies never;
  }
}

function timer(state: State, env: Env): Step {
  const { name } = state.phase;
  switch (name) {
    case 'waiting':
      return connect(state);
    case 'live':
      return state.media === 'up' || state.media === 'none' ? stay(state) : repair(state);
    case 'repairing':
      return rebuild(state);
    case 'negotiating':
      return rebuildLater(state, env);
    case 'connecting':
    case 'joining':
    case 'resuming':
    case 'rebuilding':
      return wait(state, env);
    case 'idle':
    case 'ended':
    case 'failed':
      return stay(state);
    default:
      return name satisfies never;
  }
}

function refused(state: State, event: Extract<Event, { type: 'REFUSED' }>, env: Env): Step {
  const { name } = state.phase;
  if (name === 'idle' || name === 'waiting' || name === 'connecting') return stay(state);
  switch (event.retry) {
    case 'never':
      return event.code === 'superseded'
        ? finish(state, { name: 'ended', reason: 'superseded' })
        : finish(state, { name: 'failed', code: event.code });
    case 'rejoin': {
      const entered = enter({ ...state, session: false });
      if (name === 'joining') return wait(state, env);
      return { ...entered, commands: [{ do: 'forgetSession' }, ...entered.commands] };
    }
    case 'rebuild':
      return name === 'rebuilding' || name === 'joining' ? wait(state, env) : rebuild(state);
    case 'later':
      return wait(state, env);
    default:
      return event.retry satisfies never;
  }
}

function stay(state: State): Step {
  return { state, commands: [] };
}

function moveTo(state: State, phase: Phase, timerMs: number | undefined, ...more: Command[]): Step {
  return {
    state: { ...state, phase },
    commands: [{ do: 'timer', ms: timerMs }, ...more],
  };
}

function connect(state: State): Step {
  return moveTo(state, { name: 'connecting' }, TIMING.socketDeadlineMs, { do: 'openSocket' });
}

/** The world has changed for the better: the waits start from the front. */
function connectAtOnce(state: State): Step {
  return connect({ ...state, attempt: 0 });
}

function enter(state: State): Step {
  return moveTo(state, { name: 'joining' }, TIMING.answerDeadlineMs, { do: 'enter' });
}

function resume(state: State): Step {
  return moveTo(state, { name: 'resuming' }, TIMING.answerDeadlineMs, { do: 'resume' });
}

function joined(state: State, ahead: boolean, env: Env): Step {
  if (ahead && state.media === 'up') return live(state, env);
  // It came and went while the socket was on its way.
  if (ahead && state.media === 'down') return rebuild(state);
  return negotiate(state);
}

function negotiate(state: State): Step {
  return moveTo(
    { ...state, media: 'pending' },
    { name: 'negotiating' },
    TIMING.negotiationDeadlineMs,
  );
}

function repair(state: State): Step {
  return moveTo(
    { ...state, media: state.media === 'up' ? 'disturbed' : state.media },
    { name: 'repairing' },
    TIMING.repairDeadlineMs,
    { do: 'restartIce' },
  );
}

function rebuild(state: State): Step {
  return moveTo(state, { name: 'rebuilding' }, TIMING.answerDeadlineMs, { do: 'renewTransport' });
}

/** A transport that did not come up is not followed by the next one at once, for ever. */
function rebuildLater(state: State, env: Env): Step {
  return attemptOf(state, env) === 0
    ? rebuild({ ...state, attempt: 1, liveSince: undefined })
    : wait({ ...state, media: 'down' }, env);
}

function live(state: State, env: Env): Step {
  const settled: State = {
    ...state,
    attempt: Math.min(state.attempt, TIMING.attemptsAfterSuccess),
    troubleSince: undefined,
    liveSince: env.now,
  };
  return moveTo(settled, { name: 'live' }, undefined, { do: 'requestKeyFrame' });
}

/** Stability wipes out the failures before it. */
function attemptOf(state: State, env: Env): number {
  const stable =
    state.troubleSince === undefined &&
    state.liveSince !== undefined &&
    env.now - state.liveSince >= TIMING.stableMs;
  return stable ? 0 : state.attempt;
}

/** Keeps the media: it may flow on while signalling is away. */
function wait(state: State, env: Env, delayMs?: number): Step {
  const attempt = attemptOf(state, env);
  const troubleSince = state.troubleSince ?? env.now;
  if (env.now - troubleSince > env.patienceMs) {
    return finish(state, { name: 'failed', code: 'gave-up' });
  }
  return moveTo(
    { ...state, attempt: attempt + 1, troubleSince },
    { name: 'waiting' },
    delayMs ?? backoffMs(attempt, env.random),
    { do: 'closeSocket' },
  );
}

function finish(state: State, phase: Phase): Step {
  return {
    state: { ...state, phase, session: false, media: 'none', liveSince: undefined },
    commands: [
      { do: 'timer', ms: undefined },
      { do: 'dropMedia' },
      { do: 'forgetSession' },
      { do: 'closeSocket' },
    ],
  };
}
