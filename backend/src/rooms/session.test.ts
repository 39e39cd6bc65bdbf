import { EventEmitter } from 'node:events';
import type { types } from '../media/types.ts';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { Secret } from '#protocol/ids.ts';
import { newSecret } from '../admission/secrets.ts';
import { type PageSocket, Session, type SessionEnd } from './session.ts';

/** As much of a WebRtcTransport as a session looks at. */
class FakeTransport extends EventEmitter {
  readonly id: string;
  readonly observer = new EventEmitter();
  closed = false;
  dtlsState = 'new';
  iceState = 'new';

  constructor(id: string) {
    super();
    this.id = id;
  }

  ice(state: string): void {
    this.iceState = state;
    this.emit('icestatechange', state);
  }

  dtls(state: string): void {
    this.dtlsState = state;
    this.emit('dtlsstatechange', state);
  }

  connect(): this {
    this.ice('connected');
    this.dtls('connected');
    return this;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.observer.emit('close');
  }

  get own(): types.WebRtcTransport {
    return this as unknown as types.WebRtcTransport;
  }
}

/** On a worker whose channel is poisoned. */
class PoisonedTransport extends FakeTransport {
  override close(): void {
    this.closed = true;
    throw new Error('object serialization must not be nested');
  }
}

class FakeLine implements PageSocket {
  readonly pushed: unknown[][] = [];
  dropped = 0;

  push(...message: unknown[]): void {
    this.pushed.push(message);
  }

  drop(): void {
    this.dropped += 1;
  }
}

const log = pino({ level: 'silent' });

function newSession() {
  const events: string[] = [];
  const session = new Session(LIMITS, log, {
    mediaChanged: (up) => void events.push(up ? 'media up' : 'media down'),
    transportClosed: ({ id }) => void events.push(`transport ${id} closed`),
    closed: (reason: SessionEnd) => void events.push(`closed: ${reason}`),
  });
  return { session, events };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('CONN-1 a session outlives its sockets and transports', () => {
  it('lives while its socket is there, with no media at all', () => {
    const { session } = newSession();
    session.attach(new FakeLine());
    vi.advanceTimersByTime(10 * LIMITS.sessionGraceMs);
    expect(session.ended).toBeUndefined();
    expect(session.present).toBe(true);
  });

  it('expires so long after its socket went', () => {
    const { session, events } = newSession();
    const line = new FakeLine();
    session.attach(line);
    session.detach(line);
    expect(session.present).toBe(false);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs - 1);
    expect(session.ended).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(session.ended).toBe('expired');
    expect(events).toEqual(['closed: expired']);
  });

  it('lives while media flows, however long signalling is away', () => {
    const { session } = newSession();
    const line = new FakeLine();
    session.attach(line);
    session.setTransport(new FakeTransport('t').connect().own);
    session.detach(line);
    vi.advanceTimersByTime(10 * LIMITS.sessionGraceMs);
    expect(session.ended).toBeUndefined();
    expect(session.present).toBe(true);
  });

  it('expires so long after the last of both went down', () => {
    const { session } = newSession();
    const line = new FakeLine();
    const transport = new FakeTransport('t');
    session.attach(line);
    session.setTransport(transport.own);
    transport.connect();
    session.detach(line);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs);
    transport.ice('disconnected');
    vi.advanceTimersByTime(LIMITS.sessionGraceMs - 1);
    expect(session.ended).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(session.ended).toBe('expired');
    expect(transport.closed).toBe(true);
  });

  it('is saved by a socket or by media within its grace', () => {
    const { session } = newSession();
    const line = new FakeLine();
    const transport = new FakeTransport('t');
    session.setTransport(transport.own);
    session.attach(line);
    session.detach(line);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs - 1);
    session.attach(line);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs);
    session.detach(line);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs - 1);
    transport.connect();
    vi.advanceTimersByTime(10 * LIMITS.sessionGraceMs);
    expect(session.ended).toBeUndefined();
  });
});

