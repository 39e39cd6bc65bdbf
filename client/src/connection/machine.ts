/**
 * The connection of a page as a pure function: step(state, event, env) returns the next state and
 * the commands that the driver runs. There is one function for each phase, and it lists every event:
 * first those that the phase reacts to, then those that it ignores. Both roles use it; only the role
 * knows what `openSession` and `renewTransport` request.
 */
import type { ErrorCode } from '#protocol/errors.ts';
import type {
  Active,
  Command,
  Connecting,
  Ended,
  Event,
  EventOf,
  Failed,
  History,
  Idle,
  InSession,
  Joining,
  Kept,
  Live,
  Negotiating,
  Rebuilding,
  Repairing,
  Resuming,
  SessionAnswer,
  State,
  TransportMedia,
  Waiting,
} from './states.ts';
import { backoffMs, TIMING } from './timing.ts';

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

export const INITIAL: State = { phase: 'idle' };

export function step(state: State, event: Event, env: Env): Step {
  switch (state.phase) {
    case 'idle':
      return idle(state, event);
    case 'waiting':
      return waiting(state, event, env);
    case 'connecting':
      return connecting(state, event, env);
    case 'joining':
      return joining(state, event, env);
    case 'resuming':
      return resuming(state, event, env);
    case 'negotiating':
      return negotiating(state, event, env);
    case 'live':
      return live(state, event, env);
    case 'repairing':
      return repairing(state, event, env);
    case 'rebuilding':
      return rebuilding(state, event, env);
    case 'ended':
    case 'failed':
      return stay(state);
    default:
      return state satisfies never;
  }
}

// --- the phases

