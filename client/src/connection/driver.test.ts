import { OnecastError } from '#protocol/errors.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Driver, type Effects } from './driver.ts';
import { ANSWER } from './machine-table.ts';
import {
  holdsSession,
  type SessionAnswer,
  type SessionOpened,
  type SessionResumed,
} from './states.ts';
import { TIMING } from './timing.ts';
import { ConnectionTrace } from './trace.ts';

function sessionOf(answer: SessionAnswer) {
  if (answer.to === 'renewTransport') throw new Error('this answer has no session');
  return answer.value.session;
}

function withResolvers<T>() {
  return Promise.withResolvers<T>();
}

/** Effects that record their calls; the test answers the requests. */
function fakeEffects() {
  const done: string[] = [];
  const requests = {
    openSession: withResolvers<SessionOpened>(),
    resume: withResolvers<SessionResumed>(),
    renewTransport: withResolvers<SessionAnswer>(),
    restartIce: withResolvers<void>(),
    requestKeyFrame: withResolvers<void>(),
  };
  let iceSignal: AbortSignal | undefined;
  const request = <N extends keyof typeof requests>(name: N): (typeof requests)[N]['promise'] => {
    done.push(name);
    const fresh = withResolvers<never>();
    requests[name] = fresh as unknown as (typeof requests)[N];
    return fresh.promise;
  };
  const effects: Effects = {
    openSocket: () => void done.push('openSocket'),
    closeSocket: () => void done.push('closeSocket'),
    openSession: () => request('openSession'),
    resume: () => request('resume'),
    restartIce: (signal) => {
      iceSignal = signal;
      return request('restartIce');
    },
    renewTransport: () => request('renewTransport'),
    requestKeyFrame: () => request('requestKeyFrame'),
    applyAnswer: () => void done.push('applyAnswer'),
    dropMedia: () => void done.push('dropMedia'),
    forgetSession: () => void done.push('forgetSession'),
  };
  return { effects, done, requests, iceSignal: () => iceSignal };
}

function started() {
  const fake = fakeEffects();
  const trace = new ConnectionTrace();
  const driver = new Driver(fake.effects, Number.POSITIVE_INFINITY, trace);
  driver.send({ type: 'START' });
  driver.send({ type: 'SOCKET_UP' });
  const phase = () => driver.state.value.phase;
  return { ...fake, driver, phase, trace };
}

