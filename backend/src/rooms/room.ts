import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { OwnershipProof, RoomId, Secret } from '#protocol/ids.ts';
import type { KeyedMessage, StateKey } from '#protocol/overlay-state.ts';
import type { DeviceCode, DeviceCodeGrant } from '#protocol/room-codes.ts';
import type { IngestResult, RoomView } from '#protocol/signalling.ts';
import type { OwnershipProofs } from '../admission/ownership-proofs.ts';
import { RoomDeviceCode } from '../admission/device-code.ts';
import { RoomOwner } from '../admission/room-owner.ts';
import { FanOut } from '../media/routing/fan-out.ts';
import type { Rebuilt } from '../media/rtp-parameters.ts';
import type { types } from '../media/types.ts';
import type { MediaWorker, WorkerPool } from '../media/workers/pool.ts';
import type { MediaReach } from '../media/watch/media-reach.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { RoomOverlay } from '../overlay/room-overlay.ts';
import type {
  Broadcast,
  PublisherRoom,
  RoomPublisher,
  RoomViewer,
  ViewerRoom,
} from './membership.ts';
import { Publisher, type PublisherSource } from './publisher.ts';
import { epochOf, type RoomEvent, type RoomState, statusView, stepRoom } from './room-state.ts';
import type { Session, SessionEnd } from './session.ts';
import { ALL_OFF } from './sources.ts';
import { Viewer } from './viewer.ts';

export type Member = Publisher | Viewer;

export interface RoomContext {
  readonly pool: WorkerPool;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly estimation: Config['estimation'];
  readonly proofs: OwnershipProofs;
  readonly reach: MediaReach;
  /** The room is live for the first time. Called once. */
  onLive(): void;
  /** The room has closed. Called once. */
  onClosed(room: Room): void;
  onSession(member: Member): void;
  onSessionClosed(session: Session): void;
}

/** What entitles a page to be the publisher of a room. */
export type Claim =
  | { readonly by: 'token' }
  | {
      readonly by: 'secret';
      readonly secret: Secret | undefined;
      readonly proof: OwnershipProof | undefined;
    };

/** What a claim by secret returns to the page, which stores it for its next claim. */
export interface OwnershipGrant {
  readonly publisherSecret: Secret;
  /** Undefined if the room's name is proof enough. */
  readonly ownershipProof: OwnershipProof | undefined;
}

/** Lets a program send overlay messages to the room, as long as the room's owner stays the same. */
export interface IngestAccess {
  view(): RoomView;
  /** @throws OnecastError `room-taken` if the room has another owner now; as RoomOverlay.ingest */
  ingest(messages: readonly unknown[]): IngestResult;
}

/** One place to broadcast. All its transitions are synchronous: there is no await within one. */
export class Room implements PublisherRoom, ViewerRoom {
  readonly id: RoomId;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly reach: MediaReach;
  readonly fanOut: FanOut;
  readonly overlay: RoomOverlay;
  readonly estimatesAll: boolean;
  readonly #context: RoomContext;
  readonly #viewers = new Set<RoomViewer>();
  readonly #owner: RoomOwner;
  /** How often an older owner has taken the room back. */
  #ownerChanges = 0;
  readonly #deviceCode: RoomDeviceCode;
  /** The owner was live in it before this server started, so it counts as a room that was live. */
  #provenBefore = false;
  #state: RoomState = { status: 'open' };
  /** The number of claims so far. A claim's number becomes the epoch of its broadcast. */
  #claims = 0;
  /** Live, or lost and awaited. */
  #publisher: RoomPublisher | undefined;
  /** Has claimed the room and does not send yet. */
  #claimant: RoomPublisher | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #countTimer: NodeJS.Timeout | undefined;
  #proofTimer: NodeJS.Timeout | undefined;
  #sourcesTimer: NodeJS.Timeout | undefined;
  readonly #onWorkerLost = (mediaWorker: MediaWorker) => this.#workerLost(mediaWorker);

