/**
 * What the server should be like after every command: small, and written from the rules rather than
 * from the server's code.
 */
import type { ErrorCode } from '#protocol/errors.ts';

export type Kind = 'audio' | 'video';

export interface ModelSession {
  readonly role: 'publisher' | 'viewer';
  readonly room: ModelRoom;
  readonly sessionId: string;
  /** CONN-2: the secret to use next, the one before it, and those that were good once. */
  current: string;
  previous: string | undefined;
  readonly spent: string[];
  ended: 'session-gone' | 'superseded' | undefined;
  transportId: string;
  /** DTLS parameters have been given. */
  connected: boolean;
  readonly producers: Map<Kind, string>;
  dataProducerId: string | undefined;
  readonly epoch: number;
}

export interface ModelRoom {
  readonly id: string;
  ownerSecret: string | undefined;
  claims: number;
  claimant: ModelSession | undefined;
  onAir: ModelSession | undefined;
}

export function newRoom(id: string): ModelRoom {
  return { id, ownerSecret: undefined, claims: 0, claimant: undefined, onAir: undefined };
}

/** With what a request is refused before its fields matter; undefined where it is not. */
export function refusalOf(
  session: ModelSession | undefined,
  role?: ModelSession['role'],
): ErrorCode | undefined {
  if (!session) return 'session-gone';
  if (role && session.role !== role) return 'not-allowed';
  return session.ended;
}

/** SEC-3: what a viewer of this room receives. */
export function producersSeen({ onAir }: ModelRoom): string[] {
  if (!onAir?.producers.has('video')) return [];
  return [...onAir.producers.values()].toSorted();
}

/** ROOM-1: whether a claim that shows this secret is let in. */
export function claimRefused(room: ModelRoom, shown: string | undefined): boolean {
  return room.ownerSecret !== undefined && shown !== room.ownerSecret;
}

/** ROOM-2, ROOM-3: the newest claim is the one that may go on air. */
export function claimed(room: ModelRoom, session: ModelSession): void {
  if (room.claimant) end(room.claimant, 'superseded');
  room.claimant = session;
}

/** ROOM-2: with its picture a claimant takes the room over. */
export function pictureCame(session: ModelSession): void {
  const { room } = session;
  if (room.claimant !== session) return;
  room.claimant = undefined;
  if (room.onAir) end(room.onAir, 'superseded');
  room.onAir = session;
}

export function end(session: ModelSession, how: 'session-gone' | 'superseded'): void {
  session.ended = how;
  session.producers.clear();
  const { room } = session;
  if (room.claimant === session) room.claimant = undefined;
  if (room.onAir === session) room.onAir = undefined;
}

/** CONN-2: what showing `secret` leads to. On `taken` the answer's secret becomes the current one. */
export function resumeOf(session: ModelSession, secret: string): 'taken' | 'ends it' | 'refused' {
  if (session.ended) return 'refused';
  if (secret === session.current || secret === session.previous) return 'taken';
  return session.spent.includes(secret) ? 'ends it' : 'refused';
}

export function resumed(session: ModelSession, shown: string, next: string): void {
  if (shown === session.current) {
    if (session.previous !== undefined) session.spent.push(session.previous);
    session.previous = shown;
  } else {
    // Its successor never reached the page, or a thief has it: it is worth nothing any more.
    session.spent.push(session.current);
  }
  session.current = next;
}