describe('CONN-2 a session is taken up with its secret, which changes each time', () => {
  it('hands out a new secret each time', () => {
    const { session } = newSession();
    const first = session.grant().resumeSecret;
    const second = session.resume(first).resumeSecret;
    const third = session.resume(second).resumeSecret;
    expect(new Set([first, second, third]).size).toBe(3);
    expect(session.resume(third).sessionId).toBe(session.id);
  });

  it('SEC-7 before one was granted none is good', () => {
    const { session } = newSession();
    expect(() => session.resume(newSecret())).toThrow(OnecastError);
    const granted = session.grant().resumeSecret;
    expect(session.resume(granted).sessionId).toBe(session.id);
  });

  it('the secret just used stays good until its successor is used', () => {
    const { session } = newSession();
    const first = session.grant().resumeSecret;
    session.resume(first);
    session.resume(first);
    const heard = session.resume(first).resumeSecret;
    expect(() => session.resume(heard)).not.toThrow();
    expect(session.ended).toBeUndefined();
  });

  it('a secret older than that ends the session', () => {
    const { session, events } = newSession();
    const first = session.grant().resumeSecret;
    const second = session.resume(first).resumeSecret;
    const third = session.resume(second).resumeSecret;
    expect(() => session.resume(first)).toThrow(expect.objectContaining({ code: 'session-gone' }));
    expect(session.ended).toBe('secret-reused');
    expect(events).toEqual(['closed: secret-reused']);
    expect(() => session.resume(third)).toThrow(expect.objectContaining({ code: 'session-gone' }));
  });

  it('an answer that was lost and shows up elsewhere ends the session', () => {
    const { session } = newSession();
    const first = session.grant().resumeSecret;
    const lost = session.resume(first).resumeSecret;
    session.resume(first);
    expect(() => session.resume(lost)).toThrow('no longer knows');
    expect(session.ended).toBe('secret-reused');
  });

  it('SEC-4 a secret that never was one is refused, and nobody loses a session by it', () => {
    const { session } = newSession();
    expect(() => session.resume(newSecret())).toThrow(
      expect.objectContaining({ code: 'session-gone' }),
    );
    expect(session.ended).toBeUndefined();
    expect(() => session.resume(session.grant().resumeSecret)).not.toThrow();
  });

  it('many resumes leave nothing but a bounded memory, and old secrets are known by it', () => {
    const { session } = newSession();
    let secret: Secret = session.grant().resumeSecret;
    const used: Secret[] = [];
    for (let i = 0; i < 1_000; i += 1) {
      used.push(secret);
      secret = session.resume(secret).resumeSecret;
    }
    const old = used.at(-3);
    expect(old).toBeDefined();
    expect(() => session.resume(old ?? secret)).toThrow('no longer knows');
    expect(session.ended).toBe('secret-reused');
  });
});

describe('CONN-3 a socket that has been replaced', () => {
  it('is dropped, and its late disconnect changes nothing', () => {
    const { session } = newSession();
    const before = new FakeLine();
    const after = new FakeLine();
    session.attach(before);
    session.attach(after);
    expect(before.dropped).toBe(1);
    session.detach(before);
    expect(session.attached).toBe(true);
    session.push('draining', { retryInMs: 1 });
    expect(after.pushed).toHaveLength(1);
    expect(before.pushed).toHaveLength(0);
    vi.advanceTimersByTime(10 * LIMITS.sessionGraceMs);
    expect(session.ended).toBeUndefined();
  });

  it('is not the one that attaches a second time', () => {
    const { session } = newSession();
    const line = new FakeLine();
    session.attach(line);
    session.attach(line);
    expect(line.dropped).toBe(0);
  });
});

