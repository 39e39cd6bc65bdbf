import { offerRoom } from '#client/credentials/room-ownership.ts';
import { type RoomId, RoomIdSchema } from '#protocol/ids.ts';
import { base64url } from '#protocol/owned-name.ts';
import * as v from 'valibot';

export function joinUrl(origin: string, room: RoomId): string {
  return `${origin}/join/${room}`;
}

/** Opens the publisher's page on another device, with the code that makes it a publisher of the room. */
export function continueUrl(origin: string, room: RoomId, code: string): string {
  return `${origin}/publish/${room}#code=${code}`;
}

/** HTML that shows the room in another web page. */
export function embedCode(origin: string, room: RoomId): string {
  return `<iframe src="${origin}/embed/${room}" width="640" height="360" allow="autoplay; fullscreen; screen-wake-lock" style="border:0" title="Live broadcast"></iframe>`;
}

/** A name that nobody can guess: 128 random bits as base64url, of which small letters keep 110. */
export function unguessableRoom(
  random: (bytes: Uint8Array<ArrayBuffer>) => void = (bytes) => crypto.getRandomValues(bytes),
): RoomId {
  const bytes = new Uint8Array(16);
  random(bytes);
  return v.parse(RoomIdSchema, base64url(bytes));
}

/**
 * Lets `link` open the publisher's page of a new room. Only this browser can claim that room; where it
 * can't make such a name, it is at least one that nobody can guess.
 */
export async function linkToNewRoom(link: HTMLAnchorElement): Promise<void> {
  link.href = `/publish/${(await offerRoom()) ?? unguessableRoom()}`;
}

/** Whether a link with this host works on this machine only. */
export function isLoopbackHost(hostname: string): boolean {
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname)
  );
}
