import type { Limits } from '../../../config/limits.ts';
import type { WorkerPool } from '../media/worker-pool.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import { OnecastError } from '../protocol/errors.ts';
import type { RoomId, SessionId } from '../protocol/ids.ts';
import type { Publisher } from './publisher.ts';
import { Room } from './room.ts';
import type { Viewer } from './viewer.ts';

export type Member = Publisher | Viewer;

/** All rooms and sessions of this server: creates a room once, finds it, forgets it. */
export class RoomRegistry {
  readonly #pool: WorkerPool;
  readonly #limits: Limits;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #rooms = new Map<RoomId, Room>();
  readonly #members = new Map<SessionId, Member>();
  #closed = false;

  constructor(pool: WorkerPool, limits: Limits, log: Log, metrics: Metrics) {
    this.#pool = pool;
    this.#limits = limits;
    this.#log = log;
    this.#metrics = metrics;
  }

  get roomCount(): number {
    return this.#rooms.size;
  }

  get sessionCount(): number {
    return this.#members.size;
  }

  /** @throws OnecastError `draining` */
  room(id: RoomId): Room {
    if (this.#closed) throw new OnecastError('draining');
    const known = this.#rooms.get(id);
    if (known) return known;
    const room = new Room(id, {
      pool: this.#pool,
      limits: this.#limits,
      log: this.#log,
      metrics: this.#metrics,
      onClosed: (closed) => this.#rooms.delete(closed.id),
      onSession: (member) => this.#members.set(member.session.id, member),
      onSessionClosed: (member) => this.#members.delete(member.session.id),
    });
    this.#rooms.set(id, room);
    return room;
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
