import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { Secret, SessionId } from '#protocol/ids.ts';
import type { PushName, PushOf, SessionGrant } from '#protocol/signalling.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';
import { newSessionId, ResumeSecret } from '../admission/secrets.ts';
import { closeQuietly, isUp } from '../media/routing/transports.ts';
import type { types } from '../media/types.ts';
import type { Log } from '../observability/log.ts';
import { AnswerMemory } from './answer-memory.ts';
import { Exclusive } from './exclusive.ts';

/** A page's socket, as the session sees it. */
export interface PageSocket {
  push<N extends PushName>(name: N, payload: PushOf<N>): void;
  /** Disconnects the page: another socket has replaced this one. */
  drop(): void;
}

export interface SessionEvents {
  /** `true`: DTLS and ICE are up now. `false`: one of them went down. */
  mediaChanged(up: boolean): void;
  /** `mediaDueMs` have passed since there was something to send over this transport, and DTLS is not up. */
  mediaUnreached(transport: types.WebRtcTransport): void;
  /** The transport has closed, and so have its producers and consumers. Not at the session's end. */
  transportClosed(transport: types.WebRtcTransport): void;
  /** The session is over. Called once. */
  closed(reason: SessionEnd): void;
}

export type SessionEnd =
  | 'left'
  | 'ended'
  | 'expired'
  | 'superseded'
  | 'secret-reused'
  | Violation
  | 'server-closed';

/** A misuse that closes a session. The page receives this code. */
export type Violation = 'overlay-flood' | 'bitrate-exceeded';

/**
 * What the server remembers of one publisher or viewer. A session outlives sockets and transports. It
 * expires `sessionGraceMs` after it has lost both its socket and its media: while media flows, the
 * socket may be away for any length of time.
 */
export class Session {
  readonly id: SessionId = newSessionId();
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #events: SessionEvents;
  readonly #exclusive = new Exclusive();
  readonly answers: AnswerMemory;
  readonly #mediaChanges: TokenBucket;
  readonly #resumeSecret: ResumeSecret;
  #socket: PageSocket | undefined;
  #transport: types.WebRtcTransport | undefined;
  #retiring: { transport: types.WebRtcTransport; timer: NodeJS.Timeout } | undefined;
  #mediaUp = false;
  #expiry: NodeJS.Timeout | undefined;
  #dtls:
    | { readonly transport: types.WebRtcTransport; readonly timers: readonly NodeJS.Timeout[] }
    | undefined;
  #ended: SessionEnd | undefined;
  #onEnded: ((reason: SessionEnd) => void) | undefined;

  constructor(limits: Limits, log: Log, events: SessionEvents) {
    this.#limits = limits;
    this.#log = log.child({ sessionId: this.id });
    this.#events = events;
    this.#resumeSecret = new ResumeSecret(limits.spentSecretsMax);
    this.answers = new AnswerMemory(limits.answerMemoryMs, limits.answerMemoryMax);
    const { mediaChangeBurst: burst, mediaChangesPerS: perS } = limits;
    this.#mediaChanges = new TokenBucket({ burst, perS }, performance.now());
  }

