import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { OnecastError } from '#protocol/errors.ts';
import { DeviceCodeSchema } from '#protocol/room-codes.ts';
import { RoomDeviceCode } from './device-code.ts';
import { newSecret } from './secrets.ts';

const LIMITS = { deviceCodeMs: 1_000 };
const invalid = new OnecastError('code-invalid');

describe('ROOM-12 RoomDeviceCode', () => {
  it('brings the secret, once', () => {
    const codes = new RoomDeviceCode(LIMITS);
    const secret = newSecret();
    const { code, expiresInMs } = codes.issue(secret);
    expect(expiresInMs).toBe(1_000);
    expect(codes.redeem(code)).toBe(secret);
    expect(() => codes.redeem(code)).toThrow(invalid);
  });

  it('expires', () => {
    let now = 0;
    const codes = new RoomDeviceCode(LIMITS, () => now);
    const first = codes.issue(newSecret());
    now = 999;
    expect(codes.redeem(first.code)).toHaveLength(43);
    const second = codes.issue(newSecret());
    now = 1_999;
    expect(() => codes.redeem(second.code)).toThrow(invalid);
  });

  it('survives a wrong code, and ends with the next one and with the owner', () => {
    const codes = new RoomDeviceCode(LIMITS);
    const wrong = v.parse(DeviceCodeSchema, '0'.repeat(16));
    expect(() => codes.redeem(wrong)).toThrow(invalid);
    const first = codes.issue(newSecret());
    expect(() => codes.redeem(wrong)).toThrow(invalid);
    const secret = newSecret();
    const second = codes.issue(secret);
    expect(() => codes.redeem(first.code)).toThrow(invalid);
    expect(codes.redeem(second.code)).toBe(secret);
    const third = codes.issue(secret);
    codes.revoke();
    expect(() => codes.redeem(third.code)).toThrow(invalid);
  });

  it('makes another code each time', () => {
    const codes = new RoomDeviceCode(LIMITS);
    const made = new Set(Array.from({ length: 100 }, () => codes.issue(newSecret()).code));
    expect(made.size).toBe(100);
  });
});
