import type { types } from '../media/types.ts';
import type { Limits } from '#config/limits.ts';
import { Exclusive } from './exclusive.ts';
import { closeQuietly, isUp } from '../media/routing/transports.ts';
import type { Log } from '../observability/log.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { Secret, SessionId } from '#protocol/ids.ts';
import type { PushName, PushOf, SessionGrant } from '#protocol/signalling.ts';
import { TokenBucket } from '#protocol/token-bucket.ts';
import {
  hashSecret,
  newSecret,
  newSessionId,
  type SecretHash,
  secretMatches,
} from '../admission/secrets.ts';
import { AnswerMemory } from './answer-memory.ts';

/** A page's socket as the session sees it. */
export interface PageSocket {
  push<N extends PushName>(name: N, payload: PushOf<N>): void;
  /** Drops the socket; used on one that has been replaced. */
  drop(): void;
}

export interface SessionEvents {
  /** DTLS and ICE came up, or what was up went down. */
  mediaChanged(up: boolean): void;
  /** The transport has closed, whatever the reason. Its producers and consumers went with it. */
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

/** What a session is closed for, and its page is told. */
export type Violation = 'overlay-flood' | 'bitrate-exceeded';

/**
 * What the server remembers of one publisher or viewer. It outlives sockets and transports, and
 * expires `sessionGraceMs` after the last of both went down: while media flows, signalling may be
 * away for as long as it likes.
 */
export class Session {
  readonly id: SessionId = newSessionId();
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #events: SessionEvents;
  readonly #exclusive = new Exclusive();
  readonly answers: AnswerMemory;
  readonly #mediaChanges: TokenBucket;
  /** Undefined until it has been granted to a page. */
  #secret: { hash: SecretHash; previous: SecretHash | undefined } | undefined;
  /** Secrets that were good once, the newest last. */
  readonly #spent: SecretHash[] = [];
  #socket: PageSocket | undefined;
  #transport: types.WebRtcTransport | undefined;
  #retiring: { transport: types.WebRtcTransport; timer: NodeJS.Timeout } | undefined;
  #mediaUp = false;
  #expiry: NodeJS.Timeout | undefined;
  #dtls:
    | { readonly transport: types.WebRtcTransport; readonly deadline: NodeJS.Timeout }
    | undefined;
  #ended: SessionEnd | undefined;

  constructor(limits: Limits, log: Log, events: SessionEvents) {
    this.#limits = limits;
    this.#log = log.child({ sessionId: this.id });
    this.#events = events;
    this.answers = new AnswerMemory(limits.answerMemoryMs, limits.answerMemoryMax);
    const { mediaChangeBurst: burst, mediaChangesPerS: perS } = limits;
    this.#mediaChanges = new TokenBucket({ burst, perS }, performance.now());
  }

  /** What the page takes the session up with. Told once: only the secret's hash stays here. */
  grant(): SessionGrant {
    const resumeSecret = newSecret();
    this.#secret = { hash: hashSecret(resumeSecret), previous: undefined };
    return { sessionId: this.id, resumeSecret };
  }

  get ended(): SessionEnd | undefined {
    return this.#ended;
  }

  /** Somebody is there: on the socket, or receiving or sending media. */
  get present(): boolean {
    return this.#ended === undefined && (this.#socket !== undefined || this.#mediaUp);
  }

  get attached(): boolean {
    return this.#socket !== undefined;
  }

  get mediaUp(): boolean {
    return this.#mediaUp;
  }

  /** One command of a session at a time. Rejects with `session-gone` once it has ended. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.#exclusive.run(async () => {
      this.assertAlive();
      return task();
    });
  }

  assertAlive(): void {
    if (this.#ended === 'superseded') throw new OnecastError('superseded');
    if (this.#ended !== undefined) throw new OnecastError('session-gone');
  }

  /**
   * After an await the session may have ended: what was just made for it must not stay.
   * @throws as assertAlive, when `made` has been closed
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

  /** @throws `session-gone` where it has ended */
  attach(line: PageSocket): void {
    this.assertAlive();
    const replaced = this.#socket;
    this.#socket = line;
    if (replaced !== line) replaced?.drop();
    this.#updateExpiry();
  }

  /** A socket went away, or there is none yet. One that has been replaced meanwhile changes nothing. */
  detach(line?: PageSocket): void {
    if (this.#socket !== line) return;
    this.#socket = undefined;
    this.#updateExpiry();
  }

  /**
   * Takes the session up with its secret and returns the next one. The secret just used stays good
   * until the new one has been used, since the answer that carries it may be lost; any older one
   * ends the session: somebody has a copy. One that never was good is refused and changes nothing,
   * else whoever has seen a session's public name could end it.
   */
  resume(secret: Secret): SessionGrant {
    this.assertAlive();
    if (!this.#secret) throw new OnecastError('session-gone');
    const { hash, previous } = this.#secret;
    const current = secretMatches(secret, hash);
    if (!current && !(previous && secretMatches(secret, previous))) {
      const spent = this.#spent.some((known) => secretMatches(secret, known));
      this.#log.warn({ spent }, 'a wrong or used resume secret was shown');
      if (spent) this.close('secret-reused');
      throw new OnecastError('session-gone');
    }
    const resumeSecret = newSecret();
    const outlived = current ? previous : hash;
    if (outlived) this.#spent.push(outlived);
    if (this.#spent.length > this.#limits.spentSecretsMax) this.#spent.shift();
    this.#secret = { hash: hashSecret(resumeSecret), previous: current ? hash : previous };
    return { sessionId: this.id, resumeSecret };
  }

  // --- media

  /** Something is about to be made in a worker. @throws `too-many` where that comes too often */
  spendMediaChange(): void {
    if (!this.#mediaChanges.tryConsume(performance.now())) throw new OnecastError('too-many');
  }

  /** The session's transport, if it lives. @throws `transport-gone` */
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

  /** Makes `transport` the session's own. The one before lives on for a while where it still works. */
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
      // It closes with its session: no event of its own.
      if (this.#ended !== undefined) return;
      this.#events.transportClosed(transport);
      if (this.#transport !== transport) return;
      this.#updateMedia();
      this.push('transportGone', { transportId: transport.id });
    });
    this.#updateMedia();
  }

  /**
   * From here on there is something to send over `transport`, and DTLS that never connects raises no
   * event of its own. Asking again does not put the end off.
   */
  expectDtls(transport: types.WebRtcTransport): void {
    if (this.#ended !== undefined || this.#dtls?.transport === transport) return;
    if (transport.dtlsState === 'connected') return;
    this.#forgetDtls();
    const deadline = setTimeout(() => {
      if (transport.closed || transport.dtlsState === 'connected') return;
      this.#log.info('DTLS did not come up in time');
      closeQuietly(transport);
    }, this.#limits.dtlsDeadlineMs);
    deadline.unref();
    this.#dtls = { transport, deadline };
  }

  #forgetDtls(): void {
    clearTimeout(this.#dtls?.deadline);
    this.#dtls = undefined;
  }

  /** The page has moved to the new transport. */
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
  }

  #updateExpiry(): void {
    clearTimeout(this.#expiry);
    if (this.#ended !== undefined || this.present) return;
    this.#expiry = setTimeout(() => this.close('expired'), this.#limits.sessionGraceMs);
    this.#expiry.unref();
  }
}
