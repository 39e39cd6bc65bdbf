/**
 * Every message between a page and the server. The schemas parse what a client sent, field by
 * field, so that no object of a client's making ever reaches mediasoup.
 */
import type { types } from 'mediasoup-client';
import * as v from 'valibot';
import {
  MediaIdSchema,
  RequestIdSchema,
  RoomIdSchema,
  SecretSchema,
  SessionIdSchema,
  TokenSchema,
} from './ids.ts';
import {
  DtlsParametersSchema,
  RtpCapabilitiesSchema,
  RtpParametersSchema,
  SctpStreamParametersSchema,
} from './media-schemas.ts';
import { type ErrorCode, isErrorCode } from './errors.ts';
import { JoinTraceSchema } from './join-trace.ts';
import { MATCH_METHODS, OverlayMessageSchema } from './overlay.ts';
import {
  KeyedMessageSchema,
  STATE_MAX_BATCH,
  STATE_MAX_KEYS,
  StateKeySchema,
  StateSnapshotSchema,
} from './overlay-state.ts';

const protocol = v.pipe(v.number(), v.safeInteger());
const epoch = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const requestId = RequestIdSchema;

/** Messages in one `feed`; how many a second is the server's to say. */
export const INGEST_MAX_MESSAGES = 120;

const grant = {
  requestId,
  protocol,
  sessionId: SessionIdSchema,
  resumeSecret: SecretSchema,
} as const;

/** Where a viewer's page posts its `join` ahead of its socket. */
export const JOIN_PATH = '/api/join';

/** Requests of a page, each answered by an ack with a Result. */
export const REQUESTS = {
  /** Viewer: first message on a new socket. Answer: Joined. */
  join: v.strictObject({
    requestId,
    protocol,
    room: RoomIdSchema,
    rtpCapabilities: RtpCapabilitiesSchema,
    /**
     * The page's side of the transport, where it is known beforehand: connectTransport is not needed
     * then, and the consumers begin by themselves when DTLS is up.
     */
    dtlsParameters: v.optional(DtlsParametersSchema),
    token: v.optional(TokenSchema),
  }),
  /** Publisher: claims the room. Answer: Published. */
  publish: v.strictObject({
    requestId,
    protocol,
    room: RoomIdSchema,
    publisherSecret: v.optional(SecretSchema),
    token: v.optional(TokenSchema),
  }),
  /** A socket for the session that was joined ahead of it (`POST /api/join`). Answer: Resumed. */
  attach: v.strictObject(grant),
  /** Takes a session up again on a new socket. Answer: Resumed. */
  resume: v.strictObject(grant),
  /** The page's side of a transport. Answer: nothing. (`connect` itself is Socket.IO's own.) */
  connectTransport: v.strictObject({
    requestId,
    transportId: MediaIdSchema,
    dtlsParameters: DtlsParametersSchema,
  }),
  /** Answer: IceRestarted. */
  restartIce: v.strictObject({ requestId, transportId: MediaIdSchema }),
  /** A new transport for the same session; the old one is closed. Answer: Renewed. */
  renewTransport: v.strictObject({ requestId }),
  /** Publisher. Answer: Produced. */
  produce: v.strictObject({
    requestId,
    transportId: MediaIdSchema,
    kind: v.picklist(['audio', 'video']),
    rtpParameters: RtpParametersSchema,
  }),
  /** Publisher. Answer: Produced. */
  produceData: v.strictObject({
    requestId,
    transportId: MediaIdSchema,
    sctpStreamParameters: SctpStreamParametersSchema,
  }),
  /** Publisher: microphone off. Answer: nothing. */
  closeProducer: v.strictObject({ requestId, producerId: MediaIdSchema }),
  /** Publisher: the broadcast is over. Answer: nothing. */
  endBroadcast: v.strictObject({ requestId, epoch }),
  /** Viewer: its side of these consumers is set up. Answer: nothing. */
  resumeConsumers: v.strictObject({
    requestId,
    consumerIds: v.pipe(v.array(MediaIdSchema), v.maxLength(8)),
  }),
  /** Viewer: the picture stands still. Answer: nothing. */
  requestKeyFrame: v.strictObject({ requestId }),
  /** Viewer: new consumers on the same transport. Answer: ViewerMedia. */
  renewConsumers: v.strictObject({ requestId }),
  /** Viewer: how long joining took, for the metrics; counted once a session. Answer: nothing. */
  reportJoin: v.strictObject({ requestId, ...JoinTraceSchema.entries }),
  /**
   * Publisher, on air: state that survives. With `keys` the page holds these and no others. Answer:
   * nothing.
   */
  setState: v.strictObject({
    requestId,
    keys: v.optional(v.pipe(v.array(StateKeySchema), v.maxLength(STATE_MAX_KEYS))),
    messages: v.pipe(v.array(KeyedMessageSchema), v.maxLength(STATE_MAX_BATCH)),
  }),
  /** Viewer: it has lost changes of the state. Answer: StateSnapshot. */
  stateSnapshot: v.strictObject({ requestId }),
  /** Viewer: how its messages find their frames now. For the metrics. Answer: nothing. */
  tellMatch: v.strictObject({ requestId, method: v.picklist(MATCH_METHODS) }),
  /** A program beside the publisher's page: makes the socket one that may `feed`. Answer: RoomView. */
  attachIngest: v.strictObject({
    requestId,
    protocol,
    room: RoomIdSchema,
    bearer: v.pipe(v.string(), v.maxLength(4_096)),
  }),
  /** Overlay messages of such a program, each parsed by itself. Answer: FeedResult. */
  ingest: v.strictObject({
    requestId,
    messages: v.pipe(v.array(v.unknown()), v.minLength(1), v.maxLength(INGEST_MAX_MESSAGES)),
  }),
  /**
   * The page goes away. A publisher's broadcast is interrupted by it, not ended: the page may be
   * one that is being reloaded. Answer: nothing.
   */
  leave: v.strictObject({ requestId }),
} as const;

