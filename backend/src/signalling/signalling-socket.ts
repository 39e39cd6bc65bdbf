import type { Socket } from 'socket.io';
import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { PushName, PushOf, RequestName } from '#protocol/signalling.ts';
import { AnswerMemory } from '../rooms/answer-memory.ts';
import { Exclusive } from '../rooms/exclusive.ts';
import type { Publisher } from '../rooms/publisher.ts';
import type { IngestAccess, Member } from '../rooms/room.ts';
import type { PageSocket } from '../rooms/session.ts';
import type { Viewer } from '../rooms/viewer.ts';

/** Requests whose answers the socket remembers, not the session. */
const REMEMBERED_BY_SOCKET: ReadonlySet<RequestName> = new Set([
  'join',
  'publish',
  'attach',
  'resume',
  'setState',
  'attachIngest',
  'ingest',
]);

/** One socket, and the member that it speaks for once a page has joined, published or resumed. */
export class SignallingSocket implements PageSocket {
  /** The address that limits count against. */
  readonly address: string;
  readonly #socket: Socket;
  /** Of requests in REMEMBERED_BY_SOCKET, and of requests before there is a session. */
  readonly #answers: AnswerMemory;
  readonly #admissions = new Exclusive();
  #member: Member | undefined;
  /** The room that a program on this socket sends messages to. */
  #ingestAccess: IngestAccess | undefined;

  constructor(socket: Socket, address: string, limits: Limits) {
    this.#socket = socket;
    this.address = address;
    this.#answers = new AnswerMemory(limits.answerMemoryMs, limits.answerMemoryMax);
  }

  /** Runs a join, publish, attach or resume. They run one at a time. */
  runAdmission<T>(task: () => Promise<T>): Promise<T> {
    return this.#admissions.run(task);
  }

  /**
   * Makes the socket speak for `member`. If it spoke for another viewer, that one's session ends, so
   * that a page can't pile up sessions. Another publisher's session loses its socket, and later expires
   * or is superseded.
   * @throws OnecastError `session-gone` if the socket has disconnected already
   */
  attach(member: Member): void {
    if (!this.#socket.connected) throw new OnecastError('session-gone');
    if (this.#member !== member) this.#leaveMember();
    this.#member = member;
    member.session.attach(this);
  }

  #leaveMember(): void {
    if (this.#member?.role === 'viewer') this.#member.session.close('left');
    else this.detach();
  }

  detach(): void {
    this.#member?.session.detach(this);
  }

  /**
   * The memory for answers to this request. The socket's own memory holds the answers to admission
   * requests and to those so frequent that they would evict all others; the session's memory holds the
   * rest. A request that only reads is simply carried out again.
   */
  memory(name: RequestName): AnswerMemory | undefined {
    if (name === 'stateSnapshot') return undefined;
    return (
      (REMEMBERED_BY_SOCKET.has(name) ? undefined : this.#member?.session.answers) ?? this.#answers
    );
  }

  get ingestAccess(): IngestAccess {
    if (!this.#ingestAccess)
      throw new OnecastError('not-allowed', 'Send attachIngest first, then ingest.');
    return this.#ingestAccess;
  }

  set ingestAccess(access: IngestAccess) {
    this.#ingestAccess = access;
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