  constructor(id: RoomId, context: RoomContext) {
    this.id = id;
    this.#context = context;
    this.limits = context.limits;
    this.metrics = context.metrics;
    this.reach = context.reach;
    this.estimatesAll = context.estimation === 'always';
    this.log = context.log.child({ roomId: id });
    this.fanOut = new FanOut(context.pool, this.limits, this.log);
    this.#owner = new RoomOwner(id, context.proofs);
    this.#deviceCode = new RoomDeviceCode(this.limits);
    this.overlay = new RoomOverlay(
      {
        isLive: () => this.broadcast !== undefined,
        router: () => this.fanOut.openHome,
        channelOpened: () => this.#viewersFollow(),
      },
      this.limits,
      this.log,
      this.metrics,
    );
    context.pool.on('workerLost', this.#onWorkerLost);
    this.#updateIdleTimer();
  }

  get state(): RoomState {
    return this.#state;
  }

  /** The room is or was live. */
  get hasBeenLive(): boolean {
    return this.#state.status !== 'open' && this.#state.status !== 'closed';
  }

  get epoch(): number {
    return epochOf(this.#state);
  }

  get broadcast(): Broadcast | undefined {
    return this.#isLiveOrInterrupted ? this.#publisher?.broadcast : undefined;
  }

  get #isLiveOrInterrupted(): boolean {
    return this.#state.status === 'live' || this.#state.status === 'interrupted';
  }

  /** How many viewers have a socket or media now. */
  get viewerCount(): number {
    let count = 0;
    for (const { session } of this.#viewers) if (session.present) count += 1;
    return count;
  }

  view(): RoomView {
    const { keyFrameIntervalMs } = this.#publisher ?? {};
    return {
      roomId: this.id,
      viewers: this.viewerCount,
      ...(this.#isLiveOrInterrupted ? (this.#publisher?.sources ?? ALL_OFF) : ALL_OFF),
      ...(keyFrameIntervalMs !== undefined && { keyFrameIntervalMs }),
      ...statusView(this.#state, performance.now()),
    };
  }

  // --- members join

  /**
   * Claims the room with a token that has been verified already, or with its publisherSecret. The
   * newest claim of the same owner wins.
   * @throws OnecastError `room-taken`
   */
  claim(
    claim: Claim,
    source: PublisherSource,
  ): { publisher: Publisher; ownership: OwnershipGrant | undefined } {
    const ownership = claim.by === 'secret' ? this.#own(claim.secret, claim.proof) : undefined;
    this.#claims = Math.max(this.#claims, this.epoch) + 1;
    const replaced = this.#claimant;
    const publisher = new Publisher(this, this.#claims, source);
    this.#claimant = publisher;
    if (replaced) this.#supersede(replaced);
    this.#context.onSession(publisher);
    this.#updateIdleTimer();
    return { publisher, ownership };
  }

  #own(secret: Secret | undefined, proof: OwnershipProof | undefined): OwnershipGrant {
    const claimed = this.#owner.claim(secret, proof);
    if (claimed.wasLive) this.#provenBefore = true;
    if (claimed.tookOver) this.#evictOwner();
    this.#proofTimer ??= setInterval(
      () => this.#renewProof(),
      this.limits.ownershipRenewMs,
    ).unref();
    return {
      publisherSecret: claimed.secret,
      ownershipProof: this.#proof(),
    };
  }

  /** Ends at once what the previous owner sends, and deletes what it has sent. */
  #evictOwner(): void {
    this.log.warn('an older owner takes the room back');
    this.#ownerChanges += 1;
    this.#deviceCode.revoke();
    for (const publisher of [this.#publisher, this.#claimant]) {
      if (publisher) this.#supersede(publisher);
    }
    this.overlay.ownerChanged();
  }

  #proof(): OwnershipProof | undefined {
    return this.#owner.proof(this.#idleMs, this.#keptLonger);
  }

  #renewProof(): void {
    const ownershipProof = this.#proof();
    if (ownershipProof === undefined) return;
    for (const publisher of [this.#publisher, this.#claimant]) {
      publisher?.session.push('ownershipRenewed', { ownershipProof });
    }
  }

  /** After this the room is forgotten if it is empty, ms. */
  get #idleMs(): number {
    const { idleRoomMs, idleUnusedRoomMs } = this.limits;
    return this.#keptLonger ? idleRoomMs : idleUnusedRoomMs;
  }

  /** Somebody is or was live in it, in this run of the server or before. */
  get #keptLonger(): boolean {
    return this.#state.status !== 'open' || this.#provenBefore;
  }

