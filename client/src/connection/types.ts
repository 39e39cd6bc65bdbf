/** What pages see of a connection. viewer.ts and publisher.ts implement it. */
import type { ErrorCode } from '#protocol/errors.ts';
import type { RoomId, SessionId } from '#protocol/ids.ts';
import type { JoinTrace } from '#protocol/join-trace.ts';
import type { MatchMethod, OverlayMessage } from '#protocol/overlay.ts';
import type { KeyedMessage, StateEntry } from '#protocol/overlay-state.ts';
import type { PageConfig, RoomView, SourceState } from '#protocol/signalling.ts';
import type { ReadonlySignal } from '@preact/signals-core';
import type { LinkToken } from '../credentials/link-token.ts';
import type { RoomOwnership } from '../credentials/room-ownership.ts';
import type { SentTracks } from '../media/sent-sources.ts';
import type { OutgoingOverlayMessage } from '../overlay/overlay-sender.ts';
import type { Diagnosis, Limitation } from './diagnosis-words.ts';
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
  /** The same time in ms since the page was opened: the clock of `transitions`. */
  readonly nowMs: number;
  readonly versions: { readonly protocol: number };
  readonly userAgent: string;
  readonly role: 'viewer' | 'publisher';
  readonly room: RoomId;
  /** Not a secret: the server's log has it too. undefined while there is no session. */
  readonly sessionId: SessionId | undefined;
  readonly status: ViewerStatus | PublisherStatus;
  readonly failure: Failure | undefined;
  /** The cause that the page names while it can't connect. */
  readonly cause: Diagnosis['cause'] | undefined;
  /** The room as the server last described it. */
  readonly roomView: RoomView | undefined;
  /** The last transitions of the connection, oldest first. */
  readonly transitions: readonly Transition[];
  /** Selected entries and fields of the peer connection's stats; empty while there is none. */
  readonly stats: readonly Readonly<Record<string, string | number | boolean>>[];
}

/**
 * - `connecting`   the first attempt; no video has been shown yet
 * - `live`         the publisher's video is running, or the publisher sends none (see `video`)
 * - `reconnecting` this viewer's own connection is being repaired; the last frame stays
 * - `waiting`      connected, and there is no broadcast: not yet, or it is interrupted (see `room`)
 * - `ended`        the publisher has stopped; with its next broadcast the page is live again
 * - `failed`       given up, see `failure`
 */
export type ViewerStatus = 'connecting' | 'live' | 'reconnecting' | 'waiting' | 'ended' | 'failed';

/** Processes the encoded frames that a viewer receives. */
export interface ReceivedFrames {
  readonly started: Promise<void>;
  /** Called for each receiver before its first packet. */
  attach(receiver: RTCRtpReceiver, kind: 'audio' | 'video'): void;
}

/** Processes the encoded frames that a publisher sends. */
export interface SentFrames {
  readonly started: Promise<void>;
  /** Called for each video sender before its first frame. `codec` is a MIME type (`video/VP8`). */
  attach(sender: RTCRtpSender, codec: string | undefined): void;
  /** The track to send in the place of `track`: one with the same frames, if they have to be turned. */
  toSend(track: MediaStreamTrack | undefined): MediaStreamTrack | undefined;
  /** To be called when `toSend` has another answer. */
  onTurned: (() => void) | undefined;
}

