import { ERRORS, type ErrorCode } from '#protocol/errors.ts';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  type Command,
  type Env,
  type Event,
  INITIAL,
  type Phase,
  type State,
  type Step,
  step,
  TIMING,
} from './machine.ts';

const ENV: Env = { now: 1_000_000, random: 0.5, patienceMs: Number.POSITIVE_INFINITY };

const inPhase = (name: Exclude<Phase['name'], 'ended' | 'failed'>, rest: Partial<State> = {}) =>
  ({
    ...INITIAL,
    session: name !== 'idle' && name !== 'connecting' && name !== 'joining',
    media: name === 'live' ? 'up' : 'none',
    ...rest,
    phase: { name },
  }) satisfies State;

const names = (commands: readonly Command[]) => commands.map((command) => command.do);
const timerOf = ({ commands }: Step) => {
  const timers = commands.filter((command) => command.do === 'timer');
  expect(timers.length).toBeLessThanOrEqual(1);
  return timers[0]?.ms;
};
const refusal = (code: ErrorCode): Event => ({ type: 'REFUSED', code, retry: ERRORS[code].retry });

interface Row {
  readonly rule: string;
  readonly from: State;
  readonly event: Event;
  readonly to: Phase['name'];
  readonly commands: readonly Command['do'][];
  readonly timerMs?: number;
  readonly state?: Partial<State>;
}

