import {
  createCipheriv,
  createDecipheriv,
  createHash,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import * as v from 'valibot';
import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import { type Secret, SecretSchema } from '#protocol/ids.ts';
import {
  base32,
  type DeviceCode as Code,
  type DeviceCodeGrant,
  DeviceCodeSchema,
} from '#protocol/room-codes.ts';

/** 80 bits. Nobody guesses one of 2^80 in ten minutes, so wrong attempts need no limit of their own. */
const CODE_BYTES = 10;
const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;

interface Issued {
  readonly hash: Buffer;
  /** The publisherSecret, encrypted with the code: what the server keeps is worth nothing without it. */
  readonly sealed: { readonly iv: Buffer; readonly text: Buffer; readonly tag: Buffer };
  /** On the clock of `performance.now()`. */
  readonly expiresAt: number;
}

/**
 * The code with which the publisher of one room goes on in another browser. There is one at a time, it
 * works once, and it brings the secret that the publisher had when it asked for the code.
 */
export class RoomDeviceCode {
  readonly #limits: Pick<Limits, 'deviceCodeMs'>;
  readonly #now: () => number;
  #issued: Issued | undefined;

  constructor(limits: Pick<Limits, 'deviceCodeMs'>, now = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** A new code; the one before is not valid any more. */
  issue(secret: Secret): DeviceCodeGrant {
    const code = v.parse(DeviceCodeSchema, base32(randomBytes(CODE_BYTES)));
    const expiresInMs = this.#limits.deviceCodeMs;
    this.#issued = {
      hash: digest('hash', code),
      sealed: seal(secret, code),
      expiresAt: this.#now() + expiresInMs,
    };
    return { code, expiresInMs };
  }

  /** Uses the code up. @throws OnecastError `code-invalid` */
  redeem(code: Code): Secret {
    const issued = this.#issued;
    if (!issued || this.#now() >= issued.expiresAt) {
      this.#issued = undefined;
      throw new OnecastError('code-invalid');
    }
    if (!timingSafeEqual(digest('hash', code), issued.hash)) throw new OnecastError('code-invalid');
    this.#issued = undefined;
    return unseal(issued.sealed, code);
  }

  /** The room has another owner now. */
  revoke(): void {
    this.#issued = undefined;
  }
}

/** A plain SHA-256 is enough: a code is 80 random bits. */
function digest(purpose: 'hash' | 'key', code: Code): Buffer {
  return createHash('sha256').update(`onecast device code ${purpose} ${code}`).digest();
}

function seal(secret: Secret, code: Code): Issued['sealed'] {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, digest('key', code), iv);
  const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return { iv, text, tag: cipher.getAuthTag() };
}

function unseal({ iv, text, tag }: Issued['sealed'], code: Code): Secret {
  const decipher = createDecipheriv(CIPHER, digest('key', code), iv);
  decipher.setAuthTag(tag);
  const secret = Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
  return v.parse(SecretSchema, secret);
}