describe('CONN-6 one transport per session', () => {
  it('the one before lives on for a while, and only where it still lives', () => {
    const { session } = newSession();
    const [a, b, c] = [new FakeTransport('a'), new FakeTransport('b'), new FakeTransport('c')];
    session.setTransport(a.own);
    session.setTransport(b.own);
    expect(a.closed).toBe(false);
    expect(session.openTransport).toBe(b);
    session.setTransport(c.own);
    expect(a.closed).toBe(true);
    expect(b.closed).toBe(false);
    vi.advanceTimersByTime(LIMITS.retiringTransportMs);
    expect(b.closed).toBe(true);
    expect(c.closed).toBe(false);
  });

  it('the one before goes at once when the page has moved', () => {
    const { session, events } = newSession();
    const [a, b] = [new FakeTransport('a'), new FakeTransport('b')];
    session.attach(new FakeLine());
    session.setTransport(a.own);
    session.setTransport(b.own);
    session.dropRetiring();
    expect(a.closed).toBe(true);
    expect(events).toEqual(['transport a closed']);
    expect(session.openTransport).toBe(b);
  });

  it('a retired transport that dies is nobody’s business', () => {
    const { session, events } = newSession();
    const line = new FakeLine();
    const [a, b] = [new FakeTransport('a').connect(), new FakeTransport('b').connect()];
    session.attach(line);
    session.setTransport(a.own);
    session.setTransport(b.own);
    a.dtls('failed');
    expect(a.closed).toBe(true);
    expect(line.pushed).toEqual([]);
    expect(session.mediaUp).toBe(true);
    expect(events).not.toContain('media down');
  });

  it('SRV-5 the page is told when its transport is gone', () => {
    const { session, events } = newSession();
    const line = new FakeLine();
    const transport = new FakeTransport('t').connect();
    session.attach(line);
    session.setTransport(transport.own);
    transport.dtls('closed');
    expect(transport.closed).toBe(true);
    expect(line.pushed).toEqual([['transportGone', { transportId: 't' }]]);
    expect(events).toContain('media down');
    expect(() => session.transport()).toThrow(expect.objectContaining({ code: 'transport-gone' }));
  });

  it('a transport is named by its own id only', () => {
    const { session } = newSession();
    session.setTransport(new FakeTransport('t').own);
    expect(session.transport('t').id).toBe('t');
    expect(() => session.transport('u')).toThrow(
      expect.objectContaining({ code: 'transport-gone' }),
    );
  });

  it('DTLS that does not come up in time closes it', () => {
    const { session } = newSession();
    session.attach(new FakeLine());
    const late = new FakeTransport('late');
    session.setTransport(late.own);
    session.expectDtls(late.own);
    vi.advanceTimersByTime(LIMITS.dtlsDeadlineMs);
    expect(late.closed).toBe(true);
    const good = new FakeTransport('good');
    session.setTransport(good.own);
    session.expectDtls(good.own);
    good.connect();
    vi.advanceTimersByTime(LIMITS.dtlsDeadlineMs);
    expect(good.closed).toBe(false);
  });

  it('LIMIT-6 asking for it again does not put the end off', () => {
    const { session } = newSession();
    session.attach(new FakeLine());
    const late = new FakeTransport('late');
    session.setTransport(late.own);
    session.expectDtls(late.own);
    vi.advanceTimersByTime(LIMITS.dtlsDeadlineMs - 1);
    session.expectDtls(late.own);
    vi.advanceTimersByTime(1);
    expect(late.closed).toBe(true);
  });

  it('LIMIT-6 a transport with nothing to send over it may wait as long as its session', () => {
    const { session } = newSession();
    session.attach(new FakeLine());
    const idle = new FakeTransport('idle');
    session.setTransport(idle.own);
    vi.advanceTimersByTime(3_600_000);
    expect(idle.closed).toBe(false);
  });

  it('LIMIT-6 what is made in a worker for one session is bounded', () => {
    const { session } = newSession();
    const made = (times: number) =>
      Array.from({ length: times }).filter(() => {
        try {
          session.spendMediaChange();
          return true;
        } catch {
          return false;
        }
      }).length;
    expect(made(1_000)).toBe(LIMITS.mediaChangeBurst);
    vi.advanceTimersByTime(5_000);
    expect(made(1_000)).toBe(5 * LIMITS.mediaChangesPerS);
  });
});

describe('the end of a session', () => {
  it('SRV-6 comes also on a worker whose channel is poisoned, where closing throws', () => {
    const { session, events } = newSession();
    session.setTransport(new PoisonedTransport('old').connect().own);
    session.setTransport(new PoisonedTransport('new').connect().own);
    const line = new FakeLine();
    session.attach(line);
    session.detach(line);
    vi.advanceTimersByTime(LIMITS.retiringTransportMs);
    session.close('expired');
    expect(events.at(-1)).toBe('closed: expired');
    expect(session.openTransport).toBeUndefined();
  });

  it('closes its transports, says so once, leaves no timer', () => {
    const { session, events } = newSession();
    const line = new FakeLine();
    const [a, b] = [new FakeTransport('a').connect(), new FakeTransport('b').connect()];
    session.attach(line);
    session.setTransport(a.own);
    session.setTransport(b.own);
    session.expectDtls(b.own);
    events.length = 0;
    session.close('left');
    session.close('expired');
    expect([a.closed, b.closed]).toEqual([true, true]);
    expect(session.ended).toBe('left');
    expect(vi.getTimerCount()).toBe(0);
    expect(line.pushed).toEqual([]);
    // ROOM-5: that its transports close is part of the end, not a loss of its own.
    expect(events).toEqual(['closed: left']);
  });

  it('CONN-5 commands that come after it are refused, those that wait as well', async () => {
    const { session } = newSession();
    const gate = Promise.withResolvers<void>();
    const running = session.exclusive(() => gate.promise);
    const waiting = session.exclusive(async () => 'done');
    await Promise.resolve();
    session.close('left');
    gate.resolve();
    await running;
    await expect(waiting).rejects.toMatchObject({ code: 'session-gone' });
    await expect(session.exclusive(async () => 'done')).rejects.toMatchObject({
      code: 'session-gone',
    });
  });

  it('ROOM-2 one that was superseded says so', async () => {
    const { session } = newSession();
    session.close('superseded');
    await expect(session.exclusive(async () => 1)).rejects.toMatchObject({ code: 'superseded' });
  });

  it('CONN-5 no socket speaks for a session that has ended', () => {
    const { session } = newSession();
    session.close('left');
    expect(() => session.attach(new FakeLine())).toThrow(
      expect.objectContaining({ code: 'session-gone' }),
    );
    expect(session.attached).toBe(false);
  });
});
