/**
 * What a room and its members use of each other. These are interfaces, so that publisher.ts and
 * viewer.ts do not import room.ts, which creates both.
 */
import type { Limits } from '#config/limits.ts';
import type { RoomId } from '#protocol/ids.ts';
import type { KeyedMessage, StateKey } from '#protocol/overlay-state.ts';
import type { RoomView } from '#protocol/signalling.ts';
import type { FanOut } from '../media/routing/fan-out.ts';
import type { RoomRouter } from '../media/routing/room-router.ts';
import type { types } from '../media/types.ts';
import type { MediaReach } from '../media/watch/media-reach.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { RoomOverlay } from '../overlay/room-overlay.ts';
import type { Session, SessionEnd } from './session.ts';
import type { Sources } from './sources.ts';

/** What one publisher sends now. */
export interface Broadcast {
  readonly epoch: number;
  /** The router on which all of it arrives. */
  readonly router: RoomRouter;
  readonly producers: readonly types.Producer[];
  readonly data: types.DataProducer | undefined;
}

/** A publisher, as its room sees it. */
export interface RoomPublisher {
  readonly epoch: number;
  readonly session: Session;
  /** Undefined before the publisher has begun to send on its present transport. */
  readonly broadcast: Broadcast | undefined;
  /** What it sends, or will send again on its next transport. */
  readonly sources: Sources;
  readonly keyFrameIntervalMs: number | undefined;
  /** The router of its newest transport, open or closed. */
  readonly router: RoomRouter | undefined;
  close(): void;
}

/** A viewer, as its room sees it. */
export interface RoomViewer {
  readonly session: Session;
  broadcastChanged(): void;
}

interface MemberRoom {
  readonly id: RoomId;
  readonly epoch: number;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly reach: MediaReach;
  readonly fanOut: FanOut;
  view(): RoomView;
}

/** A room, as its publishers see it. */
export interface PublisherRoom extends MemberRoom {
  readonly overlay: Pick<RoomOverlay, 'publisherClockIs'>;
  /** The publisher has begun to send, so the room is live. */
  publisherReady(publisher: RoomPublisher): void;
  publisherLost(publisher: RoomPublisher): void;
  publisherClosed(publisher: RoomPublisher, reason: SessionEnd): void;
  /** A producer was added or closed. */
  broadcastChanged(publisher: RoomPublisher): void;
  /** The page has stated something else about its sources. */
  sourcesChanged(publisher: RoomPublisher): void;
  /** A message arrived on the publisher's own overlay channel. */
  overlayReceived(publisher: RoomPublisher, message: Buffer): void;
  /** @throws OnecastError `stale-epoch` if this publisher is not live, `state-full` */
  setState(
    publisher: RoomPublisher,
    keys: readonly StateKey[] | undefined,
    messages: readonly KeyedMessage[],
  ): void;
}

/** A room, as its viewers see it. */
export interface ViewerRoom extends MemberRoom {
  /** The bandwidth of every viewer is estimated, not only of those with loss. */
  readonly estimatesAll: boolean;
  /** What viewers should receive now. */
  readonly broadcast: Broadcast | undefined;
  readonly overlay: Pick<RoomOverlay, 'serverChannels' | 'snapshot'>;
  /** A viewer's media came up or went down. */
  viewersChanged(): void;
  viewerClosed(viewer: RoomViewer): void;
}