export interface ViewerConnection {
  readonly status: ReadonlySignal<ViewerStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  /** Why the connection does not come up, after some seconds without it. */
  readonly diagnosis: ReadonlySignal<Diagnosis | undefined>;
  /** What is missing although the video is live. */
  readonly limitation: ReadonlySignal<Limitation | undefined>;
  /** The room as the server last described it; undefined before the first answer. */
  readonly room: ReadonlySignal<RoomView | undefined>;
  /** The same stream for the whole life of the page; its tracks are replaced. */
  readonly stream: MediaStream;
  readonly hasAudio: ReadonlySignal<boolean>;
  /**
   * Whether the publisher sends video. While it is `muted` or `off`, `status` is `live` without frames:
   * audio and overlay go on.
   */
  readonly video: ReadonlySignal<SourceState>;
  /** How long joining took; set with the first frame, and never where the page was not visible. */
  readonly joinTrace: ReadonlySignal<JoinTrace | undefined>;
  /** Retained and new messages, parsed; out-of-date ones (by `seq`) are dropped. Returns the unsubscriber. */
  onOverlay(listener: (message: OverlayMessage) => void): () => void;
  /** A key of the state was set or deleted (its content is `null`). In order. Returns the unsubscriber. */
  onOverlayState(listener: (entry: StateEntry) => void): () => void;
  /** A new broadcast began: drop all topics and keys; the keys that remain are announced again. Returns the unsubscriber. */
  onOverlayReset(listener: () => void): () => void;
  /** No media is received before `frames` has started. Call it before the first await. */
  useFrames(frames: ReceivedFrames): void;
  /** Watches the decoded frames of the <video> that shows `stream`, to detect stalls. Returns the unsubscriber. */
  watch(video: HTMLVideoElement): () => void;
  /** How messages find their frames; reported to the server when it has changed. */
  reportMatch(method: MatchMethod): void;
  /** The report of the receiving peer connection, undefined while there is none. */
  getStats(): Promise<RTCStatsReport | undefined>;
  /** Describes this connection for a bug report, without secrets. Never rejects. */
  diagnostics(): Promise<Diagnostics>;
  /** Leaves the room. Idempotent. */
  close(): void;
}

export interface ViewerOptions {
  readonly room: RoomId;
  readonly page: PageConfig;
  /** Read each time the page joins. */
  readonly token: Pick<LinkToken, 'value'>;
}

/**
 * - `idle`         not broadcasting
 * - `connecting`   started, and no viewer can see it yet
 * - `live`         viewers can see it
 * - `reconnecting` was live; the connection is being repaired
 * - `superseded`   another page has taken the broadcast over; this page has stopped
 * - `failed`       given up, see `failure`
 */
export type PublisherStatus =
  | 'idle'
  | 'connecting'
  | 'live'
  | 'reconnecting'
  | 'superseded'
  | 'failed';

/** A part without a track is off; the broadcast goes on without it. */
export type PublisherMedia = SentTracks;

export interface PublisherConnection {
  readonly status: ReadonlySignal<PublisherStatus>;
  readonly failure: ReadonlySignal<Failure | undefined>;
  /** Why the broadcast does not go on air, after some seconds without it. */
  readonly diagnosis: ReadonlySignal<Diagnosis | undefined>;
  /** What is missing although the broadcast is live. */
  readonly limitation: ReadonlySignal<Limitation | undefined>;
  readonly room: ReadonlySignal<RoomView | undefined>;
  /**
   * Starts a broadcast with these tracks; after `superseded` or `failed` it takes the room back. The
   * tracks belong to the caller: the connection never stops them.
   */
  start(media: PublisherMedia): void;
  /**
   * Replaces the camera without an interruption (replaceTrack), in every status. With undefined the
   * broadcast goes on without video. A track that ends or is muted needs no call: viewers know at once.
   */
  setVideo(track: MediaStreamTrack | undefined): void;
  /** Sets or replaces the microphone; undefined switches it off. */
  setAudio(track: MediaStreamTrack | undefined): void;
  /**
   * Sends a message if the channel can take it now, and fills in its `seq`. @returns false where the
   * message was dropped: recent data matters more than complete data. @throws RangeError above
   * OVERLAY_MAX_BYTES
   */
  sendOverlay(message: OutgoingOverlayMessage): boolean;
  /**
   * Sets or deletes a key of the state, live or not; every viewer gets it in the end. @returns false
   * where the state is full. @throws RangeError above OVERLAY_MAX_BYTES
   */
  setOverlayState(message: KeyedMessage): boolean;
  /** Ends the broadcast for everybody. Resolves with the server's answer, or at once where it can't be reached. */
  stop(): Promise<void>;
  /** The report of the sending peer connection, undefined while there is none. */
  getStats(): Promise<RTCStatsReport | undefined>;
  /** Describes this connection for a bug report, without secrets. Never rejects. */
  diagnostics(): Promise<Diagnostics>;
  /** Leaves the room: the broadcast is interrupted, not ended. Idempotent. */
  close(): void;
}

export interface PublisherOptions {
  readonly room: RoomId;
  readonly page: PageConfig;
  /** Read each time the page publishes. */
  readonly token: Pick<LinkToken, 'value'>;
  /** Read each time the page publishes, and updated by the server's answers. */
  readonly ownership: Pick<RoomOwnership, 'secret' | 'proof' | 'store'>;
  readonly frames?: SentFrames;
}
