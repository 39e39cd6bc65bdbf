/** RTP timestamps of video and the frame numbers of tags: unsigned 32-bit counters that wrap to 0. */

/** RTP ticks in a millisecond of video. */
export const TICKS_PER_MS = 90;

export function toUint32(value: number): number {
  return ((value % 2 ** 32) + 2 ** 32) % 2 ** 32;
}

/** How far `a` is after `b`: -2^31 to 2^31 - 1, negative where it is before. */
export function distance(a: number, b: number): number {
  const ahead = toUint32(a - b);
  return ahead < 2 ** 31 ? ahead : ahead - 2 ** 32;
}
