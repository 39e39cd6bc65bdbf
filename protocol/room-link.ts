/**
 * Links to rooms, as chat apps, mail programs and people leave them: percent-encoded once too often, with
 * a full stop or a bracket at the end, in capitals, with invisible characters, with the token in the path.
 * The pages use this for their own address and for what people paste, the server for the path.
 */
import * as v from 'valibot';
import { MAIN_ROOM, type RoomId, RoomIdSchema, TOKEN_MAX_CHARS } from './ids.ts';

export interface RoomLink {
  /** Undefined if no room can have this name. */
  readonly room: RoomId | undefined;
  /** Wherever it was: fragment, query or path. Never longer than the server accepts. */
  readonly token: string | undefined;
}

/** The parts of an address that are read; a `Location` has them. */
export interface Address {
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

/** A link that was encoded by two programs and by the browser. */
const DECODINGS = 3;
const PAGE = /(?:^|\/)(?:join|publish|embed)(?:\/+([^/?#]*)|(?=[?#\s]|$))/i;
/** Quotes and brackets may stand before a name. After it, anything that can't be part of it. */
const NAME = /^[\s"'`*~([{«„“‚‘]*([\w-]+)(?:[\p{P}\p{S}\s].*)?$/su;
const NAME_ALONE = /^[\s"'`*~([{<«„“‚‘]*([\w-]+)[\p{P}\p{S}\s]*$/su;
const TOKEN = /(?:^|[#?&;])token=([^\s"'`<>()[\]{}«»“”‘’,;?#&]*)/i;

/** What a page's own address leads to. `/join` and `/publish` alone lead to the main room. */
export function readAddress({ pathname, search, hash }: Address): RoomLink {
  const text = plain(pathname);
  return { room: roomInPath(text), token: tokenIn(`${text}${plain(search)}${plain(hash)}`) };
}

/** What a person typed or pasted: a name, a path, or a link with text around it. */
export function readPasted(input: string): RoomLink {
  const text = plain(input);
  const [beforeQuery = ''] = text.split(/[?#]/, 1);
  // Without the host, which may be called like a page.
  const path = text.replace(/^.*?[a-z][a-z\d+.-]*:\/\/[^/?#\s]*/is, '/');
  const isName = !beforeQuery.includes('/');
  const room = isName ? roomOf(NAME_ALONE.exec(beforeQuery)?.[1]) : roomInPath(path);
  return { room, token: tokenIn(text) };
}

/**
 * The address that the link should have had.
 * @param keepsToken whether the token stays, in the fragment
 */
export function tidyAddress(address: Address, keepsToken: boolean): string {
  const { room, token } = readAddress(address);
  const page = /^\/+(join|publish|embed)/i.exec(plain(address.pathname))?.[1]?.toLowerCase();
  const name = plain(address.pathname).split('/').filter(Boolean)[1];
  const isMain = name === undefined && room === MAIN_ROOM;
  const pathname = page && room && !isMain ? `/${page}/${room}` : address.pathname;
  const { search, hash } = token === undefined ? address : withoutToken(address);
  if (!keepsToken || token === undefined) return `${pathname}${search}${hash}`;
  return `${pathname}${search}${hash === '' ? '#' : `${hash}&`}token=${encodeURIComponent(token)}`;
}

function withoutToken({ search, hash }: Address): { search: string; hash: string } {
  const strip = (part: string): string => {
    const kept = part
      .slice(1)
      .split('&')
      .filter((field) => !TOKEN.test(`&${plain(field)}`));
    return kept.length === 0 ? '' : `${part.slice(0, 1)}${kept.join('&')}`;
  };
  return { search: strip(search), hash: strip(hash) };
}

function roomInPath(path: string): RoomId | undefined {
  const found = PAGE.exec(path);
  if (!found) return undefined;
  const name = found[1]?.trim() ?? '';
  return name === '' ? MAIN_ROOM : roomOf(NAME.exec(name)?.[1]);
}

function roomOf(name: string | undefined): RoomId | undefined {
  const parsed = v.safeParse(RoomIdSchema, name);
  return parsed.success ? parsed.output : undefined;
}

function tokenIn(text: string): string | undefined {
  // The end of a sentence is not part of a token, which never ends with these.
  const found = TOKEN.exec(text)?.[1]?.replace(/[.:!…*~]+$/u, '');
  // A longer text is not a valid token. Cut off, it fits the schema and the server refuses it as invalid.
  return found === undefined || found === '' ? undefined : found.slice(0, TOKEN_MAX_CHARS);
}

/** Decoded, without invisible characters, in the usual form of full-width letters. */
function plain(text: string): string {
  let decoded = text;
  for (let i = 0; i < DECODINGS; i += 1) {
    const next = decoded.replaceAll(/(?:%[\da-f]{2})+/gi, decode);
    if (next === decoded) break;
    decoded = next;
  }
  return decoded
    .replaceAll('&amp;', '&')
    .replaceAll(/[\t\r\n]/g, ' ')
    .normalize('NFKC')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Mn}]/gu, '');
}

function decode(bytes: string): string {
  try {
    return decodeURIComponent(bytes);
  } catch {
    return bytes;
  }
}
