import type { types } from '../media/types.ts';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import { FanOut } from '../media/routing/fan-out.ts';
import type { Rebuilt } from '../media/rtp-parameters.ts';
import type { MediaWorker, WorkerPool } from '../media/workers/pool.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { RoomId, Secret } from '#protocol/ids.ts';
import type { KeyedMessage, StateKey } from '#protocol/overlay-state.ts';
import type { IngestResult, OverlaySnapshot, RoomView } from '#protocol/signalling.ts';
import { hashSecret, newSecret, type SecretHash, secretMatches } from '../admission/secrets.ts';
import { Ingest } from '../overlay/ingest.ts';
import { type Broadcast, Publisher } from './publisher.ts';
import type { ServerChannel } from '../overlay/server-channels.ts';
import { RoomOverlay } from '../overlay/room-overlay.ts';
import { epochOf, type RoomEvent, type RoomState, stepRoom } from './room-state.ts';
import type { Session, SessionEnd } from './session.ts';
import { Viewer } from './viewer.ts';

export interface RoomContext {
  readonly pool: WorkerPool;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly estimation: Config['estimation'];
  /** The room is forgotten. Called once. */
  onClosed(room: Room): void;
  onSession(member: Publisher | Viewer): void;
  onSessionClosed(member: Publisher | Viewer): void;
}

/** What makes a page the publisher of a room. */
export type Claim =
  | { readonly by: 'token' }
  | { readonly by: 'secret'; readonly secret: Secret | undefined };

/** One place to broadcast. All its transitions are synchronous: no await lies within one. */
export class Room {
  readonly id: RoomId;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly #context: RoomContext;
  readonly #viewers = new Set<Viewer>();
  readonly #overlay: RoomOverlay;
  readonly #ingest: Ingest;
  readonly fanOut: FanOut;
  /** Every viewer's line is estimated, not only those in trouble. */
  readonly estimatesAll: boolean;
  #state: RoomState = { status: 'open' };
  /** Claims so far; each is the epoch of the broadcast that may come of it. */
  #claims = 0;
  #secretHash: SecretHash | undefined;
  /** On air, or lost and awaited. */
  #publisher: Publisher | undefined;
  /** Has claimed the room and does not send yet. */
  #claimant: Publisher | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #countTimer: NodeJS.Timeout | undefined;
  readonly #onWorkerLost = (mediaWorker: MediaWorker) => this.#workerLost(mediaWorker);

