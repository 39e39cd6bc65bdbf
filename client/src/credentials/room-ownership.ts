/**
 * What makes a page the publisher of a room, stored in the browser (localStorage). It comes from the
 * server, or from this browser's own "New broadcast", and never from an address: a link could
 * otherwise make somebody broadcast in a room that the link's author can take over.
 */
import * as v from 'valibot';
import {
  type OwnershipProof,
  OwnershipProofSchema,
  type RoomId,
  RoomIdSchema,
  type Secret,
  SecretSchema,
} from '#protocol/ids.ts';
import { base64url, ownedName, ownedNameText } from '#protocol/owned-name.ts';

/** localStorage. Throws where it is blocked. */
export type OwnershipStorage = () => Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const OFFERED = 'onecast.offered';
/** A start page that stays open in several tabs has one each; the oldest is dropped first. */
const OFFERED_MAX = 16;
const OfferedSchema = v.array(v.object({ room: RoomIdSchema, secret: SecretSchema }));

/** The publisherSecret of one room, and the server's newest proof for it. */
export class RoomOwnership {
  readonly #secretKey: string;
  readonly #proofKey: string;
  readonly #recoveryKey: string;
  readonly #storage: OwnershipStorage;
  /** For pages whose storage is blocked or deleted: they stay the publisher until they are reloaded. */
  readonly #memory = new Map<string, string>();

  constructor(room: RoomId, storage: OwnershipStorage = () => localStorage) {
    this.#secretKey = `onecast.publisher.${room}`;
    this.#proofKey = `onecast.proof.${room}`;
    this.#recoveryKey = `onecast.recovery.${room}`;
    this.#storage = storage;
    this.#adoptOffered(room);
    this.#adoptCapitals();
    void this.secret;
    void this.proof;
  }

  get secret(): Secret | undefined {
    const parsed = v.safeParse(SecretSchema, this.#read(this.#secretKey));
    return parsed.success ? parsed.output : undefined;
  }

  get proof(): OwnershipProof | undefined {
    const parsed = v.safeParse(OwnershipProofSchema, this.#read(this.#proofKey));
    return parsed.success ? parsed.output : undefined;
  }

  /**
   * Makes a secret for a room that this browser has none for. Whoever shows it to the server first, a
   * page or a program, makes the room its own, unless the room belongs to somebody else.
   */
  claimAhead(): void {
    if (this.secret === undefined) this.store(newSecret(), undefined);
  }

  /** @param secret undefined where tokens decide @param proof undefined: the stored one stays */
  store(secret: Secret | undefined, proof: OwnershipProof | undefined): void {
    // Also a secret that is known: what was deleted while the page is open is there again.
    const kept = secret ?? this.secret;
    if (kept !== undefined) this.#write(this.#secretKey, kept);
    if (proof !== undefined) this.#write(this.#proofKey, proof);
  }

  /** Whether the person has kept the recovery code of the present secret. */
  get recoveryKept(): boolean {
    const { secret } = this;
    return secret !== undefined && this.#read(this.#recoveryKey) === markOf(secret);
  }

  keepRecovery(): void {
    const { secret } = this;
    if (secret !== undefined) this.#write(this.#recoveryKey, markOf(secret));
  }

  /** A room that this browser's start page has offered becomes the page's own when it is opened. */
  #adoptOffered(room: RoomId): void {
    const offered = readOffered(this.#storage);
    const found = offered.find((offer) => offer.room === room);
    if (!found) return;
    this.store(found.secret, undefined);
    writeOffered(
      offered.filter((offer) => offer !== found),
      this.#storage,
    );
  }

  /** Before names were compared without case, a name with capitals had a key of its own. */
  #adoptCapitals(): void {
    if (this.secret !== undefined) return;
    try {
      const storage = this.#storage();
      const names = Object.keys(storage);
      const read = (key: string) => {
        const name = names.find((one) => one.toLowerCase() === key);
        return name === undefined ? null : storage.getItem(name);
      };
      const secret = v.safeParse(SecretSchema, read(this.#secretKey));
      if (!secret.success) return;
      const proof = v.safeParse(OwnershipProofSchema, read(this.#proofKey));
      this.store(secret.output, proof.success ? proof.output : undefined);
    } catch {
      // Blocked: there is nothing to adopt.
    }
  }

  #read(key: string): string | undefined {
    try {
      const stored = this.#storage().getItem(key) ?? undefined;
      // The person, or the browser, may delete what is stored while the page is open.
      if (stored !== undefined) this.#memory.set(key, stored);
    } catch {
      // Blocked: `#memory` has it.
    }
    return this.#memory.get(key);
  }

  #write(key: string, value: string): void {
    this.#memory.set(key, value);
    try {
      this.#storage().setItem(key, value);
    } catch {
      // Blocked or full: `#memory` has it.
    }
  }
}

/** Distinguishes this secret from the next one of the room. */
function markOf(secret: Secret): string {
  return secret.slice(0, 8);
}

/**
 * A name that belongs to a new secret, which is stored for the page that opens it: nobody else can claim
 * that room. Undefined where the browser has no storage, or no WebCrypto (it needs https or localhost).
 */
export async function offerRoom(
  storage: OwnershipStorage = () => localStorage,
): Promise<RoomId | undefined> {
  const subtle: SubtleCrypto | undefined = crypto.subtle;
  if (!subtle) return undefined;
  const secret = newSecret();
  const text = new TextEncoder().encode(ownedNameText(secret));
  const room = ownedName(new Uint8Array(await subtle.digest('SHA-256', text)));
  const offered = [...readOffered(storage), { room, secret }].slice(-OFFERED_MAX);
  return writeOffered(offered, storage) ? room : undefined;
}

/** 256 random bits. */
function newSecret(): Secret {
  return v.parse(SecretSchema, base64url(crypto.getRandomValues(new Uint8Array(32))));
}

function readOffered(storage: OwnershipStorage): v.InferOutput<typeof OfferedSchema> {
  try {
    return v.parse(OfferedSchema, JSON.parse(storage().getItem(OFFERED) ?? '[]'));
  } catch {
    // Blocked, or written by another version.
    return [];
  }
}

/** @returns whether it could be stored */
function writeOffered(
  offered: v.InferOutput<typeof OfferedSchema>,
  storage: OwnershipStorage,
): boolean {
  try {
    if (offered.length === 0) storage().removeItem(OFFERED);
    else storage().setItem(OFFERED, JSON.stringify(offered));
    return true;
  } catch {
    return false;
  }
}
