import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { Secret } from '#protocol/ids.ts';
import { newSecret } from '../admission/secrets.ts';
import type { types } from '../media/types.ts';
import { type PageSocket, Session, type SessionEnd } from './session.ts';

/** The part of a WebRtcTransport that a session uses. */
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

  get asTransport(): types.WebRtcTransport {
    return this as unknown as types.WebRtcTransport;
  }
}

/** A transport on a worker whose channel is poisoned. */
class PoisonedTransport extends FakeTransport {
  override close(): void {
    this.closed = true;
    throw new Error('object serialization must not be nested');
  }
}

class FakeSocket implements PageSocket {
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
    mediaUnreached: () => void events.push('media unreached'),
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
  it('stays while its socket is connected, even without media', () => {
    const { session } = newSession();
    session.attach(new FakeSocket());
    vi.advanceTimersByTime(10 * LIMITS.sessionGraceMs);
    expect(session.ended).toBeUndefined();
    expect(session.present).toBe(true);
  });

  it('expires after the grace period without a socket', () => {
    const { session, events } = newSession();
    const socket = new FakeSocket();
    session.attach(socket);
    session.detach(socket);
    expect(session.present).toBe(false);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs - 1);
    expect(session.ended).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(session.ended).toBe('expired');
    expect(events).toEqual(['closed: expired']);
  });

  it('stays while media flows, however long signalling is away', () => {
    const { session } = newSession();
    const socket = new FakeSocket();
    session.attach(socket);
    session.setTransport(new FakeTransport('t').connect().asTransport);
    session.detach(socket);
    vi.advanceTimersByTime(10 * LIMITS.sessionGraceMs);
    expect(session.ended).toBeUndefined();
    expect(session.present).toBe(true);
  });

  it('expires after the grace period without socket and media', () => {
    const { session } = newSession();
    const socket = new FakeSocket();
    const transport = new FakeTransport('t');
    session.attach(socket);
    session.setTransport(transport.asTransport);
    transport.connect();
    session.detach(socket);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs);
    transport.ice('disconnected');
    vi.advanceTimersByTime(LIMITS.sessionGraceMs - 1);
    expect(session.ended).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(session.ended).toBe('expired');
    expect(transport.closed).toBe(true);
  });

  it('stays if a socket or media comes back within the grace period', () => {
    const { session } = newSession();
    const socket = new FakeSocket();
    const transport = new FakeTransport('t');
    session.setTransport(transport.asTransport);
    session.attach(socket);
    session.detach(socket);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs - 1);
    session.attach(socket);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs);
    session.detach(socket);
    vi.advanceTimersByTime(LIMITS.sessionGraceMs - 1);
    transport.connect();
    vi.advanceTimersByTime(10 * LIMITS.sessionGraceMs);
    expect(session.ended).toBeUndefined();
  });
});

