import type { Socket } from 'socket.io';
import type { Limits } from '#config/limits.ts';
import { Exclusive } from '../rooms/exclusive.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { PushName, PushOf, RequestName } from '#protocol/signalling.ts';
import { AnswerMemory } from '../rooms/answer-memory.ts';
import type { Publisher } from '../rooms/publisher.ts';
import type { Member, Room } from '../rooms/room.ts';
import type { PageSocket } from '../rooms/session.ts';
import type { Viewer } from '../rooms/viewer.ts';

const ON_SOCKET: ReadonlySet<RequestName> = new Set([
  'join',
  'publish',
  'attach',
  'resume',
  'setState',
  'attachIngest',
  'ingest',
]);

/** One socket and the session that it speaks for, once it has joined, published or resumed. */
export class SignallingSocket implements PageSocket {
  /** Whose it is, as limits count. */
  readonly address: string;
  readonly #socket: Socket;
  /** For requests that come before there is a session. */
  readonly #answers: AnswerMemory;
  readonly #entrance = new Exclusive();
  #member: Member | undefined;
  /** The room that a program on this socket sends messages to. */
  #ingestRoom: Room | undefined;

  constructor(socket: Socket, address: string, limits: Limits) {
    this.#socket = socket;
    this.address = address;
    this.#answers = new AnswerMemory(limits.answerMemoryMs, limits.answerMemoryMax);
  }

  /**
   * Join, publish and resume run one at a time. A second entrance on the same socket ends a viewer's
   * first session, else a page could pile them up; a publisher's expires, or is taken over.
   */
  runAdmission<T>(task: () => Promise<T>): Promise<T> {
    return this.#entrance.run(task);
  }

  /** From here on the socket speaks for `member`. @throws where the socket is gone already. */
  attach(member: Member): void {
    if (!this.#socket.connected) throw new OnecastError('session-gone');
    if (this.#member !== member) this.#leaveBehind();
    this.#member = member;
    member.session.attach(this);
  }

  #leaveBehind(): void {
    if (this.#member?.role === 'viewer') this.#member.session.close('left');
    else this.detach();
  }

  detach(): void {
    this.#member?.session.detach(this);
  }

  /**
   * Entrances are remembered by the socket, and so is what comes often enough to crowd out the rest;
   * everything else by the session. What only reads is carried out anew.
   */
  memory(name: RequestName): AnswerMemory | undefined {
    if (name === 'stateSnapshot') return undefined;
    return (ON_SOCKET.has(name) ? undefined : this.#member?.session.answers) ?? this.#answers;
  }

  get ingestRoom(): Room {
    if (!this.#ingestRoom) throw new OnecastError('not-allowed', 'First attachIngest, then feed.');
    return this.#ingestRoom;
  }

  set ingestRoom(room: Room) {
    this.#ingestRoom = room;
  }

  get member(): Member {
    if (!this.#member) throw new OnecastError('session-gone');
    return this.#member;
  }

  get publisher(): Publisher {
    const { member } = this;
    if (member.role !== 'publisher') throw new OnecastError('not-allowed');
    return member;
  }

  get viewer(): Viewer {
    const { member } = this;
    if (member.role !== 'viewer') throw new OnecastError('not-allowed');
    return member;
  }

  push<N extends PushName>(name: N, payload: PushOf<N>): void {
    this.#socket.emit(name, payload);
  }

  drop(): void {
    this.#socket.disconnect(true);
  }
}