/** Every phase and every event that matters there. What is not listed changes nothing (below). */
const TABLE: readonly Row[] = [
  {
    rule: 'CONN-9 a page starts by opening its socket',
    from: INITIAL,
    event: { type: 'START' },
    to: 'connecting',
    commands: ['timer', 'openSocket'],
    timerMs: TIMING.socketDeadlineMs,
  },
  {
    rule: 'JOIN-1 a socket that is up asks to join at once',
    from: inPhase('connecting'),
    event: { type: 'SOCKET_UP' },
    to: 'joining',
    commands: ['timer', 'enter'],
    timerMs: TIMING.answerDeadlineMs,
  },
  {
    rule: 'CONN-2 a page that holds a session takes it up',
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
    rule: 'CONN-9 the session is there, media comes up',
    from: inPhase('joining'),
    event: { type: 'JOINED', ahead: false },
    to: 'negotiating',
    commands: ['timer'],
    timerMs: TIMING.negotiationDeadlineMs,
    state: { session: true, media: 'pending' },
  },
  {
    rule: 'JOIN-1 the picture is there before the socket is',
    from: inPhase('joining', { media: 'up' }),
    event: { type: 'JOINED', ahead: true },
    to: 'live',
    commands: ['timer', 'requestKeyFrame'],
    state: { session: true, media: 'up' },
  },
  {
    rule: 'JOIN-1 joined ahead of the socket, media is still on its way',
    from: inPhase('joining', { media: 'pending' }),
    event: { type: 'JOINED', ahead: true },
    to: 'negotiating',
    commands: ['timer'],
    timerMs: TIMING.negotiationDeadlineMs,
    state: { session: true, media: 'pending' },
  },
  {
    rule: 'CONN-9 joined ahead of the socket, and the media has failed meanwhile',
    from: inPhase('joining', { media: 'down' }),
    event: { type: 'JOINED', ahead: true },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
    state: { session: true },
  },
  {
    rule: 'CONN-9 joined anew: what the transport before was worth counts for nothing',
    from: inPhase('joining', { media: 'up' }),
    event: { type: 'JOINED', ahead: false },
    to: 'negotiating',
    commands: ['timer'],
    state: { media: 'pending' },
  },
  {
    rule: 'CONN-8 an answer that does not come',
    from: inPhase('joining'),
    event: { type: 'TIMER' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
  },
  {
    rule: 'CONN-12 media is up: live, and a key frame is asked for',
    from: inPhase('negotiating', { media: 'pending', troubleSince: 5, attempt: 3 }),
    event: { type: 'MEDIA_READY' },
    to: 'live',
    commands: ['timer', 'requestKeyFrame'],
    state: { media: 'up', troubleSince: undefined, liveSince: ENV.now, attempt: 2 },
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
    rule: 'CONN-8 30 s of stability start from the front, for a transport too',
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
    rule: 'CONN-9 a transport that does not come up in time',
    from: inPhase('negotiating', { media: 'pending' }),
    event: { type: 'TIMER' },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
    timerMs: TIMING.answerDeadlineMs,
  },
  {
    rule: 'CONN-7 losing the socket keeps the media',
    from: inPhase('live'),
    event: { type: 'SOCKET_DOWN' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    timerMs: 150,
    state: { media: 'up', session: true },
  },
  {
    rule: 'CONN-7 media that flows is not touched when the session is taken up',
    from: inPhase('resuming', { media: 'up' }),
    event: { type: 'RESUMED', transport: 'kept' },
    to: 'live',
    commands: ['timer', 'requestKeyFrame'],
  },
  {
    rule: 'CONN-9 media that is disturbed is mended once the session is back',
    from: inPhase('resuming', { media: 'disturbed' }),
    event: { type: 'RESUMED', transport: 'kept' },
    to: 'repairing',
    commands: ['timer', 'restartIce'],
    timerMs: TIMING.repairDeadlineMs,
  },
  {
    rule: 'CONN-9 media that is down is mended once the session is back',
    from: inPhase('resuming', { media: 'down' }),
    event: { type: 'RESUMED', transport: 'kept' },
    to: 'repairing',
    commands: ['timer', 'restartIce'],
  },
  {
    rule: 'CONN-9 a transport half set up when the socket went: its connectTransport may be lost',
    from: inPhase('resuming', { media: 'pending' }),
    event: { type: 'RESUMED', transport: 'kept' },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
  },
  {
    rule: 'CONN-9 the server has no transport any more',
    from: inPhase('resuming', { media: 'up' }),
    event: { type: 'RESUMED', transport: 'gone' },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
  },
  {
    rule: 'CONN-8 a resume without an answer',
    from: inPhase('resuming', { media: 'up' }),
    event: { type: 'TIMER' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    state: { session: true, media: 'up' },
  },
  {
    rule: 'CONN-9 a disturbance has 3 s to heal',
    from: inPhase('live'),
    event: { type: 'MEDIA_DISCONNECTED' },
    to: 'live',
    commands: ['timer'],
    timerMs: 3_000,
    state: { media: 'disturbed' },
  },
  {
    rule: 'CONN-9 a disturbance that healed',
    from: inPhase('live', { media: 'disturbed' }),
    event: { type: 'MEDIA_READY' },
    to: 'live',
    commands: ['timer'],
    state: { media: 'up' },
  },
  {
    rule: 'CONN-9 a disturbance that did not heal',
    from: inPhase('live', { media: 'disturbed' }),
    event: { type: 'TIMER' },
    to: 'repairing',
    commands: ['timer', 'restartIce'],
    timerMs: 2_000,
  },
  {
    rule: 'CONN-9 ICE failed: restarted at once',
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
    rule: 'CONN-9 a page in front again does not wait for a disturbance',
    from: inPhase('live', { media: 'disturbed' }),
    event: { type: 'VISIBLE' },
    to: 'repairing',
    commands: ['timer', 'restartIce'],
  },
  {
    rule: 'CONN-10 a restart is done when its path is proven',
    from: inPhase('repairing', { media: 'down' }),
    event: { type: 'PATH_PROVEN' },
    to: 'live',
    commands: ['timer', 'requestKeyFrame'],
    state: { media: 'up' },
  },
  {
    rule: 'CONN-10 a restart is not done because a state says so',
    from: inPhase('repairing', { media: 'disturbed' }),
    event: { type: 'MEDIA_READY' },
    to: 'repairing',
    commands: [],
    state: { media: 'up' },
  },
  {
    rule: 'CONN-10 a path without DTLS carries nothing yet',
    from: inPhase('repairing', { media: 'pending' }),
    event: { type: 'PATH_PROVEN' },
    to: 'negotiating',
    commands: ['timer'],
    timerMs: TIMING.negotiationDeadlineMs,
  },
  {
    rule: 'CONN-9 what a restart has not mended gets a new transport',
    from: inPhase('repairing', { media: 'down' }),
    event: { type: 'TIMER' },
    to: 'rebuilding',
    commands: ['timer', 'renewTransport'],
    timerMs: TIMING.answerDeadlineMs,
  },
  {
    rule: 'CONN-9 the new transport comes up',
    from: inPhase('rebuilding', { media: 'up' }),
    event: { type: 'RENEWED' },
    to: 'negotiating',
    commands: ['timer'],
    state: { media: 'pending' },
  },
  {
    rule: 'CONN-8 a renewal without an answer',
    from: inPhase('rebuilding', { media: 'down' }),
    event: { type: 'TIMER' },
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
    state: { session: true },
  },
  {
    rule: 'CONN-14 a first broadcast reaches a viewer that had nothing to receive',
    from: inPhase('live'),
    event: { type: 'MEDIA_PENDING' },
    to: 'negotiating',
    commands: ['timer'],
    state: { media: 'pending' },
  },
  ...(['live', 'repairing', 'negotiating'] as const).map(
    (name): Row => ({
      rule: `CONN-15 SRV-5 a transport that is gone is renewed (${name})`,
      from: inPhase(name),
      event: { type: 'TRANSPORT_GONE' },
      to: 'rebuilding',
      commands: ['timer', 'renewTransport'],
      state: { media: 'down' },
    }),
  ),
  {
    rule: 'CONN-8 a retry that is due',
    from: inPhase('waiting', { attempt: 3 }),
    event: { type: 'TIMER' },
    to: 'connecting',
    commands: ['timer', 'openSocket'],
    state: { attempt: 3 },
  },
  ...(['ONLINE', 'VISIBLE'] as const).map(
    (type): Row => ({
      rule: `CONN-8 ${type} cuts the wait short and starts from the front`,
      from: inPhase('waiting', { attempt: 7, troubleSince: 5 }),
      event: { type },
      to: 'connecting',
      commands: ['timer', 'openSocket'],
      timerMs: TIMING.socketDeadlineMs,
      state: { attempt: 0, troubleSince: 5 },
    }),
  ),
  ...(['connecting', 'joining', 'negotiating', 'live', 'repairing', 'resuming'] as const).map(
    (name): Row => ({
      rule: `SRV-4 a server that drains is left and come back to (${name})`,
      from: inPhase(name),
      event: { type: 'SERVER_DRAINING', retryInMs: 500 },
      to: 'waiting',
      commands: ['timer', 'closeSocket'],
      timerMs: 750,
    }),
  ),
  // CONN-16, by what the table of errors says.
  {
    rule: 'CONN-16 never: failed',
    from: inPhase('joining'),
    event: refusal('room-taken'),
    to: 'failed',
    commands: ['timer', 'dropMedia', 'forgetSession', 'closeSocket'],
  },
  {
    rule: 'ROOM-2 superseded by a refusal',
    from: inPhase('negotiating'),
    event: refusal('superseded'),
    to: 'ended',
    commands: ['timer', 'dropMedia', 'forgetSession', 'closeSocket'],
  },
  {
    rule: 'CONN-16 later: the same again after the backoff',
    from: inPhase('joining'),
    event: refusal('media-unavailable'),
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
  },
  ...(['resuming', 'live', 'repairing', 'rebuilding', 'negotiating'] as const).map(
    (name): Row => ({
      rule: `CONN-16 rejoin: enters anew on the same socket (${name})`,
      from: inPhase(name),
      event: refusal('session-gone'),
      to: 'joining',
      commands: ['forgetSession', 'timer', 'enter'],
      timerMs: TIMING.answerDeadlineMs,
      state: { session: false },
    }),
  ),
  {
    rule: 'CONN-16 rejoin in answer to joining: later',
    from: inPhase('joining'),
    event: refusal('session-gone'),
    to: 'waiting',
    commands: ['timer', 'closeSocket'],
  },
  ...(['resuming', 'live', 'repairing', 'negotiating'] as const).map(
    (name): Row => ({
      rule: `CONN-16 rebuild: same session, new transport (${name})`,
      from: inPhase(name),
      event: refusal('transport-gone'),
      to: 'rebuilding',
      commands: ['timer', 'renewTransport'],
    }),
  ),
  ...(['rebuilding', 'joining'] as const).map(
    (name): Row => ({
      rule: `CONN-16 rebuild where there is nothing to rebuild: later (${name})`,
      from: inPhase(name),
      event: refusal('transport-gone'),
      to: 'waiting',
      commands: ['timer', 'closeSocket'],
    }),
  ),
];

const ALL_EVENTS: readonly Event[] = [
  { type: 'START' },
  { type: 'SOCKET_UP' },
  { type: 'SOCKET_DOWN' },
  { type: 'JOINED', ahead: false },
  { type: 'JOINED', ahead: true },
  { type: 'RESUMED', transport: 'kept' },
  { type: 'RESUMED', transport: 'gone' },
  { type: 'RENEWED' },
  { type: 'PATH_PROVEN' },
  { type: 'MEDIA_READY' },
  { type: 'MEDIA_PENDING' },
  { type: 'MEDIA_DISCONNECTED' },
  { type: 'MEDIA_FAILED' },
  { type: 'TRANSPORT_GONE' },
  { type: 'TIMER' },
  { type: 'ONLINE' },
  { type: 'VISIBLE' },
  { type: 'SERVER_DRAINING', retryInMs: 500 },
  { type: 'SUPERSEDED' },
  { type: 'LEAVE' },
  ...(Object.keys(ERRORS) as ErrorCode[]).map(refusal),
];

describe('the table', () => {
  test.each(TABLE)('$rule', ({ from, event, to, commands, timerMs, state }) => {
    const result = step(from, event, ENV);
    expect(result.state.phase.name).toBe(to);
    expect(names(result.commands)).toEqual(commands);
    expect(timerOf(result)).toBe(timerMs ?? timerOf(result));
    expect(result.state).toMatchObject(state ?? {});
  });

  it.each(['idle', 'waiting'] as const)(
    'CONN-8 %s: late answers and refusals change nothing',
    (name) => {
      const late = new Set([
        'JOINED',
        'RESUMED',
        'RENEWED',
        'PATH_PROVEN',
        'REFUSED',
        'SOCKET_DOWN',
      ]);
      const from = inPhase(name);
      for (const event of ALL_EVENTS.filter(({ type }) => late.has(type))) {
        expect(step(from, event, ENV)).toEqual({ state: from, commands: [] });
      }
    },
  );

  it('CONN-16 every code leads where its row says, from every phase that waits for an answer', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const { state } = step(inPhase('resuming', { media: 'up' }), refusal(code), ENV);
      const expected = {
        never: code === 'superseded' ? 'ended' : 'failed',
        later: 'waiting',
        rebuild: 'rebuilding',
        rejoin: 'joining',
      }[ERRORS[code].retry];
      expect([code, state.phase.name]).toEqual([code, expected]);
    }
  });

  it.each(ALL_EVENTS)('ROOM-2 CONN-16 a terminal phase is never left: $type', (event) => {
    const ends: readonly Phase[] = [
      { name: 'ended', reason: 'left' },
      { name: 'ended', reason: 'superseded' },
      { name: 'failed', code: 'gave-up' },
    ];
    for (const phase of ends) {
      const state: State = { ...INITIAL, phase };
      expect(step(state, event, ENV)).toEqual({ state, commands: [] });
    }
  });
});

/** Feeds events in a row; `at` moves the clock. */
function run(state: State, events: readonly (Event | { at: number })[], env: Env = ENV): Step {
  let now = env.now;
  let last: Step = { state, commands: [] };
  for (const event of events) {
    if ('at' in event) now = env.now + event.at;
    else last = step(last.state, event, { ...env, now });
  }
  return last;
}

describe('the ladder', () => {
  it('CONN-9 climbs from disturbance to ICE restart, new transport, another, and the backoff', () => {
    const phases: string[] = [];
    let state: State = inPhase('live', { liveSince: ENV.now });
    for (const event of [
      { type: 'MEDIA_DISCONNECTED' },
      { type: 'TIMER' },
      { type: 'MEDIA_FAILED' },
      { type: 'TIMER' },
      { type: 'RENEWED' },
      { type: 'TIMER' },
      { type: 'RENEWED' },
      { type: 'TIMER' },
      { type: 'TIMER' },
      { type: 'SOCKET_UP' },
      { type: 'RESUMED', transport: 'kept' },
    ] satisfies Event[]) {
      ({ state } = step(state, event, ENV));
      phases.push(state.phase.name);
    }
    expect(phases).toEqual([
      'live',
      'repairing',
      'repairing',
      'rebuilding',
      'negotiating',
      'rebuilding',
      'negotiating',
      'waiting',
      'connecting',
      'resuming',
      'repairing',
    ]);
  });

  it('CONN-8 the waits grow from 0.15 to 7 s, shrink with a success and start anew after 30 s of stability', () => {
    const waits: (number | undefined)[] = [];
    let state: State = inPhase('connecting');
    for (let i = 0; i < 12; i += 1) {
      const lost = step(state, { type: 'SOCKET_DOWN' }, ENV);
      waits.push(timerOf(lost));
      ({ state } = step(lost.state, { type: 'TIMER' }, ENV));
    }
    const grown = [150, 500, 700, 1_000, 1_000, 1_000, 1_000, 1_500, 2_000, 4_000, 7_000, 7_000];
    expect(waits).toEqual(grown);
    const live = run(state, [
      { type: 'SOCKET_UP' },
      { type: 'JOINED', ahead: false },
      { type: 'MEDIA_READY' },
    ]);
    expect(live.state.phase.name).toBe('live');
    const early = run(live.state, [{ at: TIMING.stableMs - 1 }, { type: 'SOCKET_DOWN' }]);
    expect(timerOf(early)).toBe(700);
    const late = run(live.state, [{ at: TIMING.stableMs }, { type: 'SOCKET_DOWN' }]);
    expect(timerOf(late)).toBe(150);
    expect(late.state.attempt).toBe(1);
  });

  it('CONN-8 a publisher gives up after its patience, a viewer never does', () => {
    const outcome = (patienceMs: number) => {
      let state: State = INITIAL;
      let now = 0;
      ({ state } = step(state, { type: 'START' }, { ...ENV, now, patienceMs }));
      for (let i = 0; i < 5_000 && state.phase.name !== 'failed'; i += 1) {
        const next = step(state, { type: 'TIMER' }, { now, random: 1, patienceMs });
        now += timerOf(next) ?? 0;
        state = next.state;
      }
      return { phase: state.phase, now };
    };
    const publisher = outcome(600_000);
    expect(publisher.phase).toEqual({ name: 'failed', code: 'gave-up' });
    expect(publisher.now).toBeGreaterThan(600_000);
    expect(publisher.now).toBeLessThan(630_000);
    expect(outcome(Number.POSITIVE_INFINITY).phase.name).not.toBe('failed');
  });

  it('CONN-8 patience is measured from the trouble at hand, not from the first one', () => {
    const env = { ...ENV, patienceMs: 600_000 };
    const first = run(inPhase('live', { liveSince: ENV.now }), [{ type: 'SOCKET_DOWN' }], env);
    const back = run(
      first.state,
      [
        { at: 500_000 },
        { type: 'TIMER' },
        { type: 'SOCKET_UP' },
        { type: 'RESUMED', transport: 'kept' },
      ],
      env,
    );
    expect(back.state).toMatchObject({ phase: { name: 'live' }, troubleSince: undefined });
    const again = run(back.state, [{ at: 700_000 }, { type: 'SOCKET_DOWN' }], env);
    expect(again.state.phase.name).toBe('waiting');
  });
});

// --- random worlds

const ASKED_IN: Partial<Record<Command['do'], Phase['name']>> = {
  enter: 'joining',
  resume: 'resuming',
  renewTransport: 'rebuilding',
  restartIce: 'repairing',
};
const TERMINAL = new Set<string>(['ended', 'failed']);

/** What a driver and a socket would know; checks each step against what must always hold. */
class World {
  state: State = INITIAL;
  now = 0;
  timer: number | undefined;
  socket: 'none' | 'opening' | 'up' = 'none';
  commands: readonly Command[] = [];
  readonly trail: string[] = [];
  readonly faults: string[] = [];

  send(event: Event, random = 0.5, patienceMs = Number.POSITIVE_INFINITY): void {
    const before = this.state;
    // A socket and a timer that are not there say nothing.
    if (event.type === 'SOCKET_UP') {
      if (this.socket !== 'opening') return;
      this.socket = 'up';
    }
    if (event.type === 'SOCKET_DOWN') {
      if (this.socket === 'none') return;
      this.socket = 'none';
    }
    if (event.type === 'SERVER_DRAINING' || event.type === 'SUPERSEDED') {
      if (this.socket !== 'up') return;
    }
    if (event.type === 'TIMER') {
      if (this.timer === undefined) return;
      this.now += this.timer;
      this.timer = undefined;
    }
    const { state, commands } = step(before, event, { now: this.now, random, patienceMs });
    this.trail.push(`${event.type} -> ${state.phase.name}/${state.media}`);
    this.state = state;
    this.commands = commands;
    for (const command of commands) this.#run(command);
    this.#check(before, commands);
  }

  #run(command: Command): void {
    switch (command.do) {
      case 'timer':
        this.timer = command.ms;
        return;
      case 'openSocket':
        this.#assert(this.socket === 'none', 'a second socket is opened');
        this.socket = 'opening';
        return;
      case 'closeSocket':
        this.socket = 'none';
        return;
      case 'enter':
        this.#assert(!this.state.session, 'enters while it holds a session');
        return this.#assert(this.socket === 'up', 'enter without a socket');
      case 'resume':
      case 'renewTransport':
      case 'restartIce':
        this.#assert(this.state.session, `${command.do} without a session`);
        return this.#assert(this.socket === 'up', `${command.do} without a socket`);
      case 'requestKeyFrame':
        return this.#assert(this.socket === 'up', 'requestKeyFrame without a socket');
      case 'dropMedia':
      case 'forgetSession':
        return;
      default:
        command satisfies never;
    }
  }

  #check(before: State, commands: readonly Command[]): void {
    const { phase, media } = this.state;
    const { name } = phase;
    if (TERMINAL.has(before.phase.name)) {
      this.#assert(this.state === before && commands.length === 0, 'a terminal phase was left');
      return;
    }
    const asked = commands.filter((command) => ASKED_IN[command.do] !== undefined);
    this.#assert(asked.length <= 1, 'two requests at once');
    for (const command of asked) {
      this.#assert(ASKED_IN[command.do] === name, `${command.do} in ${name}`);
    }
    this.#assert(
      commands.filter((command) => command.do === 'timer').length <= 1,
      'two timers at once',
    );
    if (TERMINAL.has(name)) {
      this.#assert(this.timer === undefined, 'a timer outlives the end');
      this.#assert(this.socket === 'none', 'a socket outlives the end');
      this.#assert(!this.state.session && media === 'none', 'something outlives the end');
      this.#assert(names(commands).includes('dropMedia'), 'media outlives the end');
      return;
    }
    const restsHere = name === 'idle' || (name === 'live' && (media === 'up' || media === 'none'));
    this.#assert(restsHere || this.timer !== undefined, 'nothing will ever happen here');
    const needsSocket = !['idle', 'waiting', 'connecting'].includes(name);
    this.#assert(!needsSocket || this.socket === 'up', `${name} without a socket`);
    this.#assert(name !== 'waiting' || this.socket === 'none', 'waits with a socket open');
    this.#assert(name !== 'live' || media !== 'pending', 'live while media is pending');
  }

  /** Everything works from here on: how does the page get on? */
  heal(): void {
    this.send({ type: 'START' });
    for (let i = 0; i < 40; i += 1) {
      if (this.state.phase.name === 'live' && this.state.media === 'up') return;
      if (TERMINAL.has(this.state.phase.name)) return;
      this.#answer();
    }
  }

  #answer(): void {
    switch (this.state.phase.name) {
      case 'connecting':
        return this.send({ type: this.socket === 'opening' ? 'SOCKET_UP' : 'TIMER' });
      case 'joining':
        return this.send({ type: 'JOINED', ahead: false });
      case 'resuming':
        return this.send({ type: 'RESUMED', transport: 'kept' });
      case 'rebuilding':
        return this.send({ type: 'RENEWED' });
      case 'negotiating':
        return this.send({ type: 'MEDIA_READY' });
      case 'repairing':
        return this.send({ type: 'PATH_PROVEN' });
      case 'live':
      case 'waiting':
        return this.send({ type: 'TIMER' });
      case 'idle':
      case 'ended':
      case 'failed':
        return;
      default:
        this.state.phase satisfies never;
    }
  }

  #assert(holds: boolean, fault: string): void {
    if (!holds) this.faults.push(`${fault}: ${this.trail.slice(-12).join(', ')}`);
  }
}