export type RequestName = keyof typeof REQUESTS;
export type RequestOf<N extends RequestName> = v.InferOutput<(typeof REQUESTS)[N]>;

/** mediasoup's parameters come from our own server: checked to be objects, typed from there on. */
const fromServer = <T>() =>
  v.custom<T>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));

export const RoomViewSchema = v.object({
  roomId: RoomIdSchema,
  status: v.picklist(['open', 'live', 'interrupted', 'ended', 'closed']),
  /** Rises with every takeover or republish; 0 before the first broadcast. */
  epoch,
  /** Viewers watching now. */
  viewers: v.number(),
  /** Only while interrupted. */
  interruption: v.optional(
    v.object({ reason: v.picklist(['publisher-lost', 'worker-lost']), remainingMs: v.number() }),
  ),
});
/** What a page may know of a room. */
export type RoomView = v.InferOutput<typeof RoomViewSchema>;

const TransportSchema = v.object({
  id: MediaIdSchema,
  iceParameters: fromServer<types.IceParameters>(),
  iceCandidates: v.array(fromServer<types.IceCandidate>()),
  dtlsParameters: fromServer<types.DtlsParameters>(),
  sctpParameters: fromServer<types.SctpParameters>(),
});
export type TransportDescription = v.InferOutput<typeof TransportSchema>;

/** `page`: the publisher's own. `state` and `outside`: the server's, made when first needed. */
const DataChannelNameSchema = v.picklist(['page', 'state', 'ingest']);
export type DataChannelName = v.InferOutput<typeof DataChannelNameSchema>;

export const ViewerMediaSchema = v.object({
  epoch,
  consumers: v.array(
    v.object({
      id: MediaIdSchema,
      producerId: MediaIdSchema,
      kind: v.picklist(['audio', 'video']),
      rtpParameters: fromServer<types.RtpParameters>(),
    }),
  ),
  data: v.array(
    v.object({
      channel: DataChannelNameSchema,
      id: MediaIdSchema,
      dataProducerId: MediaIdSchema,
      sctpStreamParameters: fromServer<types.SctpStreamParameters>(),
    }),
  ),
});
/** Everything a viewer should be receiving now; the page makes what it has match it. */
export type ViewerMedia = v.InferOutput<typeof ViewerMediaSchema>;

const SessionGrantSchema = v.object({ sessionId: SessionIdSchema, resumeSecret: SecretSchema });
export type SessionGrant = v.InferOutput<typeof SessionGrantSchema>;

const OverlaySnapshotSchema = v.object({
  /** The newest message of each topic that still stands, of the page's channel. */
  page: v.array(OverlayMessageSchema),
  /** The same of programs beside it, numbered by the server. */
  ingest: v.array(OverlayMessageSchema),
  state: StateSnapshotSchema,
});
/** The overlay as it is now. */
export type OverlaySnapshot = v.InferOutput<typeof OverlaySnapshotSchema>;

