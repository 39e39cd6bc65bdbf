/** A small model of the server, written from the rules and not from the server's code. */
import type { ErrorCode } from '#protocol/errors.ts';

export type Kind = 'audio' | 'video';

export interface ModelSession {
  readonly role: 'publisher' | 'viewer';
  readonly room: ModelRoom;
  readonly sessionId: string;
  /** CONN-2: the secret to use next, the one before it, and all older ones. */
  current: string;
  previous: string | undefined;
  readonly spent: string[];
  ended: 'session-gone' | 'superseded' | undefined;
  transportId: string;
  /** Whether the page has set its DTLS parameters. */
  connected: boolean;
  readonly producers: Map<Kind, string>;
  /** Whether it has sent video, or has stated its sources, on its present transport. */
  hasBegun: boolean;
  dataProducerId: string | undefined;
  readonly epoch: number;
}

export interface ModelRoom {
  readonly id: string;
  ownerSecret: string | undefined;
  claims: number;
  claimant: ModelSession | undefined;
  live: ModelSession | undefined;
}

export function newRoom(id: string): ModelRoom {
  return { id, ownerSecret: undefined, claims: 0, claimant: undefined, live: undefined };
}

/** The code with which the server refuses a request whatever its fields are; undefined when it does not. */
export function refusalOf(
  session: ModelSession | undefined,
  role?: ModelSession['role'],
): ErrorCode | undefined {
  if (!session) return 'session-gone';
  if (role && session.role !== role) return 'not-allowed';
  return session.ended;
}

/** SEC-3: the producers that a viewer of this room receives. */
export function producersSeen({ live }: ModelRoom): string[] {
  if (!live?.hasBegun) return [];
  return [...live.producers.values()].toSorted();
}

/** ROOM-1: whether the server refuses a claim with this secret. */
export function claimRefused(room: ModelRoom, shown: string | undefined): boolean {
  return room.ownerSecret !== undefined && shown !== room.ownerSecret;
}

/** ROOM-2, ROOM-3: only the newest claim may go live. */
export function claimed(room: ModelRoom, session: ModelSession): void {
  if (room.claimant) end(room.claimant, 'superseded');
  room.claimant = session;
}

/** ROOM-2: a claimant takes over the room when it begins to send. */
export function begun(session: ModelSession): void {
  session.hasBegun = true;
  const { room } = session;
  if (room.claimant !== session) return;
  room.claimant = undefined;
  if (room.live) end(room.live, 'superseded');
  room.live = session;
}

export function end(session: ModelSession, how: 'session-gone' | 'superseded'): void {
  session.ended = how;
  session.producers.clear();
  const { room } = session;
  if (room.claimant === session) room.claimant = undefined;
  if (room.live === session) room.live = undefined;
}

/** CONN-2: the effect of presenting `secret`. After `resumes` the answer's secret becomes the current one. */
export function resumeOf(session: ModelSession, secret: string): 'resumes' | 'ends' | 'refused' {
  if (session.ended) return 'refused';
  if (secret === session.current || secret === session.previous) return 'resumes';
  return session.spent.includes(secret) ? 'ends' : 'refused';
}

export function resumed(session: ModelSession, shown: string, next: string): void {
  if (shown === session.current) {
    if (session.previous !== undefined) session.spent.push(session.previous);
    session.previous = shown;
  } else {
    // The successor never reached the page, or a thief has it: it counts as an older secret now.
    session.spent.push(session.current);
  }
  session.current = next;
}
