import type { KeyObject } from 'node:crypto';
import type { Limits } from '#config/limits.ts';
import type { Log } from '../observability/log.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { RoomId } from '#protocol/ids.ts';
import { type Role, verifyToken } from './tokens.ts';

export interface AuthorityRequest {
  readonly room: RoomId;
  readonly role: Role;
  readonly token: string | undefined;
}

/**
 * Who may enter a room, and as what. With a key a signed token decides; without one everybody may
 * watch, and a room's publisherSecret, which is the room's own business, says who publishes.
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

  /** Whether a token is asked for. Then it is all that is: no publisherSecret counts. */
  get byToken(): boolean {
    return this.#key !== undefined;
  }

  /**
   * Resolves where `token` is for this room and this role; a publisher's is good for watching too.
   * Without a key tokens are not looked at.
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
      // For the operator whose own backend signs: what a page is told does not say what is wrong.
      if (error instanceof OnecastError && error.cause instanceof Error) {
        this.#log.info({ code: error.code, reason: error.cause.message }, 'token refused');
      }
      throw error;
    }
  }
}
