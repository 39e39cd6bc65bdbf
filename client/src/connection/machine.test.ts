import { ERRORS, type ErrorCode } from '#protocol/errors.ts';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { INITIAL, step } from './machine.ts';
import { ANSWER, ENV, inPhase, refusal, TABLE } from './machine-table.ts';
import {
  type Command,
  type Env,
  type Event,
  holdsSession,
  type Phase,
  type State,
  type Step,
} from './states.ts';
import { TIMING } from './timing.ts';

const names = (commands: readonly Command[]) => commands.map((command) => command.do);
const timerOf = ({ commands }: Step) => {
  const timers = commands.filter((command) => command.do === 'timer');
  expect(timers.length).toBeLessThanOrEqual(1);
  return timers[0]?.ms;
};
const mediaOf = (state: State) => ('media' in state ? state.media : undefined);

const ALL_EVENTS: readonly Event[] = [
  { type: 'START' },
  { type: 'SOCKET_UP' },
  { type: 'SOCKET_DOWN' },
  { type: 'SESSION_OPENED', ahead: false, answer: ANSWER },
  { type: 'SESSION_OPENED', ahead: true, answer: ANSWER },
  { type: 'SESSION_RESUMED', transport: 'kept', answer: ANSWER },
  { type: 'SESSION_RESUMED', transport: 'gone', answer: ANSWER },
  { type: 'TRANSPORT_RENEWED', answer: ANSWER },
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
  test.each(TABLE)(
    '$rule ($from.phase)',
    ({ from, event, to, commands, timerMs, state, session }) => {
      const result = step(from, event, ENV);
      expect(result.state.phase).toBe(to);
      expect(names(result.commands)).toEqual(commands);
      expect(timerOf(result)).toBe(timerMs ?? timerOf(result));
      expect(result.state).toMatchObject(state ?? {});
      expect(holdsSession(result.state)).toBe(session ?? holdsSession(result.state));
    },
  );

  it.each([
    'idle',
    'waiting',
    'connecting',
    'joining',
    'resuming',
    'negotiating',
    'live',
    'repairing',
    'rebuilding',
  ] as const)(
    'CONN-9 %s: an event that is not listed changes no phase and has no command',
    (phase) => {
      const listed = new Set(
        TABLE.filter(({ from }) => from.phase === phase).map(({ event }) => event.type),
      );
      const from = inPhase(phase);
      for (const event of ALL_EVENTS.filter(({ type }) => !listed.has(type))) {
        const { state, commands } = step(from, event, ENV);
        expect([event.type, state.phase, commands]).toEqual([event.type, phase, []]);
        expect({ ...state, media: mediaOf(from) }).toEqual({ ...from, media: mediaOf(from) });
      }
    },
  );

  it.each(['idle', 'waiting'] as const)(
    'CONN-8 %s: late answers and refusals change nothing',
    (name) => {
      const late = new Set([
        'SESSION_OPENED',
        'SESSION_RESUMED',
        'TRANSPORT_RENEWED',
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

  it('CONN-16 every error code leads where its `retry` says', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const { state } = step(inPhase('resuming', { media: 'up' }), refusal(code), ENV);
      const expected = {
        never: code === 'superseded' ? 'ended' : 'failed',
        later: 'waiting',
        rebuild: 'rebuilding',
        rejoin: 'joining',
      }[ERRORS[code].retry];
      expect([code, state.phase]).toEqual([code, expected]);
    }
  });

  it.each(ALL_EVENTS)('ROOM-2 CONN-16 a terminal phase is never left: $type', (event) => {
    const ends: readonly State[] = [
      { phase: 'ended', reason: 'left' },
      { phase: 'ended', reason: 'superseded' },
      { phase: 'failed', code: 'gave-up' },
    ];
    for (const state of ends) {
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

describe('a sequence of events', () => {
  it('CONN-9 climbs from disturbance to ICE restart, new transport, another, and the backoff', () => {
    const phases: string[] = [];
    let state: State = inPhase('live', { since: ENV.now });
    for (const event of [
      { type: 'MEDIA_DISCONNECTED' },
      { type: 'TIMER' },
      { type: 'MEDIA_FAILED' },
      { type: 'TIMER' },
      { type: 'TRANSPORT_RENEWED', answer: ANSWER },
      { type: 'TIMER' },
      { type: 'TRANSPORT_RENEWED', answer: ANSWER },
      { type: 'TIMER' },
      { type: 'TIMER' },
      { type: 'SOCKET_UP' },
      { type: 'SESSION_RESUMED', transport: 'kept', answer: ANSWER },
    ] satisfies Event[]) {
      ({ state } = step(state, event, ENV));
      phases.push(state.phase);
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

  it('CONN-8 the waits grow from 0.15 to 7 s, shrink after a success and start again after 30 s of stability', () => {
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
      { type: 'SESSION_OPENED', ahead: false, answer: ANSWER },
      { type: 'MEDIA_READY' },
    ]);
    expect(live.state.phase).toBe('live');
    const early = run(live.state, [{ at: TIMING.stableMs - 1 }, { type: 'SOCKET_DOWN' }]);
    expect(timerOf(early)).toBe(700);
    const late = run(live.state, [{ at: TIMING.stableMs }, { type: 'SOCKET_DOWN' }]);
    expect(timerOf(late)).toBe(150);
    expect(late.state).toMatchObject({ attempt: 1 });
  });

  it('CONN-8 a publisher gives up after its patience, a viewer never does', () => {
    const outcome = (patienceMs: number) => {
      let state: State = INITIAL;
      let now = 0;
      ({ state } = step(state, { type: 'START' }, { ...ENV, now, patienceMs }));
      for (let i = 0; i < 5_000 && state.phase !== 'failed'; i += 1) {
        const next = step(state, { type: 'TIMER' }, { now, random: 1, patienceMs });
        now += timerOf(next) ?? 0;
        state = next.state;
      }
      return { state, now };
    };
    const publisher = outcome(600_000);
    expect(publisher.state).toEqual({ phase: 'failed', code: 'gave-up' });
    expect(publisher.now).toBeGreaterThan(600_000);
    expect(publisher.now).toBeLessThan(630_000);
    expect(outcome(Number.POSITIVE_INFINITY).state.phase).not.toBe('failed');
  });

  it('CONN-8 patience is measured from the present trouble, not from an earlier one', () => {
    const env = { ...ENV, patienceMs: 600_000 };
    const first = run(inPhase('live', { since: ENV.now }), [{ type: 'SOCKET_DOWN' }], env);
    const back = run(
      first.state,
      [
        { at: 500_000 },
        { type: 'TIMER' },
        { type: 'SOCKET_UP' },
        { type: 'SESSION_RESUMED', transport: 'kept', answer: ANSWER },
      ],
      env,
    );
    expect(back.state).toMatchObject({ phase: 'live', since: ENV.now + 500_000 });
    expect(back.state).not.toHaveProperty('troubleSince');
    const again = run(back.state, [{ at: 700_000 }, { type: 'SOCKET_DOWN' }], env);
    expect(again.state.phase).toBe('waiting');
  });
});

// --- random events

const REQUESTED_IN: Partial<Record<Command['do'], Phase>> = {
  openSession: 'joining',
  resume: 'resuming',
  renewTransport: 'rebuilding',
  restartIce: 'repairing',
};
const TERMINAL = new Set<string>(['ended', 'failed']);

/** Plays the driver and the socket, and checks after each step what must always hold. */
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
    // Without a socket or a timer there are no events of it.
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
    this.trail.push(`${event.type} -> ${state.phase}/${mediaOf(state)}`);
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
      case 'openSession':
        this.#assert(!holdsSession(this.state), 'opens a session while it holds one');
        return this.#assert(this.socket === 'up', 'openSession without a socket');
      case 'resume':
      case 'renewTransport':
      case 'restartIce':
        this.#assert(holdsSession(this.state), `${command.do} without a session`);
        return this.#assert(this.socket === 'up', `${command.do} without a socket`);
      case 'requestKeyFrame':
        return this.#assert(this.socket === 'up', 'requestKeyFrame without a socket');
      case 'applyAnswer':
        return this.#assert(holdsSession(this.state), 'an answer without a session');
      case 'dropMedia':
      case 'forgetSession':
        return;
      default:
        command satisfies never;
    }
  }

  #check(before: State, commands: readonly Command[]): void {
    const { phase } = this.state;
    const media = mediaOf(this.state);
    if (TERMINAL.has(before.phase)) {
      this.#assert(this.state === before && commands.length === 0, 'a terminal phase was left');
      return;
    }
    const requests = commands.filter((command) => REQUESTED_IN[command.do] !== undefined);
    this.#assert(requests.length <= 1, 'two requests at once');
    for (const command of requests) {
      this.#assert(REQUESTED_IN[command.do] === phase, `${command.do} in ${phase}`);
    }
    this.#assert(
      commands.filter((command) => command.do === 'timer').length <= 1,
      'two timers at once',
    );
    if (TERMINAL.has(phase)) {
      this.#assert(this.timer === undefined, 'a timer remains after the end');
      this.#assert(this.socket === 'none', 'a socket remains after the end');
      this.#assert(
        !holdsSession(this.state) && media === undefined,
        'a session or media remains after the end',
      );
      this.#assert(names(commands).includes('dropMedia'), 'media is not dropped at the end');
      return;
    }
    const restsHere = phase === 'idle' || (phase === 'live' && media === 'up');
    this.#assert(restsHere || this.timer !== undefined, 'nothing leads out of this state');
    const needsSocket = !['idle', 'waiting', 'connecting'].includes(phase);
    this.#assert(!needsSocket || this.socket === 'up', `${phase} without a socket`);
    this.#assert(phase !== 'waiting' || this.socket === 'none', 'waits with a socket open');
    this.#assert(
      phase !== 'live' || media === 'up' || media === 'disturbed',
      `live while media is ${media}`,
    );
  }

  /** From here on, everything works. */
  recover(): void {
    this.send({ type: 'START' });
    for (let i = 0; i < 40; i += 1) {
      if (this.state.phase === 'live' && mediaOf(this.state) === 'up') return;
      if (TERMINAL.has(this.state.phase)) return;
      this.#answer();
    }
  }

  #answer(): void {
    switch (this.state.phase) {
      case 'connecting':
        return this.send({ type: this.socket === 'opening' ? 'SOCKET_UP' : 'TIMER' });
      case 'joining':
        return this.send({ type: 'SESSION_OPENED', ahead: false, answer: ANSWER });
      case 'resuming':
        return this.send({ type: 'SESSION_RESUMED', transport: 'kept', answer: ANSWER });
      case 'rebuilding':
        return this.send({ type: 'TRANSPORT_RENEWED', answer: ANSWER });
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
        this.state satisfies never;
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
const RECOVERABLE = ALL_EVENTS.filter((event) => !never(event));
/** Events that advance a page are frequent enough for deep states to be reached. */
const likely = (events: readonly Event[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...events) },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Event>(
        { type: 'SOCKET_UP' },
        { type: 'SESSION_OPENED', ahead: false, answer: ANSWER },
        { type: 'SESSION_RESUMED', transport: 'kept', answer: ANSWER },
        { type: 'TRANSPORT_RENEWED', answer: ANSWER },
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

describe('random events', () => {
  it('CONN-9 CONN-16 any events in any order break nothing that must always hold', () => {
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

  it('CONN-9 UI-3 from any state, a page is live again once everything works', () => {
    fc.assert(
      fc.property(moves(RECOVERABLE), (list) => {
        const world = new World();
        world.send({ type: 'START' });
        for (const { event, random, laterMs } of list) {
          world.now += laterMs;
          world.send(event, random);
        }
        world.recover();
        expect(world.state).toMatchObject({
          phase: 'live',
          media: 'up',
        });
      }),
      RUNS,
    );
  });

  it('CONN-7 a socket that closes and opens again never drops media, and renews and restarts nothing', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom<Event>(
            { type: 'SOCKET_UP' },
            { type: 'SOCKET_DOWN' },
            { type: 'SESSION_RESUMED', transport: 'kept', answer: ANSWER },
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
          world.send({ type: 'SESSION_OPENED', ahead: false, answer: ANSWER });
          world.send({ type: 'MEDIA_READY' });
          for (const event of events) {
            world.send(event);
            const done = names(world.commands);
            expect(done).not.toContain('dropMedia');
            expect(done).not.toContain('renewTransport');
            expect(done).not.toContain('restartIce');
            expect(world.state).toMatchObject({ media: 'up' });
            expect(holdsSession(world.state)).toBe(true);
          }
        },
      ),
    );
  });
});
