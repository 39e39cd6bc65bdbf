import { type ReadonlySignal, signal } from '@preact/signals-core';
import type { RoomCode } from '#client/credentials/room-codes.ts';
import { OnecastError } from '#protocol/errors.ts';
import { type OwnershipGrant, parseCode } from '#protocol/room-codes.ts';
import type { RoomOwnership } from '#client/credentials/room-ownership.ts';

/** How far this page is with a code from the room's publisher. */
export type CodeState =
  | { readonly step: 'none' }
  /** The page's link had a code. Nothing happens before the person agrees. */
  | { readonly step: 'offered'; readonly code: string }
  | { readonly step: 'entry'; readonly fault: string | undefined }
  | { readonly step: 'checking' }
  /** This browser may broadcast in the room. */
  | { readonly step: 'accepted' };

const FAULTS: Readonly<Record<string, string>> = {
  'code-invalid':
    'This code is not valid. It may be mistyped, for another room, used already, or older than ten minutes.',
  'room-unknown': 'Nobody has this room at the moment. Press start: then it is yours.',
  'too-many': 'That was tried too often. Wait a minute, then try again.',
};
const NO_CODE =
  'A code has 16 letters and digits, a recovery code 52. Check what you have entered.';
const NOT_REACHED = 'The server could not be reached. Try again.';

/** Lets a person who has broadcast in the room from another browser go on in this one. */
export class CodeControl {
  readonly #ownership: Pick<RoomOwnership, 'secret' | 'store'>;
  readonly #redeem: (code: RoomCode) => Promise<OwnershipGrant>;
  readonly #state = signal<CodeState>({ step: 'none' });

  constructor(parts: {
    readonly ownership: Pick<RoomOwnership, 'secret' | 'store'>;
    readonly redeem: (code: RoomCode) => Promise<OwnershipGrant>;
  }) {
    this.#ownership = parts.ownership;
    this.#redeem = parts.redeem;
  }

  get state(): ReadonlySignal<CodeState> {
    return this.#state;
  }

  /** The page's link had this code. A browser that has the room already keeps the secret that it has. */
  offer(code: string): void {
    const owned = this.#ownership.secret !== undefined;
    this.#state.value = owned ? { step: 'accepted' } : { step: 'offered', code };
  }

  /** The room belongs to somebody else, who may be this person in another browser. */
  ask(): void {
    if (this.#state.peek().step === 'checking') return;
    this.#state.value = { step: 'entry', fault: undefined };
  }

  /** The person has decided something else. */
  dismiss(): void {
    if (this.#state.peek().step !== 'checking') this.#state.value = { step: 'none' };
  }

  /** The person wants this code to be used. Resolves to whether it was accepted. */
  async use(text: string): Promise<boolean> {
    const code = parseCode(text);
    if (!code) {
      this.#state.value = { step: 'entry', fault: NO_CODE };
      return false;
    }
    this.#state.value = { step: 'checking' };
    try {
      const grant = await this.#redeem(code);
      this.#ownership.store(grant.publisherSecret, grant.ownershipProof);
      this.#state.value = { step: 'accepted' };
      return true;
    } catch (error) {
      const known = error instanceof OnecastError;
      const fault = known ? (FAULTS[error.code] ?? error.message) : NOT_REACHED;
      this.#state.value = { step: 'entry', fault };
      return false;
    }
  }
}