  addViewer(rtpCapabilities: Rebuilt<types.RtpCapabilities>): Viewer {
    const viewer = new Viewer(this, rtpCapabilities);
    this.#viewers.add(viewer);
    this.#context.onSession(viewer);
    this.#updateIdleTimer();
    this.viewersChanged();
    return viewer;
  }

  /** @throws OnecastError `room-unknown` if nobody has claimed the room yet, `room-taken` */
  assertPublisherSecret(shown: Secret): void {
    this.#owner.assert(shown);
  }

  /** @throws OnecastError `room-unknown` if nobody has claimed the room yet, `room-taken` */
  issueDeviceCode(shown: Secret): DeviceCodeGrant {
    this.#owner.assert(shown);
    return this.#deviceCode.issue(shown);
  }

  /** Uses the code up. @throws OnecastError `code-invalid`, `room-unknown`, `room-taken` */
  redeemDeviceCode(code: DeviceCode): OwnershipGrant {
    const grant = this.grantTo(this.#deviceCode.redeem(code));
    this.log.info('another browser got the ownership by a code');
    return grant;
  }

  /** What the owner stores in another browser. @throws OnecastError `room-unknown`, `room-taken` */
  grantTo(shown: Secret): OwnershipGrant {
    this.#owner.assert(shown);
    return { publisherSecret: shown, ownershipProof: this.#proof() };
  }

  /** For a program whose authority has been verified. */
  ingestAccess(): IngestAccess {
    const ownerChanges = this.#ownerChanges;
    return {
      view: () => this.view(),
      ingest: (messages) => {
        if (ownerChanges !== this.#ownerChanges) throw new OnecastError('room-taken');
        return this.overlay.ingest(messages);
      },
    };
  }

  // --- the overlay of the publisher's page

  overlayReceived(publisher: RoomPublisher, message: Buffer): void {
    if (publisher === this.#publisher || publisher === this.#claimant) {
      this.overlay.receivedFromPage(message);
    }
  }

  setState(
    publisher: RoomPublisher,
    keys: readonly StateKey[] | undefined,
    messages: readonly KeyedMessage[],
  ): void {
    if (publisher !== this.#publisher) throw new OnecastError('stale-epoch');
    this.overlay.setFromPage(keys, messages);
  }

  // --- what members report

  publisherReady(publisher: RoomPublisher): void {
    if (publisher.session.ended !== undefined || !publisher.broadcast) return;
    if (publisher !== this.#claimant && publisher !== this.#publisher) return;
    const replaced = this.#publisher === publisher ? undefined : this.#publisher;
    if (this.#claimant === publisher) {
      this.#claimant = undefined;
      this.overlay.broadcastBegan();
    }
    this.#publisher = publisher;
    this.#apply({ type: 'PUBLISHER_READY', epoch: publisher.epoch });
    if (replaced) {
      this.metrics.recovered('publisher-takeover');
      this.#supersede(replaced);
    }
  }

  publisherLost(publisher: RoomPublisher): void {
    if (publisher !== this.#publisher) return;
    this.#apply({ type: 'PUBLISHER_LOST', epoch: publisher.epoch, deadline: this.#deadline() });
  }

  publisherClosed(publisher: RoomPublisher, reason: SessionEnd): void {
    publisher.close();
    if (this.#claimant === publisher) this.#claimant = undefined;
    if (this.#publisher === publisher) {
      this.#publisher = undefined;
      // A publisher that was closed for a violation does not come back.
      const over =
        reason === 'ended' || reason === 'overlay-flood' || reason === 'bitrate-exceeded';
      const { epoch } = publisher;
      if (over) this.#apply({ type: 'PUBLISHER_ENDED', epoch });
      else this.#apply({ type: 'PUBLISHER_LOST', epoch, deadline: this.#deadline() });
    }
    this.#context.onSessionClosed(publisher.session);
    this.#updateIdleTimer();
  }

  broadcastChanged(publisher: RoomPublisher): void {
    if (publisher === this.#publisher) this.#viewersFollow();
  }

  /** Informs every page; changes within `sourcesIntervalMs` are merged. */
  sourcesChanged(publisher: RoomPublisher): void {
    if (publisher !== this.#publisher || this.#sourcesTimer) return;
    this.#sourcesTimer = setTimeout(() => {
      this.#sourcesTimer = undefined;
      const view = this.view();
      this.log.info({ video: view.video, audio: view.audio }, 'sources changed');
      for (const session of this.#sessions()) session.push('roomChanged', view);
    }, this.limits.sourcesIntervalMs);
    this.#sourcesTimer.unref();
  }

  viewerClosed(viewer: RoomViewer): void {
    this.#viewers.delete(viewer);
    this.#context.onSessionClosed(viewer.session);
    this.#updateIdleTimer();
    this.viewersChanged();
  }

  /** Sends the publisher the number of viewers; changes within `viewerCountPushMs` are merged. */
  viewersChanged(): void {
    if (this.#countTimer || this.#state.status === 'closed') return;
    this.#countTimer = setTimeout(() => {
      this.#countTimer = undefined;
      this.#publisher?.session.push('roomChanged', this.view());
    }, this.limits.viewerCountIntervalMs);
    this.#countTimer.unref();
  }

  #workerLost(mediaWorker: MediaWorker): void {
    if (!this.fanOut.workerLost(mediaWorker)) return;
    // Viewers on another worker than the publisher's learn of the loss from their transports alone.
    if (this.#publisher?.router?.mediaWorker !== mediaWorker) return;
    this.#apply({ type: 'WORKER_LOST', deadline: this.#deadline() });
  }

  // --- transitions

  #apply(event: RoomEvent): void {
    const before = this.#state;
    this.#state = stepRoom(before, event);
    if (this.#state === before) return;
    if (before.status === 'open' && this.hasBeenLive) this.#context.onLive();
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
    if (this.#state.status === 'ended') this.overlay.broadcastEnded();
    // A room that was live is forgotten later than an unused one, so the proof is valid for longer.
    if (this.#state.status === 'live') this.#renewProof();
    this.#notifyAll();
    this.#updateIdleTimer();
  }

  #notifyAll(): void {
    const view = this.view();
    for (const session of this.#sessions()) session.push('roomChanged', view);
    if (this.#publisher && this.broadcast) this.#viewersFollow();
  }

  #viewersFollow(): void {
    for (const viewer of this.#viewers) viewer.broadcastChanged();
  }

  *#sessions(): Generator<Session> {
    if (this.#publisher) yield this.#publisher.session;
    if (this.#claimant) yield this.#claimant.session;
    for (const viewer of this.#viewers) yield viewer.session;
  }

  #supersede(publisher: RoomPublisher): void {
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
      this.#idleTimer ??= setTimeout(() => this.#close('IDLE_EXPIRED'), this.#idleMs).unref();
    }
  }

  /** Closes the room and every session in it. Idempotent. */
  close(): void {
    this.#close('DRAIN');
  }

  /** Closes the room, in which nobody has been live, for another one. Its pages come back and wait. */
  evict(): void {
    for (const session of this.#sessions()) session.evict();
    this.#context.proofs.revoke(this.id);
    this.close();
  }

  #close(type: 'IDLE_EXPIRED' | 'DRAIN'): void {
    if (this.#state.status === 'closed') return;
    this.#state = stepRoom(this.#state, { type });
    if (this.#state.status !== 'closed') return;
    for (const session of this.#sessions()) session.close('server-closed');
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#countTimer);
    clearTimeout(this.#sourcesTimer);
    clearInterval(this.#proofTimer);
    this.overlay.close();
    this.#context.pool.off('workerLost', this.#onWorkerLost);
    this.fanOut.close();
    this.log.info('room closed');
    this.#context.onClosed(this);
  }
}
