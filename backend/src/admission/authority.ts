import type { KeyObject } from 'node:crypto';
import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { RoomId } from '#protocol/ids.ts';
import type { Log } from '../observability/log.ts';
import { type Role, verifyToken } from './tokens.ts';

export interface AuthorityRequest {
  readonly room: RoomId;
  readonly role: Role;
  readonly token: string | undefined;
}

/**
 * Decides who may join a room, and in which role. With a key, a signed token decides. Without one
 * everybody may watch, and the room itself checks its publisherSecret for publishing.
 */
export class Authority {
  readonly #key: KeyObject | undefined;
  readonly #limits: Pick<Limits, 'tokenToleranceS' | 'tokenMaxAheadS'>;
  readonly #log: Log;

  constructor(
    key: KeyObject | undefined,
    limits: Pick<Limits, 'tokenToleranceS' | 'tokenMaxAheadS'>,
    log: Log,
  ) {
    this.#key = key;
    this.#limits = limits;
    this.#log = log;
  }

  /** Whether tokens are required. Then only tokens count, and no publisherSecret. */
  get byToken(): boolean {
    return this.#key !== undefined;
  }

  /**
   * Resolves if `token` permits this role in this room. A publisher's token permits watching too.
   * Without a key, tokens are ignored.
   * @throws OnecastError `token-missing`, `token-invalid`, `token-expired`, `token-wrong-room`,
   * `token-wrong-role`
   */
  async authorise({ room, role, token }: AuthorityRequest): Promise<void> {
    if (this.#key === undefined) return;
    if (token === undefined || token === '') throw new OnecastError('token-missing');
    const claims = await this.#verify(this.#key, token);
    if (claims.room !== room) throw new OnecastError('token-wrong-room');
    if (role === 'publisher' && claims.role !== 'publisher') {
      throw new OnecastError('token-wrong-role');
    }
  }

  async #verify(key: KeyObject, token: string) {
    try {
      return await verifyToken(key, token, this.#limits);
    } catch (error) {
      // For operators whose own backend signs tokens: the page's error does not contain the reason.
      if (error instanceof OnecastError && error.cause instanceof Error) {
        this.#log.info({ code: error.code, reason: error.cause.message }, 'token refused');
      }
      throw error;
    }
  }
}