async function live() {
  const world = started();
  world.requests.openSession.resolve({ ahead: false, answer: ANSWER });
  await vi.advanceTimersByTimeAsync(0);
  world.driver.send({ type: 'MEDIA_READY' });
  expect(world.phase()).toBe('live');
  world.done.length = 0;
  return world;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('Driver', () => {
  it('CONN-9 the machine takes its step first, then the role applies the answer', async () => {
    const { requests, effects, driver, phase } = started();
    const seen: unknown[] = [];
    effects.applyAnswer = (answer) => {
      seen.push(phase(), answer);
      driver.send({ type: 'MEDIA_READY' });
    };
    requests.openSession.resolve({ ahead: false, answer: ANSWER });
    await vi.advanceTimersByTimeAsync(0);
    expect(seen).toEqual(['negotiating', ANSWER]);
    expect(phase()).toBe('live');
  });

  it('CONN-8 holds one timer: the deadline of the present phase', async () => {
    const { phase, done } = started();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(TIMING.answerDeadlineMs - 1);
    expect(phase()).toBe('joining');
    await vi.advanceTimersByTimeAsync(1);
    expect(phase()).toBe('waiting');
    expect(done.at(-1)).toBe('closeSocket');
    expect(vi.getTimerCount()).toBe(1);
  });

  it('CONN-8 the first retry comes within 300 ms', async () => {
    for (const random of [0, 0.999]) {
      vi.spyOn(Math, 'random').mockReturnValue(random);
      const { driver, phase } = await live();
      driver.send({ type: 'SOCKET_DOWN' });
      await vi.advanceTimersByTimeAsync(300);
      expect(phase()).toBe('connecting');
      driver.send({ type: 'LEAVE' });
    }
  });

  it('CONN-5 an answer that arrives after its phase changes nothing', async () => {
    const { requests, driver, done, phase } = started();
    const late = requests.openSession;
    driver.send({ type: 'SOCKET_DOWN' });
    late.resolve({ ahead: false, answer: ANSWER });
    await vi.advanceTimersByTimeAsync(0);
    expect(phase()).toBe('waiting');
    expect(holdsSession(driver.state.value)).toBe(false);
    expect(done).not.toContain('applyAnswer');
  });

  it('CONN-5 a refusal that arrives after its phase changes nothing', async () => {
    const { requests, driver, phase } = started();
    const late = requests.openSession;
    driver.send({ type: 'SOCKET_DOWN' });
    late.reject(new OnecastError('room-taken'));
    await vi.advanceTimersByTimeAsync(0);
    expect(phase()).toBe('waiting');
  });

  it('CONN-16 a refusal reaches the machine with its retry', async () => {
    const { requests, phase, driver } = started();
    requests.openSession.reject(new OnecastError('room-taken'));
    await vi.advanceTimersByTimeAsync(0);
    expect(phase()).toBe('failed');
    expect(driver.state.value).toMatchObject({ code: 'room-taken' });
  });

  it('CONN-8 a missing answer is no refusal: the deadline decides', async () => {
    vi.spyOn(console, 'warn').mockReturnValue();
    const { requests, phase } = started();
    requests.openSession.reject(new Error('socket has been disconnected'));
    await vi.advanceTimersByTimeAsync(0);
    expect(phase()).toBe('joining');
    await vi.advanceTimersByTimeAsync(TIMING.answerDeadlineMs);
    expect(phase()).toBe('waiting');
  });

  it('CONN-10 an ICE restart is complete when its path is proven', async () => {
    const { requests, driver, phase } = await live();
    driver.send({ type: 'MEDIA_FAILED' });
    driver.send({ type: 'MEDIA_READY' });
    expect(phase()).toBe('repairing');
    requests.restartIce.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(phase()).toBe('live');
  });

  it('CONN-9 an ICE restart is aborted at its deadline, and its result no longer counts', async () => {
    const { requests, driver, phase, iceSignal } = await live();
    driver.send({ type: 'MEDIA_FAILED' });
    const late = requests.restartIce;
    expect(iceSignal()?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(TIMING.repairDeadlineMs);
    expect(iceSignal()?.aborted).toBe(true);
    expect(phase()).toBe('rebuilding');
    late.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(phase()).toBe('rebuilding');
  });

  it('CONN-9 a disturbance that ends within its grace needs no restart', async () => {
    const { driver, phase, done } = await live();
    driver.send({ type: 'MEDIA_DISCONNECTED' });
    await vi.advanceTimersByTimeAsync(TIMING.disturbanceGraceMs - 1);
    driver.send({ type: 'MEDIA_READY' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(phase()).toBe('live');
    expect(done).toEqual([]);
  });

  it('CONN-7 a socket that is lost and opened again: resume, key frame, nothing else', async () => {
    const { requests, driver, phase, done } = await live();
    driver.send({ type: 'SOCKET_DOWN' });
    await vi.advanceTimersByTimeAsync(300);
    driver.send({ type: 'SOCKET_UP' });
    requests.resume.resolve({ transport: 'kept', answer: ANSWER });
    await vi.advanceTimersByTimeAsync(0);
    expect(phase()).toBe('live');
    expect(done).toEqual(['closeSocket', 'openSocket', 'resume', 'requestKeyFrame', 'applyAnswer']);
  });

  it('CONN-9 a session without its transport gets a new one', async () => {
    const { requests, driver, phase, done } = await live();
    driver.send({ type: 'SOCKET_DOWN' });
    await vi.advanceTimersByTimeAsync(300);
    driver.send({ type: 'SOCKET_UP' });
    requests.resume.resolve({ transport: 'gone', answer: ANSWER });
    await vi.advanceTimersByTimeAsync(0);
    expect(done.slice(-2)).toEqual(['renewTransport', 'applyAnswer']);
    requests.renewTransport.resolve(ANSWER);
    await vi.advanceTimersByTimeAsync(0);
    expect(phase()).toBe('negotiating');
  });

  it('SRV-7 leaving closes everything, leaves no timer and is idempotent', async () => {
    const { driver, done, phase } = await live();
    driver.send({ type: 'LEAVE' });
    driver.send({ type: 'LEAVE' });
    expect(phase()).toBe('ended');
    expect(done).toEqual(['dropMedia', 'forgetSession', 'closeSocket']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('CONN-5 an event sent by an observer of the state waits until the step is complete', () => {
    const fake = fakeEffects();
    const driver = new Driver(fake.effects, Number.POSITIVE_INFINITY, new ConnectionTrace());
    const stop = driver.state.subscribe(({ phase }) => {
      if (phase === 'connecting') driver.send({ type: 'LEAVE' });
    });
    driver.send({ type: 'START' });
    stop();
    expect(driver.state.value.phase).toBe('ended');
    // The socket that the first step opened is closed by the second, and no deadline is left.
    expect(fake.done).toEqual(['openSocket', 'dropMedia', 'forgetSession', 'closeSocket']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('CONN-17 records every step in the trace, without the secrets of an answer', async () => {
    const { requests, driver, trace } = started();
    requests.openSession.resolve({ ahead: false, answer: ANSWER });
    await vi.advanceTimersByTimeAsync(0);
    driver.send({ type: 'MEDIA_READY' });
    driver.send({ type: 'REFUSED', code: 'session-gone', retry: 'rejoin' });
    const steps = trace.transitions().map(({ event, from, to }) => [event, from, to]);
    expect(steps).toEqual([
      ['START', 'idle', 'connecting'],
      ['SOCKET_UP', 'connecting', 'joining'],
      ['SESSION_OPENED', 'joining', 'negotiating'],
      ['MEDIA_READY', 'negotiating', 'live'],
      ['REFUSED', 'live', 'joining'],
    ]);
    expect(trace.transitions()[2]?.commands).toEqual(['timer', 'applyAnswer']);
    expect(trace.transitions()[4]?.detail).toBe('session-gone');
    const { sessionId, resumeSecret } = sessionOf(ANSWER);
    const text = JSON.stringify(trace.transitions());
    for (const secret of [sessionId, resumeSecret]) expect(text).not.toContain(secret);
  });

  it('CONN-8 an answer that can not be applied is logged: the deadline decides', async () => {
    const warned = vi.spyOn(console, 'warn').mockReturnValue();
    const { requests, effects, phase } = started();
    effects.applyAnswer = () => {
      throw new Error('the peer connection can not be made');
    };
    requests.openSession.resolve({ ahead: false, answer: ANSWER });
    await vi.advanceTimersByTimeAsync(0);
    expect(phase()).toBe('negotiating');
    expect(warned).toHaveBeenCalledOnce();
  });
});
