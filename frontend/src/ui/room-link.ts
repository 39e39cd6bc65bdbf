import { offerRoom } from '#client/credentials/room-ownership.ts';
import { MAIN_ROOM, type RoomId, isRoomId } from '#protocol/ids.ts';
import { base64url } from '#protocol/owned-name.ts';

/**
 * The room in a page's path: /join/<room>, or `main` for /join and /publish alone.
 * `undefined` if a room can't have that name.
 */
export function roomFromPath(pathname: string): RoomId | undefined {
  const name = pathname.split('/')[2];
  if (name === undefined || name === '') return MAIN_ROOM;
  return isRoomId(name) ? name : undefined;
}

/** The room in what a person typed or pasted: a name, a path or a whole link. */
export function roomFromInput(input: string): RoomId | undefined {
  const text = input.trim();
  if (isRoomId(text)) return text;
  const path = /(?:^|\/)(?:join|publish)(?:\/([^/?#]*))?\/?(?:[?#].*)?$/.exec(text);
  if (path === null) return undefined;
  const name = path[1];
  if (name === undefined || name === '') return MAIN_ROOM;
  return isRoomId(name) ? name : undefined;
}

export function joinUrl(origin: string, room: RoomId): string {
  return `${origin}/join/${room}`;
}

/** HTML that shows the room in another web page. */
export function embedCode(origin: string, room: RoomId): string {
  return `<iframe src="${origin}/embed/${room}" width="640" height="360" allow="autoplay; fullscreen; screen-wake-lock" style="border:0" title="Live broadcast"></iframe>`;
}

/** The token in a pasted link, if there is one. */
export function tokenFromInput(input: string): string | undefined {
  const [, fragment = ''] = input.trim().split('#', 2);
  return new URLSearchParams(fragment).get('token') ?? undefined;
}

/** A name of 128 random bits as base64url, which nobody can guess. */
export function unguessableRoom(
  random: (bytes: Uint8Array<ArrayBuffer>) => void = (bytes) => crypto.getRandomValues(bytes),
): RoomId {
  const bytes = new Uint8Array(16);
  random(bytes);
  const name = base64url(bytes);
  if (!isRoomId(name)) throw new Error(`not a room: ${name}`);
  return name;
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
