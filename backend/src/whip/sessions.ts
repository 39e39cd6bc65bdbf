import { createHash, timingSafeEqual } from 'node:crypto';
import { OnecastError } from '#protocol/errors.ts';
import type { RoomId } from '#protocol/ids.ts';
import { BoundedMap } from '#protocol/bounded-map.ts';
import { newSecret } from '../admission/secrets.ts';
import type { Publisher } from '../rooms/publisher.ts';
import type { SessionEnd } from '../rooms/session.ts';

/** One broadcast of an encoder, from its POST on. */
export interface WhipSession {
  readonly room: RoomId;
  readonly publisher: Publisher;
  /** The encoder's ICE ufrag. It changes when the encoder restarts ICE. */
  iceUfrag: string | undefined;
}

/** What remains of a session: an encoder can ask why it ended. */
export interface EndedSession {
  readonly room: RoomId;
  readonly reason: SessionEnd;
}

type Known = (WhipSession | EndedSession) & { readonly bearerHash: Buffer };

/** The sessions of encoders by the random name in their URL. */
export class WhipSessions {
  readonly #open = new Map<string, WhipSession & Known>();
  readonly #ended: BoundedMap<string, EndedSession & Known>;

  /** @param endedMax how many ended sessions are remembered */
  constructor(endedMax: number) {
    this.#ended = new BoundedMap(endedMax);
  }

  /** Returns the session's name: 256 random bits. */
  add(session: WhipSession, bearer: string): string {
    const id = newSecret();
    const bearerHash = hash(bearer);
    const { room, publisher, iceUfrag } = session;
    this.#open.set(id, { room, publisher, iceUfrag, bearerHash });
    publisher.session.onEnded((reason) => {
      this.#open.delete(id);
      this.#ended.set(id, { room, reason, bearerHash });
    });
    return id;
  }

  /**
   * The session, for the encoder that created it: the URL alone is not enough, since it ends up in logs.
   * @throws OnecastError `session-gone`, `authority-missing`, `room-taken`
   */
  find(room: string, id: string, bearer: string | undefined): WhipSession | EndedSession {
    const known = this.#open.get(id) ?? this.#ended.get(id);
    if (!known || known.room !== room) throw new OnecastError('session-gone');
    if (bearer === undefined) throw new OnecastError('authority-missing');
    if (!timingSafeEqual(hash(bearer), known.bearerHash)) throw new OnecastError('room-taken');
    return known;
  }
}

function hash(bearer: string): Buffer {
  return createHash('sha256').update(bearer).digest();
}
