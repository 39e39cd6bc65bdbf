/** What the pages see of a connection. How it is kept alive is behind viewer.ts and publisher.ts. */
import type { ErrorCode } from '#protocol/errors.ts';
import type { RoomId } from '#protocol/ids.ts';
import type { JoinTrace } from '#protocol/join-trace.ts';
import type { MatchMethod, OverlayMessage } from '#protocol/overlay.ts';
import type { KeyedMessage, StateEntry } from '#protocol/overlay-state.ts';
import type { PageConfig, RoomView } from '#protocol/signalling.ts';
import type { ReadonlySignal } from '@preact/signals-core';
import type { LinkToken } from '../credentials/link-token.ts';
import type { OutgoingOverlayMessage } from '../overlay/overlay-sender.ts';
import type { Transition } from './trace.ts';

/** Why a connection has given up; `message` is a sentence for a person. */
export interface Failure {
  readonly code: ErrorCode | 'browser-unsupported' | 'gave-up';
  readonly message: string;
}

/** One JSON object that describes a connection, for a bug report. It holds no token and no secret. */
export interface Diagnostics {
  /** ISO 8601. */
  readonly takenAt: string;
  /** When it was taken, ms since the page was opened: the clock of `transitions`. */
  readonly nowMs: number;
  readonly versions: { readonly protocol: number };
  readonly userAgent: string;
  readonly role: 'viewer' | 'publisher';
  readonly room: RoomId;
  readonly status: ViewerStatus | PublisherStatus;
  readonly failure: Failure | undefined;
  /** The room as the server last described it. */
  readonly roomView: RoomView | undefined;
  /** The last transitions of the connection, oldest first. */
  readonly transitions: readonly Transition[];
  /** Selected entries and fields of the peer connection's stats; empty while there is none. */
  readonly stats: readonly Readonly<Record<string, string | number | boolean>>[];
}

/**
 * - `connecting`   first attempt, nothing shown yet
 * - `live`         the publisher's picture is here
 * - `reconnecting` this viewer's own line is being mended; the last picture stays
 * - `waiting`      connected, and nobody publishes: not yet, or interrupted (see room.status)
 * - `ended`        the publisher stopped; the page goes live again by itself if it starts anew
 * - `failed`       given up, see `failure`
 */
export type ViewerStatus = 'connecting' | 'live' | 'reconnecting' | 'waiting' | 'ended' | 'failed';

/** What works on the encoded frames of a viewer. */
export interface ReceivedFrames {
  readonly started: Promise<void>;
  /** Told of each receiver before its first packet. */
  attach(receiver: RTCRtpReceiver, kind: 'audio' | 'video'): void;
}

/** What works on the encoded frames of a publisher. */
export interface SentFrames {
  readonly started: Promise<void>;
  /** Told of each sender of video before its first frame, and what it encodes to (`video/VP8`). */
  attach(sender: RTCRtpSender, codec: string | undefined): void;
}

export interface ViewerConnection {
  readonly status: ReadonlySignal<ViewerStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  /** The newest word of the server; undefined before the first. */
  readonly room: ReadonlySignal<RoomView | undefined>;
  /** One stream for the page's whole life; tracks are swapped inside it. */
  readonly stream: MediaStream;
  readonly hasAudio: ReadonlySignal<boolean>;
  /** How long joining took, once the first frame was shown; never where the page was not looked at. */
  readonly joinTrace: ReadonlySignal<JoinTrace | undefined>;
  /** Retained and new messages, already parsed; stale ones (seq) are dropped before. Returns the unsubscriber. */
  onOverlay(listener: (message: OverlayMessage) => void): () => void;
  /** One key of the state was set or, with `null` in the place of its content, deleted. In order. Returns the unsubscriber. */
  onOverlayState(listener: (entry: StateEntry) => void): () => void;
  /** A new broadcast began: forget every topic and every key; the keys that stay are told anew. */
  onOverlayReset(listener: () => void): () => void;
  /** Nothing is received before `frames` has started. To be called before the first await. */
  useFrames(frames: ReceivedFrames): void;
  /** The <video> that shows `stream`: its decoded frames are watched for stalls. Returns the unsubscriber. */
  watch(video: HTMLVideoElement): () => void;
  /** By which method messages find their frames: told to the server when it is another one. */
  reportMatch(method: MatchMethod): void;
  /** The receiving peer connection's report, undefined while there is none. */
  getStats(): Promise<RTCStatsReport | undefined>;
  /** Describes this connection for a bug report, without secrets. Never rejects. */
  diagnostics(): Promise<Diagnostics>;
  /** Leaves for good. Idempotent. */
  close(): void;
}

export interface ViewerOptions {
  readonly room: RoomId;
  readonly page: PageConfig;
  /** Read whenever the room is entered. */
  readonly token: Pick<LinkToken, 'value'>;
}

/**
 * - `idle`         not broadcasting
 * - `connecting`   start was pressed, nobody sees it yet
 * - `live`         on air
 * - `reconnecting` was on air, the line is being mended
 * - `superseded`   another page took the broadcast over; this one has stopped
 * - `failed`       given up, see `failure`
 */
export type PublisherStatus =
  | 'idle'
  | 'connecting'
  | 'live'
  | 'reconnecting'
  | 'superseded'
  | 'failed';

export interface PublisherMedia {
  readonly video: MediaStreamTrack;
  readonly audio?: MediaStreamTrack | undefined;
}

export interface PublisherConnection {
  readonly status: ReadonlySignal<PublisherStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  readonly room: ReadonlySignal<RoomView | undefined>;
  /** Goes on air with these tracks; also after `superseded` or `failed` (takes the room back). The tracks stay the caller's: they are never stopped here. */
  start(media: PublisherMedia): void;
  /** Changes the camera without stopping (replaceTrack). Also works while reconnecting or idle. */
  setVideo(track: MediaStreamTrack): void;
  /** Microphone on, changed, or off (undefined). */
  setAudio(track: MediaStreamTrack | undefined): void;
  /** Sends one message if the channel can take it now; false where it was dropped (fresh beats complete). Throws RangeError above OVERLAY_MAX_BYTES. `seq` is filled in here. */
  sendOverlay(message: OutgoingOverlayMessage): boolean;
  /** Sets or deletes one key of the state, on air or not: every viewer ends with it. False where the state is full. Throws RangeError above OVERLAY_MAX_BYTES. */
  setOverlayState(message: KeyedMessage): boolean;
  /** Ends the broadcast for everybody. Resolves when the server knows, or at once when it can't be told. */
  stop(): Promise<void>;
  getStats(): Promise<RTCStatsReport | undefined>;
  /** Describes this connection for a bug report, without secrets. Never rejects. */
  diagnostics(): Promise<Diagnostics>;
  close(): void;
}

export interface PublisherOptions {
  readonly room: RoomId;
  readonly page: PageConfig;
  /** Read whenever the room is entered. */
  readonly token: Pick<LinkToken, 'value'>;
  readonly frames?: SentFrames;
}
