/**
 * Codes with which the publisher of a room goes on in another browser. Both are written in Crockford's
 * base32, which people can read aloud and type: no I, L, O or U, and small letters mean the same.
 */
import * as v from 'valibot';
import { OwnershipProofSchema, RoomIdSchema, type Secret, SecretSchema } from './ids.ts';
import { base64url } from './owned-name.ts';

/** HTTP address where a publisher's page gets a DeviceCode. Body: DeviceCodeRequest. Answer: DeviceCodeGrant. */
export const DEVICE_CODE_PATH = '/api/device-code';
/** HTTP address where another page uses a code. Body: RedeemRequest. Answer: OwnershipGrant. */
export const REDEEM_PATH = '/api/redeem';

/** 80 random bits: made by the server, used once, for some minutes. Written without hyphens. */
export const DeviceCodeSchema = v.pipe(
  v.string(),
  v.regex(/^[0-9A-HJKMNP-TV-Z]{16}$/),
  v.brand('DeviceCode'),
);
export type DeviceCode = v.InferOutput<typeof DeviceCodeSchema>;

export const DeviceCodeRequestSchema = v.strictObject({
  room: RoomIdSchema,
  publisherSecret: SecretSchema,
});
export type DeviceCodeRequest = v.InferOutput<typeof DeviceCodeRequestSchema>;
export const DeviceCodeGrantSchema = v.object({
  code: DeviceCodeSchema,
  expiresInMs: v.number(),
});
export type DeviceCodeGrant = v.InferOutput<typeof DeviceCodeGrantSchema>;

/** `publisherSecret`: from a recovery code. The server only confirms that the room has this secret. */
export const RedeemRequestSchema = v.union([
  v.strictObject({ room: RoomIdSchema, code: DeviceCodeSchema }),
  v.strictObject({ room: RoomIdSchema, publisherSecret: SecretSchema }),
]);
export type RedeemRequest = v.InferOutput<typeof RedeemRequestSchema>;

/** What makes a page the publisher of the room. */
export const OwnershipGrantSchema = v.object({
  publisherSecret: SecretSchema,
  /** Absent for a room whose name already proves who owns it. */
  ownershipProof: v.optional(OwnershipProofSchema),
});
export type OwnershipGrant = v.InferOutput<typeof OwnershipGrantSchema>;

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const SECRET_BYTES = 32;

/** @param bytes as many as their bits fill whole characters, or the last one is filled with zeros */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let [bits, held] = [0, 0];
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    for (; held >= 5; held -= 5) text += ALPHABET.charAt((bits >> (held - 5)) & 31);
    bits &= (1 << held) - 1;
  }
  return held === 0 ? text : text + ALPHABET.charAt((bits << (5 - held)) & 31);
}

/** A code as people read it: groups of four. */
export function inGroups(code: string): string {
  return code.match(/.{1,4}/g)?.join('-') ?? '';
}

/** The room's secret in letters that people can write down. */
export function recoveryCodeOf(secret: Secret): string {
  const base64 = secret.replaceAll('-', '+').replaceAll('_', '/');
  return base32(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
}

/** What a person typed, pasted or scanned; undefined if it is neither kind of code. */
export function parseCode(
  input: string,
): { readonly code: DeviceCode } | { readonly publisherSecret: Secret } | undefined {
  const text = input
    .normalize('NFKC')
    .toUpperCase()
    .replaceAll(/[\s\p{P}\p{Cf}]/gu, '')
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1');
  const code = v.safeParse(DeviceCodeSchema, text);
  if (code.success) return { code: code.output };
  const bytes = bytesOf(text);
  if (bytes?.length !== SECRET_BYTES) return undefined;
  const secret = v.safeParse(SecretSchema, base64url(bytes));
  return secret.success ? { publisherSecret: secret.output } : undefined;
}

function bytesOf(text: string): Uint8Array | undefined {
  const bytes: number[] = [];
  let [bits, held] = [0, 0];
  for (const char of text) {
    const value = ALPHABET.indexOf(char);
    if (value < 0) return undefined;
    bits = (bits << 5) | value;
    held += 5;
    if (held < 8) continue;
    held -= 8;
    bytes.push(bits >> held);
    bits &= (1 << held) - 1;
  }
  return bits === 0 ? Uint8Array.from(bytes) : undefined;
}
