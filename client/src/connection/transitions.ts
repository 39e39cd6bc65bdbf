/**
 * The transitions of the connection's machine: each returns the next state and the commands that
 * belong to it. machine.ts decides which one follows an event.
 */
import type { ErrorCode } from '#protocol/errors.ts';
import type {
  Active,
  Command,
  Connecting,
  Ended,
  Env,
  Event,
  EventOf,
  Failed,
  History,
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
  Step,
  TransportMedia,
} from './states.ts';
import { backoffMs, TIMING } from './timing.ts';

/** The condition of the transport that a media event reports. */
export const MEDIA_AFTER = {
  MEDIA_PENDING: 'pending',
  MEDIA_READY: 'up',
  MEDIA_DISCONNECTED: 'disturbed',
  MEDIA_FAILED: 'down',
  TRANSPORT_GONE: 'down',
} as const satisfies Partial<Record<Event['type'], TransportMedia>>;

export function stay(state: State): Step {
  return { state, commands: [] };
}

function moveTo(state: State, timerMs: number | undefined, ...commands: Command[]): Step {
  return { state, commands: [{ do: 'timer', ms: timerMs }, ...commands] };
}

/** The answer is applied after everything else, in the phase that it has led to. */
export function applying(answer: SessionAnswer, { state, commands }: Step): Step {
  return { state, commands: [...commands, { do: 'applyAnswer', answer }] };
}

export function connect(from: Kept & Pick<Connecting, 'attempt' | 'troubleSince'>): Step {
  return moveTo({ ...from, phase: 'connecting' }, TIMING.socketDeadlineMs, { do: 'openSocket' });
}

export function openSession(from: Connecting | InSession): Step {
  return moveTo(
    { phase: 'joining', media: from.media, ...historyOf(from) },
    TIMING.answerDeadlineMs,
    {
      do: 'openSession',
    },
  );
}

export function resume({
  media,
  attempt,
  troubleSince,
}: Connecting & { readonly session: true }): Step {
  return moveTo({ phase: 'resuming', media, attempt, troubleSince }, TIMING.answerDeadlineMs, {
    do: 'resume',
  });
}

export function negotiate(from: Joining | Live | Repairing | Rebuilding): Step {
  return moveTo(
    { phase: 'negotiating', media: 'pending', ...historyOf(from) },
    TIMING.negotiationDeadlineMs,
  );
}

export function goLive({ attempt }: Joining | InSession, env: Env): Step {
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

export function repair(from: Live | Resuming, media: TransportMedia = from.media): Step {
  return moveTo(
    { phase: 'repairing', media: media === 'up' ? 'disturbed' : media, ...historyOf(from) },
    TIMING.repairDeadlineMs,
    { do: 'restartIce' },
  );
}

export function rebuild(from: Joining | InSession, media: TransportMedia): Step {
  return moveTo({ phase: 'rebuilding', media, ...historyOf(from) }, TIMING.answerDeadlineMs, {
    do: 'renewTransport',
  });
}

/** A transport that does not come up is replaced at once the first time, and after a wait from then on. */
export function rebuildOrWait(from: Negotiating, media: TransportMedia, env: Env): Step {
  if (failedAttempts(from, env) > 0) {
    return wait(from, env, { kept: { session: true, media: 'down' } });
  }
  return rebuild({ ...from, attempt: 1, liveSince: undefined }, media);
}

/** Keeps the media: it may flow on while signalling is down. */
export function wait(
  from: Active,
  env: Env,
  options: { kept?: Kept; delayMs?: number } = {},
): Step {
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

export function waitForDrain(from: Active, event: EventOf<'SERVER_DRAINING'>, env: Env): Step {
  // The random part spreads the pages of the server that stops.
  return wait(from, env, { delayMs: event.retryInMs * (1 + env.random) });
}

/** A refusal in a phase that has a session: the error's `retry` decides. */
export function refused(from: InSession, { code, retry }: EventOf<'REFUSED'>, env: Env): Step {
  switch (retry) {
    case 'never':
      return endRefused(code);
    case 'later':
      return wait(from, env);
    case 'rebuild':
      return rebuild(from, from.media);
    case 'rejoin': {
      const { state, commands } = openSession(from);
      return { state, commands: [{ do: 'forgetSession' }, ...commands] };
    }
    default:
      return retry satisfies never;
  }
}

export function endRefused(code: ErrorCode): Step {
  return code === 'superseded' ? end('superseded') : finish({ phase: 'failed', code });
}

export function end(reason: Ended['reason']): Step {
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
