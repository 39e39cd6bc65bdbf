/** Bright enough for a dark picture, and all with a dark outline on a light one. */
const palette = [
  '#4cc9f0',
  '#ffd166',
  '#7bed9f',
  '#ff7f9f',
  '#c8a2ff',
  '#ff9f43',
  '#5effe0',
  '#f4f46a',
] as const;

/** The same key gets the same colour on every screen. */
export function colorFor(key: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0;
  }
  // FNV-1a alone leaves the low bits of short keys alike.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return palette[((hash ^ (hash >>> 16)) >>> 0) % palette.length] ?? palette[0];
}

/** Black or white, whichever is read better on `color` (#rgb, #rrggbb or #rrggbbaa). */
export function inkOn(color: string): string {
  const digits = color.slice(1);
  const long = digits.length === 3 ? digits.replaceAll(/./g, '$&$&') : digits;
  const part = (at: number) => Number.parseInt(long.slice(at, at + 2), 16);
  return part(0) * 0.299 + part(2) * 0.587 + part(4) * 0.114 > 140 ? '#0b0d10' : '#ffffff';
}
