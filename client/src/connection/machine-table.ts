/**
 * The transitions of the connection as a table. machine.test.ts checks the machine against it, and
 * docs/connection-states.md is printed from it. It is not part of a page.
 */
import { ERRORS, type ErrorCode } from '#protocol/errors.ts';
import { ANSWERS } from '#protocol/signalling.ts';
import * as v from 'valibot';
import { step } from './machine.ts';
import type { Command, Env, Event, Phase, SessionAnswer, State } from './states.ts';
import { TIMING } from './timing.ts';

export const ENV: Env = { now: 1_000_000, random: 0.5, patienceMs: Number.POSITIVE_INFINITY };

/** An answer of a server. The machine only passes it on. */
export const ANSWER: SessionAnswer = {
  to: 'resume',
  value: v.parse(ANSWERS.resume, {
    session: { sessionId: 'session-of-table', resumeSecret: 's'.repeat(43) },
    room: { roomId: 'main', status: 'live', epoch: 1, viewers: 0, video: 'on', audio: 'off' },
    transportId: null,
    media: null,
    producerIds: [],
    overlay: null,
  }),
};

type StateOf<P extends Phase> = Extract<State, { readonly phase: P }>;
type Given<P extends Phase> = Partial<Omit<StateOf<P>, 'phase'>>;

const TYPICAL: { readonly [P in Phase]: StateOf<P> } = {
  idle: { phase: 'idle' },
  waiting: {
    phase: 'waiting',
    session: true,
    media: 'up',
    attempt: 1,
    troubleSince: ENV.now - 100,
  },
  connecting: {
    phase: 'connecting',
    session: false,
    media: 'none',
    attempt: 0,
    troubleSince: undefined,
  },
  joining: {
    phase: 'joining',
    media: 'none',
    attempt: 0,
    troubleSince: undefined,
    liveSince: undefined,
  },
  resuming: { phase: 'resuming', media: 'up', attempt: 1, troubleSince: ENV.now - 100 },
  negotiating: {
    phase: 'negotiating',
    media: 'pending',
    attempt: 0,
    troubleSince: undefined,
    liveSince: undefined,
  },
  live: { phase: 'live', media: 'up', attempt: 0, since: ENV.now },
  repairing: {
    phase: 'repairing',
    media: 'disturbed',
    attempt: 0,
    troubleSince: undefined,
    liveSince: ENV.now,
  },
  rebuilding: {
    phase: 'rebuilding',
    media: 'down',
    attempt: 0,
    troubleSince: undefined,
    liveSince: ENV.now,
  },
  ended: { phase: 'ended', reason: 'left' },
  failed: { phase: 'failed', code: 'gave-up' },
};

/** A typical state of a phase, or one in which some fields are as given. */
export function inPhase<P extends Phase>(phase: P, given?: Given<P>): StateOf<P> {
  return { ...TYPICAL[phase], ...given };
}

export function refusal(code: ErrorCode): Event {
  return { type: 'REFUSED', code, retry: ERRORS[code].retry };
}

export interface Row {
  /** The rule of docs/behaviour.md that the transition follows, and what it means here. */
  readonly rule: string;
  readonly from: State;
  readonly event: Event;
  readonly to: Phase;
  readonly commands: readonly Command['do'][];
  readonly timerMs?: number;
  /** Fields of the next state. */
  readonly state?: object;
  /** Whether the page holds a session afterwards. */
  readonly session?: boolean;
}

const opened = (ahead: boolean): Event => ({ type: 'SESSION_OPENED', ahead, answer: ANSWER });
const resumed = (transport: 'kept' | 'gone'): Event => ({
  type: 'SESSION_RESUMED',
  transport,
  answer: ANSWER,
});
const IN_SESSION = ['resuming', 'negotiating', 'live', 'repairing', 'rebuilding'] as const;
const WITH_SOCKET = ['joining', ...IN_SESSION] as const;
const ACTIVE = ['waiting', 'connecting', ...WITH_SOCKET] as const;
const END = ['timer', 'dropMedia', 'forgetSession', 'closeSocket'] as const;

