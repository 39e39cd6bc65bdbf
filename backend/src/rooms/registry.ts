import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { RoomId, SessionId } from '#protocol/ids.ts';
import {
  RoomCapacity,
  type RoomPlace,
  SessionCapacity,
  type Standing,
} from '../admission/capacity.ts';
import { provesLive } from '../admission/room-owner.ts';
import type { OwnershipProofs } from '../admission/ownership-proofs.ts';
import type { Rebuilt } from '../media/rtp-parameters.ts';
import type { types } from '../media/types.ts';
import type { MediaReach } from '../media/watch/media-reach.ts';
import type { WorkerPool } from '../media/workers/pool.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { PublisherSource } from './publisher.ts';
import { type Claim, type Member, Room } from './room.ts';
import type { Viewer } from './viewer.ts';

/** All rooms and sessions of this server. */
export class RoomRegistry {
  readonly #pool: WorkerPool;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #estimation: Config['estimation'];
  readonly #proofs: OwnershipProofs;
  readonly #reach: MediaReach;
  readonly #rooms = new Map<RoomId, Room>();
  readonly #members = new Map<SessionId, Member>();
  readonly #roomCapacity: RoomCapacity;
  readonly #sessionCapacity: SessionCapacity;
  readonly #places = new Map<RoomId, RoomPlace>();
  /** Each releases what its session holds of the capacity. */
  readonly #releases = new Map<SessionId, () => void>();
  #closed = false;

  constructor(
    pool: WorkerPool,
    limits: Limits,
    log: Log,
    metrics: Metrics,
    estimation: Config['estimation'],
    proofs: OwnershipProofs,
    reach: MediaReach,
  ) {
    this.#reach = reach;
    this.#proofs = proofs;
    this.#estimation = estimation;
    this.#pool = pool;
    this.#limits = limits;
    this.#log = log;
    this.#metrics = metrics;
    this.#roomCapacity = new RoomCapacity(limits);
    this.#sessionCapacity = new SessionCapacity(limits);
  }

  get roomCount(): number {
    return this.#rooms.size;
  }

  get sessionCount(): number {
    return this.#members.size;
  }

  /**
   * The room of this name. If there is none yet it is created, and counts against `address`; so does
   * a room in which viewers wait, once it is claimed.
   * @param standing `live`: claimed by an owner that was live in it before a restart
   * @throws OnecastError `draining`, `too-many`
   */
  room(id: RoomId, address: string, standing: Standing): Room {
    if (this.#closed) throw new OnecastError('draining');
    const existing = this.#rooms.get(id);
    if (existing) {
      if (standing !== 'waiting') this.#places.get(id)?.claim(address);
      return existing;
    }
    const place = this.#roomCapacity.open(address, standing, () => this.#rooms.get(id)?.evict());
    this.#places.set(id, place);
    const room = new Room(id, {
      pool: this.#pool,
      limits: this.#limits,
      log: this.#log,
      metrics: this.#metrics,
      estimation: this.#estimation,
      proofs: this.#proofs,
      reach: this.#reach,
      onClosed: (closed) => {
        this.#rooms.delete(closed.id);
        this.#places.delete(closed.id);
        place.release();
      },
      onLive: () => place.live(),
      onSession: (member) => this.#members.set(member.session.id, member),
      onSessionClosed: ({ id: sessionId }) => {
        this.#members.delete(sessionId);
        this.#releases.get(sessionId)?.();
        this.#releases.delete(sessionId);
      },
    });
    this.#rooms.set(id, room);
    return room;
  }

  /** A room that exists already. @throws OnecastError `draining`, `room-unknown` */
  existingRoom(id: RoomId): Room {
    if (this.#closed) throw new OnecastError('draining');
    const room = this.#rooms.get(id);
    if (!room) throw new OnecastError('room-unknown');
    return room;
  }

  /** @throws OnecastError `draining`, `too-many` */
  addViewer(id: RoomId, rtpCapabilities: Rebuilt<types.RtpCapabilities>, address: string): Viewer {
    return this.#withinCapacity(
      address,
      this.#rooms.get(id)?.hasBeenLive === true,
      () => this.room(id, address, 'waiting').addViewer(rtpCapabilities),
      (viewer) => viewer,
    );
  }

  /** @throws OnecastError `draining`, `too-many`, `room-taken` */
  claim(
    id: RoomId,
    claim: Claim,
    address: string,
    source: PublisherSource,
  ): ReturnType<Room['claim']> {
    const wasLive = claim.by === 'secret' && provesLive(this.#proofs, id, claim);
    return this.#withinCapacity(
      address,
      true,
      () => {
        const claimed = this.room(id, address, wasLive ? 'live' : 'claimed').claim(claim, source);
        if (wasLive) this.#places.get(id)?.live();
        return claimed;
      },
      ({ publisher }) => publisher,
    );
  }

  /** The member that `create` makes counts against `address` until its session closes. */
  #withinCapacity<T>(
    address: string,
    privileged: boolean,
    create: () => T,
    memberOf: (created: T) => Member,
  ): T {
    const release = this.#sessionCapacity.reserve(address, privileged);
    try {
      const created = create();
      this.#releases.set(memberOf(created).session.id, release);
      return created;
    } catch (error) {
      release();
      throw error;
    }
  }

  member(id: SessionId): Member | undefined {
    return this.#members.get(id);
  }

  rooms(): IterableIterator<Room> {
    return this.#rooms.values();
  }

  members(): IterableIterator<Member> {
    return this.#members.values();
  }

  /** Refuses everyone who joins from now on. */
  refuse(): void {
    this.#closed = true;
  }

  close(): void {
    this.refuse();
    for (const room of this.#rooms.values()) room.close();
  }
}