const IngestResultSchema = v.object({
  accepted: v.number(),
  refused: v.array(
    v.object({
      /** From 1, as sent. */
      line: v.number(),
      code: v.custom<ErrorCode>(isErrorCode),
      message: v.string(),
    }),
  ),
});
/** What became of messages from outside. */
export type IngestResult = v.InferOutput<typeof IngestResultSchema>;

const nothing = v.nullish(v.null());

const ResumedSchema = v.object({
  /** Rotated: the one used before is worth nothing now. */
  session: SessionGrantSchema,
  room: RoomViewSchema,
  /** The session's transport as the server still has it, or null where media must be renewed. */
  transportId: v.nullable(MediaIdSchema),
  /** Viewer: what to receive. Publisher: null. */
  media: v.nullable(ViewerMediaSchema),
  /** Publisher: the ids of its producers that still live. */
  producerIds: v.array(MediaIdSchema),
  /** Viewer's; null for a publisher. */
  overlay: v.nullable(OverlaySnapshotSchema),
});

export const ANSWERS = {
  join: v.object({
    session: SessionGrantSchema,
    room: RoomViewSchema,
    transport: TransportSchema,
    media: ViewerMediaSchema,
    overlay: OverlaySnapshotSchema,
  }),
  publish: v.object({
    session: SessionGrantSchema,
    room: RoomViewSchema,
    epoch,
    /** Absent where tokens decide who publishes. */
    publisherSecret: v.optional(SecretSchema),
    transport: TransportSchema,
  }),
  attach: ResumedSchema,
  resume: ResumedSchema,
  connectTransport: nothing,
  restartIce: v.object({ iceParameters: fromServer<types.IceParameters>() }),
  renewTransport: v.object({
    transport: TransportSchema,
    media: v.nullable(ViewerMediaSchema),
    room: RoomViewSchema,
    overlay: v.nullable(OverlaySnapshotSchema),
  }),
  produce: v.object({ producerId: MediaIdSchema }),
  produceData: v.object({ producerId: MediaIdSchema }),
  closeProducer: nothing,
  endBroadcast: nothing,
  resumeConsumers: nothing,
  requestKeyFrame: nothing,
  renewConsumers: ViewerMediaSchema,
  reportJoin: nothing,
  setState: nothing,
  stateSnapshot: StateSnapshotSchema,
  tellMatch: nothing,
  attachIngest: RoomViewSchema,
  ingest: IngestResultSchema,
  leave: nothing,
} as const satisfies Record<RequestName, v.GenericSchema>;

export type AnswerOf<N extends RequestName> = v.InferOutput<(typeof ANSWERS)[N]>;

/** Server to page, unasked. Hints: after every reconnection the page takes a full snapshot. */
export const PUSHES = {
  /** The room's status, epoch or number of viewers changed. */
  roomChanged: RoomViewSchema,
  /** Viewer: there is something new to receive. */
  broadcastChanged: v.object({
    room: RoomViewSchema,
    media: ViewerMediaSchema,
    /** Where there is a channel of the server's that was not there before, else null. */
    overlay: v.nullable(OverlaySnapshotSchema),
  }),
  /** The session's transport is gone on the server (its worker died, DTLS closed). */
  transportGone: v.object({ transportId: MediaIdSchema }),
  /** Publisher: a newer publisher of this room is ready; this page is out. */
  superseded: v.object({ epoch }),
  /** Publisher: the server has ended its session and the broadcast, and why. */
  sessionClosed: v.object({ code: v.custom<ErrorCode>(isErrorCode) }),
  /** The server stops soon: reconnect after `retryInMs`. */
  draining: v.object({ retryInMs: v.number() }),
} as const;

export type PushName = keyof typeof PUSHES;
export type PushOf<N extends PushName> = v.InferOutput<(typeof PUSHES)[N]>;

/** What the server writes into the served page, read from #onecast-page. */
export const PageConfigSchema = v.object({
  protocol,
  /** The routers' capabilities, so that the page's Device is loaded before its socket is up. */
  routerRtpCapabilities: fromServer<types.RtpCapabilities>(),
  /** Whether a room is entered with a token only. */
  tokens: v.boolean(),
  /** Whether pages of other sites may show a room. */
  embedding: v.boolean(),
});
export type PageConfig = v.InferOutput<typeof PageConfigSchema>;
