import type { types } from '../media/types.ts';
import type { Config } from '#config/env.ts';
import type { Limits } from '#config/limits.ts';
import type { Rebuilt } from '../media/rtp-parameters.ts';
import type { WorkerPool } from '../media/workers/pool.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { RoomId, SessionId } from '#protocol/ids.ts';
import type { Publisher } from './publisher.ts';
import { Quota } from '../admission/quota.ts';
import { type Claim, Room } from './room.ts';
import type { Viewer } from './viewer.ts';

export type Member = Publisher | Viewer;

/** All rooms and sessions of this server: creates a room once, finds it, forgets it. */
export class RoomRegistry {
  readonly #pool: WorkerPool;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #estimation: Config['estimation'];
  readonly #rooms = new Map<RoomId, Room>();
  readonly #members = new Map<SessionId, Member>();
  readonly #roomQuota: Quota;
  readonly #sessionQuota: Quota;
  /** Give back what a session takes of its quota. */
  readonly #seats = new Map<SessionId, () => void>();
  #closed = false;

  constructor(
    pool: WorkerPool,
    limits: Limits,
    log: Log,
    metrics: Metrics,
    estimation: Config['estimation'],
  ) {
    this.#estimation = estimation;
    this.#pool = pool;
    this.#limits = limits;
    this.#log = log;
    this.#metrics = metrics;
    this.#roomQuota = new Quota({ max: limits.roomsMax, perAddressMax: limits.roomsPerAddressMax });
    this.#sessionQuota = new Quota({
      max: limits.sessionsMax,
      perAddressMax: limits.socketsPerAddressMax * limits.sessionsPerSocketMax,
    });
  }

  get roomCount(): number {
    return this.#rooms.size;
  }

  get sessionCount(): number {
    return this.#members.size;
  }

  /**
   * The room of this name, opened for `address` where there is none yet.
   * @throws OnecastError `draining`, `too-many`
   */
  room(id: RoomId, address: string): Room {
    if (this.#closed) throw new OnecastError('draining');
    const known = this.#rooms.get(id);
    if (known) return known;
    const release = this.#roomQuota.take(address);
    const room = new Room(id, {
      pool: this.#pool,
      limits: this.#limits,
      log: this.#log,
      metrics: this.#metrics,
      estimation: this.#estimation,
      onClosed: (closed) => {
        this.#rooms.delete(closed.id);
        release();
      },
      onSession: (member) => this.#members.set(member.session.id, member),
      onSessionClosed: ({ session }) => {
        this.#members.delete(session.id);
        this.#seats.get(session.id)?.();
        this.#seats.delete(session.id);
      },
    });
    this.#rooms.set(id, room);
    return room;
  }

  /** A room that is there already. @throws OnecastError `draining`, `room-unknown` */
  known(id: RoomId): Room {
    if (this.#closed) throw new OnecastError('draining');
    const room = this.#rooms.get(id);
    if (!room) throw new OnecastError('room-unknown');
    return room;
  }

  /** @throws OnecastError `draining`, `too-many` */
  addViewer(id: RoomId, rtpCapabilities: Rebuilt<types.RtpCapabilities>, address: string): Viewer {
    return this.#seated(
      address,
      () => this.room(id, address).addViewer(rtpCapabilities),
      (viewer) => viewer,
    );
  }

  /** @throws OnecastError `draining`, `too-many`, `room-taken` */
  claim(id: RoomId, claim: Claim, address: string): ReturnType<Room['claim']> {
    return this.#seated(
      address,
      () => this.room(id, address).claim(claim),
      ({ publisher }) => publisher,
    );
  }

  /** What `enter` makes counts on `address` until its session closes. */
  #seated<T>(address: string, enter: () => T, memberOf: (made: T) => Member): T {
    const release = this.#sessionQuota.take(address);
    try {
      const made = enter();
      this.#seats.set(memberOf(made).session.id, release);
      return made;
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

  /** Takes in nobody more. */
  refuse(): void {
    this.#closed = true;
  }

  close(): void {
    this.refuse();
    for (const room of this.#rooms.values()) room.close();
  }
}