describe('CONN-2 a session is resumed with its secret, which changes each time', () => {
  it('returns a new secret each time', () => {
    const { session } = newSession();
    const first = session.grant().resumeSecret;
    const second = session.resume(first).resumeSecret;
    const third = session.resume(second).resumeSecret;
    expect(new Set([first, second, third]).size).toBe(3);
    expect(session.resume(third).sessionId).toBe(session.id);
  });

  it('SEC-7 no secret is valid before the first was granted', () => {
    const { session } = newSession();
    expect(() => session.resume(newSecret())).toThrow(OnecastError);
    const granted = session.grant().resumeSecret;
    expect(session.resume(granted).sessionId).toBe(session.id);
  });

  it('the secret just used stays valid until its successor is used', () => {
    const { session } = newSession();
    const first = session.grant().resumeSecret;
    session.resume(first);
    session.resume(first);
    const received = session.resume(first).resumeSecret;
    expect(() => session.resume(received)).not.toThrow();
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

  it('a secret from an answer that was lost ends the session if it is used later', () => {
    const { session } = newSession();
    const first = session.grant().resumeSecret;
    const lost = session.resume(first).resumeSecret;
    session.resume(first);
    expect(() => session.resume(lost)).toThrow('no longer knows');
    expect(session.ended).toBe('secret-reused');
  });

  it('SEC-4 a secret that never was valid is refused, and the session stays', () => {
    const { session } = newSession();
    expect(() => session.resume(newSecret())).toThrow(
      expect.objectContaining({ code: 'session-gone' }),
    );
    expect(session.ended).toBeUndefined();
    expect(() => session.resume(session.grant().resumeSecret)).not.toThrow();
  });

  it('after many resumes a bounded number of old secrets is still recognised', () => {
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
    const before = new FakeSocket();
    const after = new FakeSocket();
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

  it('is not dropped if the same socket attaches again', () => {
    const { session } = newSession();
    const socket = new FakeSocket();
    session.attach(socket);
    session.attach(socket);
    expect(socket.dropped).toBe(0);
  });
});

describe('CONN-6 one transport per session', () => {
  it('an open previous transport stays for a while', () => {
    const { session } = newSession();
    const [a, b, c] = [new FakeTransport('a'), new FakeTransport('b'), new FakeTransport('c')];
    session.setTransport(a.asTransport);
    session.setTransport(b.asTransport);
    expect(a.closed).toBe(false);
    expect(session.openTransport).toBe(b);
    session.setTransport(c.asTransport);
    expect(a.closed).toBe(true);
    expect(b.closed).toBe(false);
    vi.advanceTimersByTime(LIMITS.retiringTransportMs);
    expect(b.closed).toBe(true);
    expect(c.closed).toBe(false);
  });

  it('the previous transport closes as soon as the page has moved', () => {
    const { session, events } = newSession();
    const [a, b] = [new FakeTransport('a'), new FakeTransport('b')];
    session.attach(new FakeSocket());
    session.setTransport(a.asTransport);
    session.setTransport(b.asTransport);
    session.dropRetiring();
    expect(a.closed).toBe(true);
    expect(events).toEqual(['transport a closed']);
    expect(session.openTransport).toBe(b);
  });

  it('a retiring transport that fails causes no event', () => {
    const { session, events } = newSession();
    const socket = new FakeSocket();
    const [a, b] = [new FakeTransport('a').connect(), new FakeTransport('b').connect()];
    session.attach(socket);
    session.setTransport(a.asTransport);
    session.setTransport(b.asTransport);
    a.dtls('failed');
    expect(a.closed).toBe(true);
    expect(socket.pushed).toEqual([]);
    expect(session.mediaUp).toBe(true);
    expect(events).not.toContain('media down');
  });

  it('SRV-5 the page is informed when its transport has closed', () => {
    const { session, events } = newSession();
    const socket = new FakeSocket();
    const transport = new FakeTransport('t').connect();
    session.attach(socket);
    session.setTransport(transport.asTransport);
    transport.dtls('closed');
    expect(transport.closed).toBe(true);
    expect(socket.pushed).toEqual([['transportGone', { transportId: 't' }]]);
    expect(events).toContain('media down');
    expect(() => session.transport()).toThrow(expect.objectContaining({ code: 'transport-gone' }));
  });

  it('a transport is found by its own id only', () => {
    const { session } = newSession();
    session.setTransport(new FakeTransport('t').asTransport);
    expect(session.transport('t').id).toBe('t');
    expect(() => session.transport('u')).toThrow(
      expect.objectContaining({ code: 'transport-gone' }),
    );
  });

  it('the transport closes if DTLS does not come up in time', () => {
    const { session } = newSession();
    session.attach(new FakeSocket());
    const late = new FakeTransport('late');
    session.setTransport(late.asTransport);
    session.expectDtls(late.asTransport);
    vi.advanceTimersByTime(LIMITS.dtlsDeadlineMs);
    expect(late.closed).toBe(true);
    const good = new FakeTransport('good');
    session.setTransport(good.asTransport);
    session.expectDtls(good.asTransport);
    good.connect();
    vi.advanceTimersByTime(LIMITS.dtlsDeadlineMs);
    expect(good.closed).toBe(false);
  });

  it('LIMIT-6 expecting DTLS again does not move the deadline', () => {
    const { session } = newSession();
    session.attach(new FakeSocket());
    const late = new FakeTransport('late');
    session.setTransport(late.asTransport);
    session.expectDtls(late.asTransport);
    vi.advanceTimersByTime(LIMITS.dtlsDeadlineMs - 1);
    session.expectDtls(late.asTransport);
    vi.advanceTimersByTime(1);
    expect(late.closed).toBe(true);
  });

  it('LIMIT-6 a transport with nothing to send stays as long as its session', () => {
    const { session } = newSession();
    session.attach(new FakeSocket());
    const idle = new FakeTransport('idle');
    session.setTransport(idle.asTransport);
    vi.advanceTimersByTime(3_600_000);
    expect(idle.closed).toBe(false);
  });

  it('LIMIT-6 the rate of media changes is bounded for each session', () => {
    const { session } = newSession();
    const allowed = (times: number) =>
      Array.from({ length: times }).filter(() => {
        try {
          session.spendMediaChange();
          return true;
        } catch {
          return false;
        }
      }).length;
    expect(allowed(1_000)).toBe(LIMITS.mediaChangeBurst);
    vi.advanceTimersByTime(5_000);
    expect(allowed(1_000)).toBe(5 * LIMITS.mediaChangesPerS);
  });
});

describe('the end of a session', () => {
  it('SRV-6 works on a worker with a poisoned channel, where closing throws', () => {
    const { session, events } = newSession();
    session.setTransport(new PoisonedTransport('old').connect().asTransport);
    session.setTransport(new PoisonedTransport('new').connect().asTransport);
    const socket = new FakeSocket();
    session.attach(socket);
    session.detach(socket);
    vi.advanceTimersByTime(LIMITS.retiringTransportMs);
    session.close('expired');
    expect(events.at(-1)).toBe('closed: expired');
    expect(session.openTransport).toBeUndefined();
  });

  it('closes its transports, reports it once and leaves no timer', () => {
    const { session, events } = newSession();
    const socket = new FakeSocket();
    const [a, b] = [new FakeTransport('a').connect(), new FakeTransport('b').connect()];
    session.attach(socket);
    session.setTransport(a.asTransport);
    session.setTransport(b.asTransport);
    session.expectDtls(b.asTransport);
    events.length = 0;
    session.close('left');
    session.close('expired');
    expect([a.closed, b.closed]).toEqual([true, true]);
    expect(session.ended).toBe('left');
    expect(vi.getTimerCount()).toBe(0);
    expect(socket.pushed).toEqual([]);
    // ROOM-5: the transports close because of the end, which is not reported as a loss.
    expect(events).toEqual(['closed: left']);
  });

  it('CONN-5 refuses later commands, and those that are waiting', async () => {
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

  it('ROOM-2 a superseded session reports it with its own code', async () => {
    const { session } = newSession();
    session.close('superseded');
    await expect(session.exclusive(async () => 1)).rejects.toMatchObject({ code: 'superseded' });
  });

  it('CONN-5 no socket can attach to a session that has ended', () => {
    const { session } = newSession();
    session.close('left');
    expect(() => session.attach(new FakeSocket())).toThrow(
      expect.objectContaining({ code: 'session-gone' }),
    );
    expect(session.attached).toBe(false);
  });
});