/** The same transition from several phases. */
function fromEach(phases: readonly Phase[], row: Omit<Row, 'from'>): Row[] {
  return phases.map((phase) => ({ ...row, from: TYPICAL[phase] }));
}

/** Every transition: an event that is not listed for a phase changes at most the field `media`. */
export const TABLE: readonly Row[] = [
  {
    rule: 'CONN-9 a page starts by opening its socket',
    from: inPhase('idle'),
    event: { type: 'START' },
    to: 'connecting',
    commands: ['timer', 'openSocket'],
    timerMs: TIMING.socketDeadlineMs,
  },

  {
    rule: 'CONN-8 the next attempt is due',
    from: inPhase('waiting', { attempt: 3 }),
    event: { type: 'TIMER' },
    to: 'connecting',
    commands: ['timer', 'openSocket'],
    state: { attempt: 3 },
  },
  ...(['ONLINE', 'VISIBLE'] as const).map(
    (type): Row => ({
      rule: `CONN-8 ${type} ends the wait, and the next waits start with the shortest one`,
      from: inPhase('waiting', { attempt: 7, troubleSince: 5 }),
      event: { type },
      to: 'connecting',
      commands: ['timer', 'openSocket'],
      timerMs: TIMING.socketDeadlineMs,
      state: { attempt: 0, troubleSince: 5 },
    }),
  ),

  {
    rule: 'JOIN-1 a socket that is up requests a session at once',
    from: inPhase('connecting'),
    event: { type: 'SOCKET_UP' },
    to: 'joining',
    commands: ['timer', 'openSession'],
    timerMs: TIMING.answerDeadlineMs,
  },
  {
    rule: 'CONN-2 a page that holds a session resumes it',
    from: inPhase('connecting', { session: true, media: 'up' }),
    event: { type: 'SOCKET_UP' },
    to: 'resuming',
    commands: ['timer', 'resume'],
    timerMs: TIMING.answerDeadlineMs,
    state: { media: 'up' },
  },
  {
    rule: 'CONN-8 a socket that does not open is tried again',
    from: inPhase('connecting'),
    event: { type: 'TIMER' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    timerMs: 150,
    state: { attempt: 1, troubleSince: ENV.now },
  },
  {
    rule: 'CONN-8 a socket that is refused is tried again',
    from: inPhase('connecting', { attempt: 1 }),
    event: { type: 'SOCKET_DOWN' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    timerMs: 500,
    state: { attempt: 2 },
  },

  {
    rule: 'CONN-9 the session is open, its media comes up',
    from: inPhase('joining'),
    event: opened(false),
    to: 'negotiating',
    commands: ['timer', 'applyAnswer'],
    timerMs: TIMING.negotiationDeadlineMs,
    state: { media: 'pending' },
    session: true,
  },
  {
    rule: 'JOIN-1 the video is there before the socket is',
    from: inPhase('joining', { media: 'up' }),
    event: opened(true),
    to: 'live',
    commands: ['timer', 'requestKeyFrame', 'applyAnswer'],
    state: { media: 'up' },
    session: true,
  },
  {
    rule: 'JOIN-1 joined ahead of the socket, and media is still coming up',
    from: inPhase('joining', { media: 'pending' }),
    event: opened(true),
    to: 'negotiating',
    commands: ['timer', 'applyAnswer'],
    timerMs: TIMING.negotiationDeadlineMs,
    state: { media: 'pending' },
    session: true,
  },
  {
    rule: 'CONN-9 joined ahead of the socket, and media has failed meanwhile',
    from: inPhase('joining', { media: 'down' }),
    event: opened(true),
    to: 'rebuilding',
    commands: ['timer', 'renewTransport', 'applyAnswer'],
    session: true,
  },
  {
    rule: 'CONN-9 joined again: the condition of the transport before does not count',
    from: inPhase('joining', { media: 'up' }),
    event: opened(false),
    to: 'negotiating',
    commands: ['timer', 'applyAnswer'],
    state: { media: 'pending' },
  },
  {
    rule: 'CONN-8 an answer that does not come',
    from: inPhase('joining'),
    event: { type: 'TIMER' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    session: false,
  },

  {
    rule: 'CONN-7 media that flows is not touched when the session is resumed',
    from: inPhase('resuming', { media: 'up' }),
    event: resumed('kept'),
    to: 'live',
    commands: ['timer', 'requestKeyFrame', 'applyAnswer'],
  },
  {
    rule: 'CONN-9 media that is disturbed is repaired once the session is back',
    from: inPhase('resuming', { media: 'disturbed' }),
    event: resumed('kept'),
    to: 'repairing',
    commands: ['timer', 'restartIce', 'applyAnswer'],
    timerMs: TIMING.repairDeadlineMs,
  },
  {
    rule: 'CONN-9 media that is down is repaired once the session is back',
    from: inPhase('resuming', { media: 'down' }),
    event: resumed('kept'),
    to: 'repairing',
    commands: ['timer', 'restartIce', 'applyAnswer'],
  },
  {
    rule: 'CONN-9 a transport half set up when the socket went down: its connectTransport may be lost',
    from: inPhase('resuming', { media: 'pending' }),
    event: resumed('kept'),
    to: 'rebuilding',
    commands: ['timer', 'renewTransport', 'applyAnswer'],
  },
  {
    rule: 'CONN-9 the server no longer has the transport',
    from: inPhase('resuming', { media: 'up' }),
    event: resumed('gone'),
    to: 'rebuilding',
    commands: ['timer', 'renewTransport', 'applyAnswer'],
  },
  {
    rule: 'CONN-8 a resume without an answer',
    from: inPhase('resuming', { media: 'up' }),
    event: { type: 'TIMER' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    state: { media: 'up' },
    session: true,
  },

  {
    rule: 'CONN-12 media is up: live, and a key frame is requested',
    from: inPhase('negotiating', { media: 'pending', troubleSince: 5, attempt: 3 }),
    event: { type: 'MEDIA_READY' },
    to: 'live',
    commands: ['timer', 'requestKeyFrame'],
    state: { media: 'up', since: ENV.now, attempt: 2 },
  },
  {
    rule: 'CONN-9 a transport that fails at once is followed by one more',
    from: inPhase('negotiating', { media: 'pending' }),
    event: { type: 'MEDIA_FAILED' },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
    state: { attempt: 1 },
  },
  {
    rule: 'CONN-8 but not by one after another without end',
    from: inPhase('negotiating', { media: 'pending', attempt: 1 }),
    event: { type: 'MEDIA_FAILED' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    state: { attempt: 2, media: 'down' },
  },
  {
    rule: 'CONN-9 a transport that does not come up in time',
    from: inPhase('negotiating', { media: 'pending' }),
    event: { type: 'TIMER' },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
    timerMs: TIMING.answerDeadlineMs,
  },
  {
    rule: 'CONN-8 after 30 s of stability earlier attempts no longer count, for a transport too',
    from: inPhase('negotiating', {
      media: 'pending',
      attempt: 4,
      liveSince: ENV.now - TIMING.stableMs,
    }),
    event: { type: 'TIMER' },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
    state: { attempt: 1 },
  },

  {
    rule: 'CONN-9 a disturbance has 3 s to end without help',
    from: inPhase('live'),
    event: { type: 'MEDIA_DISCONNECTED' },
    to: 'live',
    commands: ['timer'],
    timerMs: 3_000,
    state: { media: 'disturbed' },
  },
  {
    rule: 'CONN-9 a disturbance that ended',
    from: inPhase('live', { media: 'disturbed' }),
    event: { type: 'MEDIA_READY' },
    to: 'live',
    commands: ['timer'],
    state: { media: 'up' },
  },
  {
    rule: 'CONN-9 a disturbance that did not end',
    from: inPhase('live', { media: 'disturbed' }),
    event: { type: 'TIMER' },
    to: 'repairing',
    commands: ['timer', 'restartIce'],
    timerMs: 2_000,
  },
  {
    rule: 'CONN-9 ICE failed: it is restarted at once',
    from: inPhase('live'),
    event: { type: 'MEDIA_FAILED' },
    to: 'repairing',
    commands: ['timer', 'restartIce'],
    state: { media: 'down' },
  },
  {
    rule: 'CONN-9 another network: ICE is restarted at once',
    from: inPhase('live'),
    event: { type: 'ONLINE' },
    to: 'repairing',
    commands: ['timer', 'restartIce'],
    state: { media: 'disturbed' },
  },
  {
    rule: 'CONN-9 a page that becomes visible does not wait for a disturbance to end',
    from: inPhase('live', { media: 'disturbed' }),
    event: { type: 'VISIBLE' },
    to: 'repairing',
    commands: ['timer', 'restartIce'],
  },
  {
    rule: 'CONN-14 the first broadcast reaches a viewer that had nothing to receive',
    from: inPhase('live'),
    event: { type: 'MEDIA_PENDING' },
    to: 'negotiating',
    commands: ['timer'],
    state: { media: 'pending' },
  },
  {
    rule: 'CONN-7 losing the socket keeps the media',
    from: inPhase('live'),
    event: { type: 'SOCKET_DOWN' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    timerMs: 150,
    state: { media: 'up' },
    session: true,
  },

  {
    rule: 'CONN-10 a restart is complete when its path is proven',
    from: inPhase('repairing', { media: 'down' }),
    event: { type: 'PATH_PROVEN' },
    to: 'live',
    commands: ['timer', 'requestKeyFrame'],
    state: { media: 'up' },
  },
  {
    rule: 'CONN-10 a restart is not complete because the transport reports it',
    from: inPhase('repairing', { media: 'disturbed' }),
    event: { type: 'MEDIA_READY' },
    to: 'repairing',
    commands: [],
    state: { media: 'up' },
  },
  {
    rule: 'CONN-10 a path without DTLS carries no media yet',
    from: inPhase('repairing', { media: 'pending' }),
    event: { type: 'PATH_PROVEN' },
    to: 'negotiating',
    commands: ['timer'],
    timerMs: TIMING.negotiationDeadlineMs,
  },
  {
    rule: 'CONN-9 a new transport where a restart has not helped in time',
    from: inPhase('repairing', { media: 'down' }),
    event: { type: 'TIMER' },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
    timerMs: TIMING.answerDeadlineMs,
  },

  {
    rule: 'CONN-9 the new transport comes up',
    from: inPhase('rebuilding', { media: 'up' }),
    event: { type: 'TRANSPORT_RENEWED', answer: ANSWER },
    to: 'negotiating',
    commands: ['timer', 'applyAnswer'],
    state: { media: 'pending' },
  },
  {
    rule: 'CONN-8 a renewal without an answer',
    from: inPhase('rebuilding', { media: 'down' }),
    event: { type: 'TIMER' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    session: true,
  },

  ...fromEach(['negotiating', 'live', 'repairing'], {
    rule: 'CONN-15 SRV-5 a transport that is gone is renewed',
    event: { type: 'TRANSPORT_GONE' },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
    state: { media: 'down' },
  }),
  ...fromEach(['joining'], {
    rule: 'CONN-8 losing the socket before there is a session',
    event: { type: 'SOCKET_DOWN' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    session: false,
  }),
  ...fromEach(['resuming', 'negotiating', 'repairing', 'rebuilding'], {
    rule: 'CONN-7 losing the socket keeps the session',
    event: { type: 'SOCKET_DOWN' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    session: true,
  }),
  ...fromEach(ACTIVE, {
    rule: 'SRV-4 a server that stops: the page disconnects and comes back later',
    event: { type: 'SERVER_DRAINING', retryInMs: 500 },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    timerMs: 750,
  }),

  // CONN-16: what follows is in the table of errors (protocol/errors.ts).
  ...fromEach(WITH_SOCKET, {
    rule: 'CONN-16 never: failed',
    event: refusal('room-taken'),
    to: 'failed',
    commands: END,
  }),
  ...fromEach(WITH_SOCKET, {
    rule: 'ROOM-2 superseded by a refusal',
    event: refusal('superseded'),
    to: 'ended',
    commands: END,
  }),
  ...fromEach(WITH_SOCKET, {
    rule: 'CONN-16 later: the same again after the wait',
    event: refusal('media-unavailable'),
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
  }),
  ...fromEach(IN_SESSION, {
    rule: 'CONN-16 rejoin: opens a new session on the same socket',
    event: refusal('session-gone'),
    to: 'joining',
    commands: ['forgetSession', 'timer', 'openSession'],
    timerMs: TIMING.answerDeadlineMs,
    session: false,
  }),
  ...fromEach(['joining'], {
    rule: 'CONN-16 rejoin in answer to joining: later',
    event: refusal('session-gone'),
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
  }),
  ...fromEach(['resuming', 'negotiating', 'live', 'repairing'], {
    rule: 'CONN-16 rebuild: same session, new transport',
    event: refusal('transport-gone'),
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
  }),
  ...fromEach(['joining', 'rebuilding'], {
    rule: 'CONN-16 rebuild where there is nothing to rebuild: later',
    event: refusal('transport-gone'),
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
  }),

  ...fromEach(['idle', ...ACTIVE], {
    rule: 'ROOM-2 another page has taken the broadcast over',
    event: { type: 'SUPERSEDED' },
    to: 'ended',
    commands: END,
    state: { reason: 'superseded' },
  }),
  ...fromEach(['idle', ...ACTIVE], {
    rule: 'SRV-7 a page that leaves keeps nothing',
    event: { type: 'LEAVE' },
    to: 'ended',
    commands: END,
    state: { reason: 'left' },
  }),
];

/** The table in Markdown, by phase. */
export function printTable(): string {
  const phases: readonly Phase[] = ['idle', ...ACTIVE];
  const rows = phases.flatMap((phase) => TABLE.filter(({ from }) => from.phase === phase));
  const cells = rows.map((row) => {
    const { commands } = step(row.from, row.event, ENV);
    return [
      phaseCell(row.from),
      `\`${row.event.type}\`${detail(row.event)}`,
      `\`${row.to}\``,
      commands.map((command) => commandCell(command, row)).join(', ') || 'none',
      row.rule,
    ];
  });
  const head = ['phase', 'event', 'next phase', 'commands', 'rule'];
  const widths = head.map((title, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join(
    '\n',
  );
}

/** The phase and the fields that differ from the typical ones. */
function phaseCell(from: State): string {
  const typical: object = TYPICAL[from.phase];
  // Elsewhere the attempt only decides how long the wait is.
  const shown = [
    'session',
    'media',
    ...(from.phase === 'negotiating' ? ['attempt', 'liveSince'] : []),
  ];
  const fields = Object.entries(from)
    .filter(([name, value]) => Reflect.get(typical, name) !== value && shown.includes(name))
    .map(([name, value]) => {
      if (name === 'liveSince') return 'live for 30 s before';
      return name === 'session' ? 'holds a session' : `${name} ${String(value)}`;
    });
  return `\`${from.phase}\`${fields.length > 0 ? `, ${fields.join(', ')}` : ''}`;
}

function detail(event: Event): string {
  if (event.type === 'SESSION_OPENED' && event.ahead) return ', ahead';
  if (event.type === 'SESSION_RESUMED') return `, transport ${event.transport}`;
  return event.type === 'REFUSED' ? `, \`${event.code}\`` : '';
}

function commandCell(command: Command, { event, to }: Row): string {
  if (command.do !== 'timer') return `\`${command.do}\``;
  if (command.ms === undefined) return 'timer off';
  if (event.type === 'SERVER_DRAINING') return 'timer `retryInMs` × 1 to 2';
  return to === 'waiting' ? 'timer backoff' : `timer ${command.ms / 1_000} s`;
}