  /** What the page needs to resume the session. To be called once, for the answer of a join. */
  grant(): SessionGrant {
    return { sessionId: this.id, resumeSecret: this.#resumeSecret.issue() };
  }

  get ended(): SessionEnd | undefined {
    return this.#ended;
  }

  /** `act` is called when the session ends, at once if it has ended. For one caller. */
  onEnded(act: (reason: SessionEnd) => void): void {
    this.#onEnded = act;
    if (this.#ended !== undefined) act(this.#ended);
  }

  /** The page has a socket, or its media is up. */
  get present(): boolean {
    return this.#ended === undefined && (this.#socket !== undefined || this.#mediaUp);
  }

  get attached(): boolean {
    return this.#socket !== undefined;
  }

  get mediaUp(): boolean {
    return this.#mediaUp;
  }

  /** Runs one command at a time. Rejects as `assertAlive` throws once the session has ended. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.#exclusive.run(async () => {
      this.assertAlive();
      return task();
    });
  }

  /** @throws OnecastError `superseded`, `session-gone` */
  assertAlive(): void {
    if (this.#ended === 'superseded') throw new OnecastError('superseded');
    if (this.#ended !== undefined) throw new OnecastError('session-gone');
  }

  /**
   * To be called after an await that created something for this session. The session may have ended
   * meanwhile; then `made` is closed.
   * @throws as `assertAlive`, after `made` has been closed
   */
  keep(made: { close(): void }): void {
    if (this.#ended === undefined) return;
    made.close();
    this.assertAlive();
  }

  push<N extends PushName>(name: N, payload: PushOf<N>): void {
    this.#socket?.push(name, payload);
  }

  // --- sockets

  /** Makes `socket` the session's own and drops the one before. @throws as `assertAlive` */
  attach(socket: PageSocket): void {
    this.assertAlive();
    const replaced = this.#socket;
    this.#socket = socket;
    if (replaced !== socket) replaced?.drop();
    this.#updateExpiry();
  }

  /**
   * `socket` has disconnected; without it: the session has no socket yet. The disconnect of a socket
   * that has been replaced changes nothing.
   */
  detach(socket?: PageSocket): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#updateExpiry();
  }

  /**
   * Returns the grant with the next secret. A secret that was used long ago ends the session, because
   * somebody has a copy. One that never was valid is refused and changes nothing; otherwise anyone
   * who has seen the session's id could end it.
   * @throws as `assertAlive`; OnecastError `session-gone` if the secret is not valid
   */
  resume(secret: Secret): SessionGrant {
    this.assertAlive();
    const rotated = this.#resumeSecret.rotate(secret);
    if (typeof rotated === 'object') return { sessionId: this.id, resumeSecret: rotated.next };
    const spent = rotated === 'spent';
    this.#log.warn({ spent }, 'wrong or used resume secret');
    if (spent) this.close('secret-reused');
    throw new OnecastError('session-gone');
  }

  // --- media

  /**
   * To be called before something is created in a worker at the page's request.
   * @throws OnecastError `too-many` if that is too often
   */
  spendMediaChange(): void {
    if (!this.#mediaChanges.tryConsume(performance.now())) throw new OnecastError('too-many');
  }

  /**
   * The session's open transport.
   * @throws OnecastError `transport-gone` if there is none, or it is not the one with this `id`
   */
  transport(id?: string): types.WebRtcTransport {
    const transport = this.openTransport;
    if (!transport || (id !== undefined && transport.id !== id)) {
      throw new OnecastError('transport-gone');
    }
    return transport;
  }

  get openTransport(): types.WebRtcTransport | undefined {
    return this.#transport?.closed === false ? this.#transport : undefined;
  }

  /** Makes `transport` the session's own. An open one before it stays for `retiringTransportMs`. */
  setTransport(transport: types.WebRtcTransport): void {
    const before = this.openTransport;
    this.#forgetDtls();
    this.#transport = transport;
    this.dropRetiring();
    if (before) this.#retire(before);
    transport.on('dtlsstatechange', (state) => {
      if (state === 'closed' || state === 'failed') closeQuietly(transport);
      this.#updateMedia();
    });
    transport.on('icestatechange', () => this.#updateMedia());
    transport.observer.once('close', () => {
      // It closes because the session ends, which has an event of its own.
      if (this.#ended !== undefined) return;
      this.#events.transportClosed(transport);
      if (this.#transport !== transport) return;
      this.#updateMedia();
      this.push('transportGone', { transportId: transport.id });
    });
    this.#updateMedia();
  }

  /**
   * Closes `transport` if DTLS is not up within `dtlsDeadlineMs`. To be called once there is something
   * to send over it: DTLS that never connects raises no event. Further calls do not move the deadline.
   */
  expectDtls(transport: types.WebRtcTransport): void {
    if (this.#ended !== undefined || this.#dtls?.transport === transport) return;
    if (transport.dtlsState === 'connected') return;
    this.#forgetDtls();
    const later = (ms: number, act: () => void) =>
      setTimeout(() => {
        if (!transport.closed && transport.dtlsState !== 'connected') act();
      }, ms).unref();
    const { mediaDueMs, dtlsDeadlineMs } = this.#limits;
    const timers = [
      later(mediaDueMs, () => this.#events.mediaUnreached(transport)),
      later(dtlsDeadlineMs, () => {
        this.#log.info('DTLS did not come up in time');
        closeQuietly(transport);
      }),
    ];
    this.#dtls = { transport, timers };
  }

  #forgetDtls(): void {
    for (const timer of this.#dtls?.timers ?? []) clearTimeout(timer);
    this.#dtls = undefined;
  }

  /** Closes the transport before the current one: the page has moved to the new one. */
  dropRetiring(): void {
    if (!this.#retiring) return;
    clearTimeout(this.#retiring.timer);
    closeQuietly(this.#retiring.transport);
    this.#retiring = undefined;
  }

  #retire(transport: types.WebRtcTransport): void {
    const timer = setTimeout(() => this.dropRetiring(), this.#limits.retiringTransportMs);
    timer.unref();
    this.#retiring = { transport, timer };
  }

  #updateMedia(): void {
    const up = this.#transport !== undefined && isUp(this.#transport);
    if (up === this.#mediaUp) return;
    this.#mediaUp = up;
    this.#updateExpiry();
    if (this.#ended === undefined) this.#events.mediaChanged(up);
  }

  // --- end

  /** Idempotent. */
  close(reason: SessionEnd): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    clearTimeout(this.#expiry);
    this.#forgetDtls();
    this.dropRetiring();
    if (this.openTransport) closeQuietly(this.openTransport);
    this.#mediaUp = false;
    this.#socket = undefined;
    this.#log.info({ reason }, 'session closed');
    this.#events.closed(reason);
    this.#onEnded?.(reason);
  }

  /** Closes the session and disconnects the page, which then joins again. */
  evict(): void {
    const socket = this.#socket;
    this.close('server-closed');
    socket?.drop();
  }

  #updateExpiry(): void {
    clearTimeout(this.#expiry);
    if (this.#ended !== undefined || this.present) return;
    this.#expiry = setTimeout(() => this.close('expired'), this.#limits.sessionGraceMs);
    this.#expiry.unref();
  }
}
