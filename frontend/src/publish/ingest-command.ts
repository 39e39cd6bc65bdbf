import type { RoomId } from '#protocol/ids.ts';

/** Stands in the place of the secret while it is not to be seen. */
export const MASK = '•'.repeat(12);

/** A label in the middle of the picture, for five seconds. */
const HELLO = {
  kind: 'shapes',
  topic: 'hello',
  ttlMs: 5_000,
  shapes: [{ type: 'label', x: 0.5, y: 0.5, text: 'hello from a program' }],
} as const;

/**
 * What a person puts into a terminal to draw over the picture. The secret stands in a line of its
 * own: what is set there serves further programs too.
 * @param bearer of `A–Z a–z 0–9 _ . -`, or the mask: nothing that a shell reads
 */
export function ingestCommand(origin: string, room: RoomId, bearer: string): string {
  return [
    `export ONECAST_SECRET='${bearer}'`,
    `curl '${origin}/api/rooms/${room}/overlay' \\`,
    `  -H "Authorization: Bearer $ONECAST_SECRET" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${JSON.stringify(HELLO)}'`,
  ].join('\n');
}

/** What a shell would read has no place in a command that people paste. */
export function isPlain(bearer: string): boolean {
  return /^[A-Za-z0-9_.-]+$/.test(bearer);
}
