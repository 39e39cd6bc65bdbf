/** How a page gets a code for another device, and uses one. */
import * as v from 'valibot';
import { OnecastError } from '#protocol/errors.ts';
import type { RoomId, Secret } from '#protocol/ids.ts';
import { ResultSchema } from '#protocol/result.ts';
import {
  DEVICE_CODE_PATH,
  type DeviceCodeGrant,
  DeviceCodeGrantSchema,
  type OwnershipGrant,
  OwnershipGrantSchema,
  type parseCode,
  REDEEM_PATH,
} from '#protocol/room-codes.ts';

const DEADLINE_MS = 10_000;

export type RoomCode = NonNullable<ReturnType<typeof parseCode>>;

/** @throws OnecastError; TypeError or DOMException if the server was not reached */
export async function requestDeviceCode(
  room: RoomId,
  publisherSecret: Secret,
): Promise<DeviceCodeGrant> {
  return post(DEVICE_CODE_PATH, { room, publisherSecret }, DeviceCodeGrantSchema);
}

/** Uses the code up. @throws as requestDeviceCode */
export async function redeemCode(room: RoomId, code: RoomCode): Promise<OwnershipGrant> {
  return post(REDEEM_PATH, { room, ...code }, OwnershipGrantSchema);
}

async function post<S extends v.GenericSchema>(
  path: string,
  body: object,
  schema: S,
): Promise<v.InferOutput<S>> {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  const result = v.parse(ResultSchema, await response.json());
  if (!result.ok) throw new OnecastError(result.code, result.message);
  return v.parse(schema, result.value);
}
