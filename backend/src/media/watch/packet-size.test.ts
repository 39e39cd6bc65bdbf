import { describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { PacketSize } from './packet-size.ts';

const stream = (ssrc: number, packetCount: number, bytes: number) => ({
  ssrc,
  packetCount,
  byteCount: packetCount * bytes,
});

describe('LIMIT-8 a publisher of packets that are too large', () => {
  it('is closed at the first check, whichever of its streams it is', () => {
    expect(new PacketSize(LIMITS).exceeds([stream(1, 10, 60_000)])).toBe(true);
    expect(new PacketSize(LIMITS).exceeds([stream(1, 10_000, 1_200), stream(2, 10, 1_501)])).toBe(
      true,
    );
  });

  it('is closed also after it has sent usual packets for a long time', () => {
    const size = new PacketSize(LIMITS);
    expect(size.exceeds([stream(1, 1_000_000, 1_200)])).toBe(false);
    expect(
      size.exceeds([{ ssrc: 1, packetCount: 1_000_100, byteCount: 1_200_000_000 + 6_000_000 }]),
    ).toBe(true);
  });

  it('is not closed for packets that fill an Ethernet frame, for silence, or for a stream that is new', () => {
    const size = new PacketSize(LIMITS);
    expect(size.exceeds([])).toBe(false);
    expect(size.exceeds([stream(1, 0, 0)])).toBe(false);
    expect(size.exceeds([stream(1, 500, 1_472)])).toBe(false);
    expect(size.exceeds([stream(1, 500, 1_472), stream(2, 1, 1_200)])).toBe(false);
    expect(size.exceeds([stream(1, 500, 1_472), stream(2, 1, 1_200)])).toBe(false);
  });
});