  constructor(id: RoomId, context: RoomContext) {
    this.id = id;
    this.#context = context;
    this.limits = context.limits;
    this.metrics = context.metrics;
    this.estimatesAll = context.estimation === 'always';
    this.log = context.log.child({ roomId: id });
    this.fanOut = new FanOut(context.pool, this.limits, this.log);
    this.#overlay = new RoomOverlay(
      {
        router: () => this.fanOut.openHome,
        opened: () => {
          for (const viewer of this.#viewers) viewer.broadcastChanged();
        },
      },
      this.limits,
      this.log,
    );
    this.#ingest = new Ingest(this.#overlay, this.limits, context.metrics);
    context.pool.on('workerLost', this.#onWorkerLost);
    this.#updateIdleTimer();
  }

  get state(): RoomState {
    return this.#state;
  }

  get epoch(): number {
    return epochOf(this.#state);
  }

  /** What viewers should receive now. */
  get broadcast(): Broadcast | undefined {
    return this.#state.status === 'live' || this.#state.status === 'interrupted'
      ? this.#publisher?.broadcast
      : undefined;
  }

  /** Viewers watching now. */
  get viewerCount(): number {
    let count = 0;
    for (const { session } of this.#viewers) if (session.present) count += 1;
    return count;
  }

  view(): RoomView {
    const state = this.#state;
    return {
      roomId: this.id,
      status: state.status,
      epoch: epochOf(state),
      viewers: this.viewerCount,
      ...(state.status === 'interrupted' && {
        interruption: {
          reason: state.reason,
          remainingMs: Math.max(0, Math.round(state.deadline - performance.now())),
        },
      }),
    };
  }

  /** The overlay as it is now, for those who join late or have lost something. */
  overlay(): OverlaySnapshot {
    return this.#overlay.snapshot(this.broadcast !== undefined);
  }

  /** The server's own channels to viewers, beside what the publisher sends. */
  get serverChannels(): readonly ServerChannel[] {
    return this.#overlay.serverChannels;
  }

  // --- who comes

  /**
   * Claims the room, by a token that has been looked at already, or by its publisherSecret. The
   * newest claim wins.
   * @throws OnecastError `room-taken`
   */
  claim(claim: Claim): { publisher: Publisher; publisherSecret: Secret | undefined } {
    const publisherSecret = claim.by === 'secret' ? this.#ownerSecret(claim.secret) : undefined;
    this.#claims = Math.max(this.#claims, this.epoch) + 1;
    const replaced = this.#claimant;
    const publisher = new Publisher(this, this.#claims);
    this.#claimant = publisher;
    if (replaced) this.#supersede(replaced);
    this.#context.onSession(publisher);
    this.#updateIdleTimer();
    return { publisher, publisherSecret };
  }

  /**
   * The first to come gets the room's publisherSecret, or keeps the one it holds from before a
   * restart; later ones must show it.
   */
  #ownerSecret(shown: Secret | undefined): Secret {
    const secret = shown ?? newSecret();
    if (this.#secretHash === undefined) this.#secretHash = hashSecret(secret);
    else if (!secretMatches(secret, this.#secretHash)) throw new OnecastError('room-taken');
    return secret;
  }

  addViewer(rtpCapabilities: Rebuilt<types.RtpCapabilities>): Viewer {
    const viewer = new Viewer(this, rtpCapabilities);
    this.#viewers.add(viewer);
    this.#context.onSession(viewer);
    this.#updateIdleTimer();
    this.viewersChanged();
    return viewer;
  }

  /** @throws OnecastError `room-unknown` where nobody has claimed it yet, `room-taken` */
  assertOwner(shown: Secret): void {
    if (this.#secretHash === undefined) throw new OnecastError('room-unknown');
    if (!secretMatches(shown, this.#secretHash)) throw new OnecastError('room-taken');
  }

  // --- the overlay

  /** @throws OnecastError `stale-epoch` where this publisher is not on air, `state-full` */
  setState(
    publisher: Publisher,
    keys: readonly StateKey[] | undefined,
    messages: readonly KeyedMessage[],
  ): void {
    if (publisher !== this.#publisher) throw new OnecastError('stale-epoch');
    this.#overlay.setFromPage(keys, messages);
  }

  /** Messages of a program beside the publisher's page. @throws OnecastError `too-many` */
  ingest(lines: readonly unknown[]): IngestResult {
    if (this.#state.status === 'closed') throw new OnecastError('room-unknown');
    return this.#ingest.accept(lines, this.broadcast !== undefined);
  }

  // --- what the publisher's side reports

  /** Its picture is here: on air. The publisher before it, if any, is out. */
  publisherReady(publisher: Publisher): void {
    if (publisher.session.ended !== undefined || !publisher.broadcast) return;
    if (publisher !== this.#claimant && publisher !== this.#publisher) return;
    const replaced = this.#publisher === publisher ? undefined : this.#publisher;
    if (this.#claimant === publisher) {
      this.#claimant = undefined;
      this.#overlay.broadcastBegan();
    }
    this.#publisher = publisher;
    this.#apply({ type: 'PUBLISHER_READY', epoch: publisher.epoch });
    if (replaced) {
      this.metrics.recovered('publisher-takeover');
      this.#supersede(replaced);
    }
  }

  publisherLost(publisher: Publisher): void {
    if (publisher !== this.#publisher) return;
    this.#apply({ type: 'PUBLISHER_LOST', epoch: publisher.epoch, deadline: this.#deadline() });
  }

  /** @throws OnecastError `stale-epoch` where the broadcast is no longer this publisher's. */
  endBroadcast(publisher: Publisher, epoch: number): void {
    if (epoch !== publisher.epoch) throw new OnecastError('stale-epoch');
    publisher.session.close('ended');
  }

  publisherClosed(publisher: Publisher, reason: SessionEnd): void {
    publisher.close();
    if (this.#claimant === publisher) this.#claimant = undefined;
    if (this.#publisher === publisher) {
      this.#publisher = undefined;
      // Whoever is closed for a violation does not come back.
      const over =
        reason === 'ended' || reason === 'overlay-flood' || reason === 'bitrate-exceeded';
      if (over) this.#apply({ type: 'PUBLISHER_ENDED', epoch: publisher.epoch });
      else
        this.#apply({ type: 'PUBLISHER_LOST', epoch: publisher.epoch, deadline: this.#deadline() });
    }
    this.#context.onSessionClosed(publisher);
    this.#updateIdleTimer();
  }

  viewerClosed(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    this.#context.onSessionClosed(viewer);
    this.#updateIdleTimer();
    this.viewersChanged();
  }

  /** Producers came or went: viewers follow. */
  broadcastChanged(publisher: Publisher): void {
    if (publisher !== this.#publisher) return;
    for (const viewer of this.#viewers) viewer.broadcastChanged();
  }

  /** Tells the publisher how many are watching, merged over a short while. */
  viewersChanged(): void {
    if (this.#countTimer || this.#state.status === 'closed') return;
    this.#countTimer = setTimeout(() => {
      this.#countTimer = undefined;
      this.#publisher?.session.push('roomChanged', this.view());
    }, this.limits.viewerCountIntervalMs);
    this.#countTimer.unref();
  }

  // --- media

  /** Keeps the overlay's latest state. */
  async tap(publisher: Publisher, dataProducer: types.DataProducer): Promise<void> {
    await publisher.router?.tap(dataProducer, (message) => {
      if (!publisher.sendsOverlay()) return;
      if (publisher === this.#publisher || publisher === this.#claimant) {
        const taken = this.#overlay.passed(message.toString('utf8'));
        this.metrics.overlay(taken ? 'taken' : 'dropped', message.byteLength);
      }
    });
  }

  #workerLost(mediaWorker: MediaWorker): void {
    if (!this.fanOut.workerLost(mediaWorker)) return;
    // Viewers on another worker than their publisher's are told by their transports alone.
    if (this.#publisher?.router?.mediaWorker !== mediaWorker) return;
    this.#apply({ type: 'WORKER_LOST', deadline: this.#deadline() });
  }

  // --- transitions

  #apply(event: RoomEvent): void {
    const before = this.#state;
    this.#state = stepRoom(before, event);
    if (this.#state === before) return;
    this.log.info(
      { status: this.#state.status, epoch: this.epoch, event: event.type },
      'room changed',
    );
    clearTimeout(this.#graceTimer);
    if (this.#state.status === 'interrupted') {
      const wait = this.#state.deadline - performance.now();
      this.#graceTimer = setTimeout(
        () => this.#apply({ type: 'GRACE_EXPIRED', now: performance.now() }),
        // A timer may fire a little early by the monotonic clock; never before the deadline.
        Math.max(0, wait) + 5,
      );
      this.#graceTimer.unref();
    }
    if (this.#state.status === 'ended') this.#overlay.broadcastEnded();
    this.#notifyAll();
    this.#updateIdleTimer();
  }

  #notifyAll(): void {
    const view = this.view();
    for (const session of this.#sessions()) session.push('roomChanged', view);
    if (this.#publisher && this.broadcast) this.broadcastChanged(this.#publisher);
  }

  *#sessions(): Generator<Session> {
    if (this.#publisher) yield this.#publisher.session;
    if (this.#claimant) yield this.#claimant.session;
    for (const viewer of this.#viewers) yield viewer.session;
  }

  #supersede(publisher: Publisher): void {
    publisher.session.push('superseded', { epoch: this.#claims });
    publisher.session.close('superseded');
  }

  #deadline(): number {
    return performance.now() + this.limits.interruptedRoomMs;
  }

  // --- end

  #updateIdleTimer(): void {
    const empty = this.#viewers.size === 0 && !this.#publisher && !this.#claimant;
    const idle = empty && (this.#state.status === 'open' || this.#state.status === 'ended');
    if (!idle) {
      clearTimeout(this.#idleTimer);
      this.#idleTimer = undefined;
    } else {
      const { idleRoomMs, idleUnusedRoomMs } = this.limits;
      const wait = this.#state.status === 'open' ? idleUnusedRoomMs : idleRoomMs;
      this.#idleTimer ??= setTimeout(() => this.#close('IDLE_EXPIRED'), wait).unref();
    }
  }

  /** Closes the room and everybody's session in it. Idempotent. */
  close(): void {
    this.#close('DRAIN');
  }

  #close(type: 'IDLE_EXPIRED' | 'DRAIN'): void {
    if (this.#state.status === 'closed') return;
    this.#state = stepRoom(this.#state, { type });
    if (this.#state.status !== 'closed') return;
    for (const session of this.#sessions()) session.close('server-closed');
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#countTimer);
    this.#overlay.close();
    this.#context.pool.off('workerLost', this.#onWorkerLost);
    this.fanOut.close();
    this.log.info('room closed');
    this.#context.onClosed(this);
  }
}
