/** Signed tokens (JWT, HS256), made by `npm run token` or by the operator's own backend. */
import type { KeyObject } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import * as v from 'valibot';
import type { Limits } from '#config/limits.ts';
import { OnecastError } from '#protocol/errors.ts';
import { RoomIdSchema } from '#protocol/ids.ts';

/** The only algorithm accepted. Tokens that name another one, above all `none`, are refused. */
const ALGORITHM = 'HS256';

const ClaimsSchema = v.object({
  room: RoomIdSchema,
  role: v.picklist(['publisher', 'viewer']),
  /** Seconds since 1970. */
  exp: v.pipe(v.number(), v.finite()),
});
export type Claims = v.InferOutput<typeof ClaimsSchema>;
export type Role = Claims['role'];

export function signToken(key: KeyObject, { room, role, exp }: Claims): Promise<string> {
  return new SignJWT({ room, role })
    .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(exp)
    .sign(key);
}

/**
 * Returns the token's claims after checking its signature and its times.
 * @throws OnecastError `token-invalid`, `token-expired`; the cause has the reason, without the token
 */
export async function verifyToken(
  key: KeyObject,
  token: string,
  limits: Pick<Limits, 'tokenToleranceS' | 'tokenMaxAheadS'>,
): Promise<Claims> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      clockTolerance: limits.tokenToleranceS,
    });
    const claims = v.parse(ClaimsSchema, payload);
    if (claims.exp > Date.now() / 1_000 + limits.tokenMaxAheadS) {
      throw new RangeError('"exp" is too far ahead');
    }
    return claims;
  } catch (error) {
    const code = error instanceof errors.JWTExpired ? 'token-expired' : 'token-invalid';
    throw new OnecastError(code, undefined, { cause: error });
  }
}