function idle(state: Idle, event: Event): Step {
  switch (event.type) {
    case 'START':
      return connect({ session: false, media: 'none', attempt: 0, troubleSince: undefined });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'SOCKET_UP':
    case 'SOCKET_DOWN':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'REFUSED':
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
    case 'TIMER':
    case 'ONLINE':
    case 'VISIBLE':
    case 'SERVER_DRAINING':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function waiting(state: Waiting, event: Event, env: Env): Step {
  switch (event.type) {
    case 'TIMER':
      return connect(state);
    case 'ONLINE':
    case 'VISIBLE':
      // The conditions have improved: the waits start again with the shortest one.
      return connect({ ...state, attempt: 0 });
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SOCKET_DOWN':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'REFUSED':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function connecting(state: Connecting, event: Event, env: Env): Step {
  switch (event.type) {
    case 'SOCKET_UP':
      return state.session ? resume(state) : openSession(state, state.media);
    case 'SOCKET_DOWN':
    case 'TIMER':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'REFUSED':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function joining(state: Joining, event: Event, env: Env): Step {
  switch (event.type) {
    case 'SESSION_OPENED':
      return applying(event.answer, sessionOpened(state, event.ahead, env));
    case 'REFUSED':
      // The session that could be renewed or rebuilt does not exist yet.
      return event.retry === 'never' ? endRefused(event.code) : wait(state, env);
    case 'SOCKET_DOWN':
    case 'TIMER':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function sessionOpened(state: Joining, ahead: boolean, env: Env): Step {
  if (ahead && state.media === 'up') return goLive(state, env);
  // The transport came up and failed before the socket was up.
  if (ahead && state.media === 'down') return rebuild(state, 'down');
  return negotiate(state);
}

function resuming(state: Resuming, event: Event, env: Env): Step {
  switch (event.type) {
    case 'SESSION_RESUMED':
      return applying(event.answer, sessionResumed(state, event.transport, env));
    case 'REFUSED':
      return refused(state, event, env);
    case 'SOCKET_DOWN':
    case 'TIMER':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function sessionResumed(state: Resuming, transport: 'kept' | 'gone', env: Env): Step {
  if (transport === 'gone') return rebuild(state, state.media);
  switch (state.media) {
    case 'pending':
      // It was half set up when the socket went down: the server may not know the page's side.
      return rebuild(state, state.media);
    case 'up':
      return goLive(state, env);
    case 'disturbed':
    case 'down':
      return repair(state);
    default:
      return state.media satisfies never;
  }
}

function negotiating(state: Negotiating, event: Event, env: Env): Step {
  switch (event.type) {
    case 'MEDIA_READY':
      return goLive(state, env);
    case 'MEDIA_PENDING':
      return stay({ ...state, media: 'pending' });
    case 'MEDIA_DISCONNECTED':
      return stay({ ...state, media: 'disturbed' });
    case 'MEDIA_FAILED':
      return rebuildOrWait(state, 'down', env);
    case 'TIMER':
      return rebuildOrWait(state, state.media, env);
    case 'TRANSPORT_GONE':
      return rebuild(state, 'down');
    case 'REFUSED':
      return refused(state, event, env);
    case 'SOCKET_DOWN':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function live(state: Live, event: Event, env: Env): Step {
  switch (event.type) {
    case 'MEDIA_DISCONNECTED':
      return {
        state: { ...state, media: 'disturbed' },
        commands: [{ do: 'timer', ms: TIMING.disturbanceGraceMs }],
      };
    case 'MEDIA_READY':
      // The disturbance ended within its grace.
      return { state: { ...state, media: 'up' }, commands: [{ do: 'timer', ms: undefined }] };
    case 'MEDIA_PENDING':
      // The first broadcast reaches a viewer that had nothing to receive: its transport comes up now.
      return negotiate(state);
    case 'MEDIA_FAILED':
      return repair(state, 'down');
    case 'ONLINE':
      // The network path has changed. An ICE restart costs a round trip, a dead path costs seconds.
      return repair(state);
    case 'TIMER':
    case 'VISIBLE':
      return state.media === 'disturbed' ? repair(state) : stay(state);
    case 'TRANSPORT_GONE':
      return rebuild(state, 'down');
    case 'REFUSED':
      return refused(state, event, env);
    case 'SOCKET_DOWN':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'PATH_PROVEN':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function repairing(state: Repairing, event: Event, env: Env): Step {
  switch (event.type) {
    case 'PATH_PROVEN':
      // ICE works again, but DTLS has not been up on this transport yet.
      return state.media === 'pending' ? negotiate(state) : goLive(state, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
      // While ICE restarts, these may describe the path that is dead: only PATH_PROVEN counts.
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'TIMER':
      return rebuild(state, state.media);
    case 'TRANSPORT_GONE':
      return rebuild(state, 'down');
    case 'REFUSED':
      return refused(state, event, env);
    case 'SOCKET_DOWN':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'TRANSPORT_RENEWED':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

function rebuilding(state: Rebuilding, event: Event, env: Env): Step {
  switch (event.type) {
    case 'TRANSPORT_RENEWED':
      return applying(event.answer, negotiate(state));
    case 'REFUSED':
      // Rebuilding is what was refused.
      return event.retry === 'rebuild' ? wait(state, env) : refused(state, event, env);
    case 'SOCKET_DOWN':
    case 'TIMER':
      return wait(state, env);
    case 'SERVER_DRAINING':
      return waitForDrain(state, event, env);
    case 'MEDIA_PENDING':
    case 'MEDIA_READY':
    case 'MEDIA_DISCONNECTED':
    case 'MEDIA_FAILED':
    case 'TRANSPORT_GONE':
      return stay({ ...state, media: MEDIA_AFTER[event.type] });
    case 'LEAVE':
      return end('left');
    case 'SUPERSEDED':
      return end('superseded');
    case 'START':
    case 'SOCKET_UP':
    case 'SESSION_OPENED':
    case 'SESSION_RESUMED':
    case 'PATH_PROVEN':
    case 'ONLINE':
    case 'VISIBLE':
      return stay(state);
    default:
      return event satisfies never;
  }
}

// --- the transitions

const MEDIA_AFTER = {
  MEDIA_PENDING: 'pending',
  MEDIA_READY: 'up',
  MEDIA_DISCONNECTED: 'disturbed',
  MEDIA_FAILED: 'down',
  TRANSPORT_GONE: 'down',
} as const satisfies Partial<Record<Event['type'], TransportMedia>>;

function stay(state: State): Step {
  return { state, commands: [] };
}

function moveTo(state: State, timerMs: number | undefined, ...commands: Command[]): Step {
  return { state, commands: [{ do: 'timer', ms: timerMs }, ...commands] };
}

/** The answer is applied after everything else, in the phase that it has led to. */
function applying(answer: SessionAnswer, { state, commands }: Step): Step {
  return { state, commands: [...commands, { do: 'applyAnswer', answer }] };
}

function connect(from: Kept & Pick<Connecting, 'attempt' | 'troubleSince'>): Step {
  return moveTo({ ...from, phase: 'connecting' }, TIMING.socketDeadlineMs, { do: 'openSocket' });
}

function openSession(from: Active, media: Joining['media']): Step {
  return moveTo({ phase: 'joining', media, ...historyOf(from) }, TIMING.answerDeadlineMs, {
    do: 'openSession',
  });
}

function resume({ media, attempt, troubleSince }: Connecting & { readonly session: true }): Step {
  return moveTo({ phase: 'resuming', media, attempt, troubleSince }, TIMING.answerDeadlineMs, {
    do: 'resume',
  });
}

function negotiate(from: Joining | Live | Repairing | Rebuilding): Step {
  return moveTo(
    { phase: 'negotiating', media: 'pending', ...historyOf(from) },
    TIMING.negotiationDeadlineMs,
  );
}

function goLive({ attempt }: Joining | InSession, env: Env): Step {
  return moveTo(
    {
      phase: 'live',
      media: 'up',
      attempt: Math.min(attempt, TIMING.attemptsAfterSuccess),
      since: env.now,
    },
    undefined,
    { do: 'requestKeyFrame' },
  );
}

function repair(from: Live | Resuming, media: TransportMedia = from.media): Step {
  return moveTo(
    { phase: 'repairing', media: media === 'up' ? 'disturbed' : media, ...historyOf(from) },
    TIMING.repairDeadlineMs,
    { do: 'restartIce' },
  );
}

function rebuild(from: Joining | InSession, media: TransportMedia): Step {
  return moveTo({ phase: 'rebuilding', media, ...historyOf(from) }, TIMING.answerDeadlineMs, {
    do: 'renewTransport',
  });
}

/** A transport that does not come up is replaced at once the first time, and after a wait from then on. */
function rebuildOrWait(from: Negotiating, media: TransportMedia, env: Env): Step {
  if (failedAttempts(from, env) > 0) {
    return wait(from, env, { kept: { session: true, media: 'down' } });
  }
  return rebuild({ ...from, attempt: 1, liveSince: undefined }, media);
}

/** Keeps the media: it may flow on while signalling is down. */
function wait(from: Active, env: Env, options: { kept?: Kept; delayMs?: number } = {}): Step {
  const { kept = keptOf(from), delayMs } = options;
  const attempt = failedAttempts(from, env);
  const troubleSince = historyOf(from).troubleSince ?? env.now;
  if (env.now - troubleSince > env.patienceMs) return finish({ phase: 'failed', code: 'gave-up' });
  return moveTo(
    { phase: 'waiting', ...kept, attempt: attempt + 1, troubleSince },
    delayMs ?? backoffMs(attempt, env.random),
    { do: 'closeSocket' },
  );
}

function waitForDrain(from: Active, event: EventOf<'SERVER_DRAINING'>, env: Env): Step {
  // The random part spreads the pages of the server that stops.
  return wait(from, env, { delayMs: event.retryInMs * (1 + env.random) });
}

/** A refusal in a phase that has a session: the error's `retry` decides. */
function refused(from: InSession, { code, retry }: EventOf<'REFUSED'>, env: Env): Step {
  switch (retry) {
    case 'never':
      return endRefused(code);
    case 'later':
      return wait(from, env);
    case 'rebuild':
      return rebuild(from, from.media);
    case 'rejoin': {
      const { state, commands } = openSession(from, from.media);
      return { state, commands: [{ do: 'forgetSession' }, ...commands] };
    }
    default:
      return retry satisfies never;
  }
}

function endRefused(code: ErrorCode): Step {
  return code === 'superseded' ? end('superseded') : finish({ phase: 'failed', code });
}

function end(reason: Ended['reason']): Step {
  return finish({ phase: 'ended', reason });
}

function finish(state: Ended | Failed): Step {
  return moveTo(
    state,
    undefined,
    { do: 'dropMedia' },
    { do: 'forgetSession' },
    { do: 'closeSocket' },
  );
}

// --- what one phase passes on to the next

function keptOf(state: Active): Kept {
  switch (state.phase) {
    case 'waiting':
    case 'connecting':
      return state.session
        ? { session: true, media: state.media }
        : { session: false, media: state.media };
    case 'joining':
      return { session: false, media: state.media };
    case 'resuming':
    case 'negotiating':
    case 'live':
    case 'repairing':
    case 'rebuilding':
      return { session: true, media: state.media };
    default:
      return state satisfies never;
  }
}

function historyOf(state: Active): History {
  const { attempt } = state;
  switch (state.phase) {
    case 'live':
      return { attempt, troubleSince: undefined, liveSince: state.since };
    case 'waiting':
    case 'connecting':
    case 'resuming':
      return { attempt, troubleSince: state.troubleSince, liveSince: undefined };
    case 'joining':
    case 'negotiating':
    case 'repairing':
    case 'rebuilding':
      return { attempt, troubleSince: state.troubleSince, liveSince: state.liveSince };
    default:
      return state satisfies never;
  }
}

/** Failed attempts that still count: after a time without a fault, none does. */
function failedAttempts(state: Active, env: Env): number {
  const { attempt, troubleSince, liveSince } = historyOf(state);
  const stable =
    troubleSince === undefined && liveSince !== undefined && env.now - liveSince >= TIMING.stableMs;
  return stable ? 0 : attempt;
}