const never = (event: Event) =>
  event.type === 'LEAVE' ||
  event.type === 'SUPERSEDED' ||
  (event.type === 'REFUSED' && event.retry === 'never');
const HEALABLE = ALL_EVENTS.filter((event) => !never(event));
/** Events that make a page get somewhere come often enough for deep states to be reached. */
const likely = (events: readonly Event[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...events) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Event>(
        { type: 'SOCKET_UP' },
        { type: 'JOINED', ahead: false },
        { type: 'RESUMED', transport: 'kept' },
        { type: 'RENEWED' },
        { type: 'MEDIA_READY' },
        { type: 'PATH_PROVEN' },
        { type: 'TIMER' },
      ),
    },
  );
const moves = (events: readonly Event[]) =>
  fc.array(
    fc.record({
      event: likely(events),
      random: fc.double({ min: 0, max: 1, noNaN: true }),
      laterMs: fc.constantFrom(0, 0, 10, 3_000, 40_000),
    }),
    { maxLength: 60 },
  );
const RUNS = { numRuns: 3_000 };

describe('random worlds', () => {
  it('CONN-9 CONN-16 whatever comes, in whatever order, nothing that must hold is broken', () => {
    fc.assert(
      fc.property(
        moves(ALL_EVENTS),
        fc.constantFrom(60_000, Number.POSITIVE_INFINITY),
        (list, patienceMs) => {
          const world = new World();
          world.send({ type: 'START' });
          for (const { event, random, laterMs } of list) {
            world.now += laterMs;
            world.send(event, random, patienceMs);
          }
          expect(world.faults).toEqual([]);
        },
      ),
      RUNS,
    );
  });

  it('CONN-9 UI-3 from wherever it is, a page is live again once the world heals', () => {
    fc.assert(
      fc.property(moves(HEALABLE), (list) => {
        const world = new World();
        world.send({ type: 'START' });
        for (const { event, random, laterMs } of list) {
          world.now += laterMs;
          world.send(event, random);
        }
        world.heal();
        expect(world.state).toMatchObject({
          phase: { name: 'live' },
          media: 'up',
        });
      }),
      RUNS,
    );
  });

  it('CONN-7 a socket that comes and goes never drops media, renews nothing and restarts nothing', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom<Event>(
            { type: 'SOCKET_UP' },
            { type: 'SOCKET_DOWN' },
            { type: 'RESUMED', transport: 'kept' },
            { type: 'TIMER' },
            { type: 'VISIBLE' },
            { type: 'SERVER_DRAINING', retryInMs: 500 },
          ),
          { maxLength: 60 },
        ),
        (events) => {
          const world = new World();
          world.send({ type: 'START' });
          world.send({ type: 'SOCKET_UP' });
          world.send({ type: 'JOINED', ahead: false });
          world.send({ type: 'MEDIA_READY' });
          for (const event of events) {
            world.send(event);
            const done = names(world.commands);
            expect(done).not.toContain('dropMedia');
            expect(done).not.toContain('renewTransport');
            expect(done).not.toContain('restartIce');
            expect(world.state).toMatchObject({ media: 'up', session: true });
          }
        },
      ),
    );
  });
});
