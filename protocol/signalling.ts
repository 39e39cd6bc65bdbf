/**
 * Every message between a page and the server, over Socket.IO. A page sends requests and the server
 * answers each with an ack; the server also sends pushes. The schemas build what they parse again,
 * field by field, so that no object made by a client reaches mediasoup.
 */
import type { types } from 'mediasoup-client';
import * as v from 'valibot';
import {
  MediaIdSchema,
  OwnershipProofSchema,
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
/** Rises with every takeover or republish of a room. */
const epoch = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const requestId = RequestIdSchema;

/** Messages in one `ingest` request. The server limits how many it accepts per second. */
export const INGEST_MAX_MESSAGES = 120;

const sessionGrant = {
  requestId,
  protocol,
  sessionId: SessionIdSchema,
  resumeSecret: SecretSchema,
} as const;

/**
 * What a publisher sends of one kind: `muted` while the system withholds it (a phone call, a privacy
 * switch, a minimised window), `off` while there is no camera, screen or microphone.
 */
const SourceStateSchema = v.picklist(['on', 'muted', 'off']);
export type SourceState = v.InferOutput<typeof SourceStateSchema>;

/** HTTP address to which a viewer's page posts its `join` before its socket is open. */
export const JOIN_PATH = '/api/join';

/**
 * HTTP address to which a page that gets no socket posts nothing: the answer is `true`, or a refusal
 * that names the reason.
 */
export const PROBE_PATH = '/api/probe';

/** Requests that a page sends. The server answers each with an ack that holds a Result. */
export const REQUESTS = {
  /** Viewer: first message on a new socket. Answer: Joined. */
  join: v.strictObject({
    requestId,
    protocol,
    room: RoomIdSchema,
    rtpCapabilities: RtpCapabilitiesSchema,
    /**
     * The page's DTLS parameters, if it knows them before it has the transport. Then the page needs
     * no `connectTransport`, and the server starts the consumers when DTLS is up.
     */
    dtlsParameters: v.optional(DtlsParametersSchema),
    token: v.optional(TokenSchema),
  }),
  /** Publisher: claims the room; first message on a new socket. Answer: Published. */
  publish: v.strictObject({
    requestId,
    protocol,
    room: RoomIdSchema,
    publisherSecret: v.optional(SecretSchema),
    /** The newest one that the page has for this room and secret. */
    ownershipProof: v.optional(OwnershipProofSchema),
    token: v.optional(TokenSchema),
    /** What the page's clock shows now, ms since 1970: programs may name frames by this clock. */
    clock: v.optional(v.pipe(v.number(), v.finite())),
  }),
  /** Viewer: binds a new socket to the session that `POST /api/join` created. Answer: Resumed. */
  attach: v.strictObject(sessionGrant),
  /** Continues a session on a new socket. Answer: Resumed. */
  resume: v.strictObject(sessionGrant),
  /** The page's DTLS parameters of a transport. Answer: nothing. (Socket.IO reserves the name `connect`.) */
  connectTransport: v.strictObject({
    requestId,
    transportId: MediaIdSchema,
    dtlsParameters: DtlsParametersSchema,
  }),
  /** Answer: IceRestarted. */
  restartIce: v.strictObject({ requestId, transportId: MediaIdSchema }),
  /** Replaces the session's transport by a new one. Answer: Renewed. */
  renewTransport: v.strictObject({ requestId }),
  /** Publisher: starts to send audio or video. Answer: Produced. */
  produce: v.strictObject({
    requestId,
    transportId: MediaIdSchema,
    kind: v.picklist(['audio', 'video']),
    rtpParameters: RtpParametersSchema,
  }),
  /** Publisher: opens its overlay channel. Answer: Produced. */
  produceData: v.strictObject({
    requestId,
    transportId: MediaIdSchema,
    sctpStreamParameters: SctpStreamParametersSchema,
  }),
  /** Publisher: stops sending audio. Answer: nothing. */
  closeProducer: v.strictObject({ requestId, producerId: MediaIdSchema }),
  /**
   * Publisher: the state of its sources, after it has made its producers on a new transport and after
   * each change. The first one on a transport makes the room live, also without video. Answer: nothing.
   */
  setSources: v.strictObject({ requestId, video: SourceStateSchema, audio: SourceStateSchema }),
  /** Publisher: the broadcast is over. Answer: nothing. */
  endBroadcast: v.strictObject({ requestId, epoch }),
  /** Viewer: the page's side of these consumers is set up, so the server may send. Answer: nothing. */
  resumeConsumers: v.strictObject({
    requestId,
    consumerIds: v.pipe(v.array(MediaIdSchema), v.maxLength(8)),
  }),
  /** Viewer: needs a key frame before it can show video. Answer: nothing. */
  requestKeyFrame: v.strictObject({ requestId }),
  /** Viewer: replaces all consumers, on the same transport. Answer: ViewerMedia. */
  renewConsumers: v.strictObject({ requestId }),
  /**
   * Viewer: what its page measured, for the metrics. `join`: how long joining took, counted once a
   * session. `match`: how its messages find their frames now. Answer: nothing.
   */
  report: v.strictObject({
    requestId,
    join: v.optional(JoinTraceSchema),
    match: v.optional(v.strictObject({ method: v.picklist(MATCH_METHODS) })),
  }),
  /**
   * Publisher, while live: sets or deletes keyed state. `keys`, if present, is the complete list of
   * the page's keys: the server deletes all others of the page. Answer: nothing.
   */
  setState: v.strictObject({
    requestId,
    keys: v.optional(v.pipe(v.array(StateKeySchema), v.maxLength(STATE_MAX_KEYS))),
    messages: v.pipe(v.array(KeyedMessageSchema), v.maxLength(STATE_MAX_BATCH)),
  }),
  /** Viewer: it has lost changes of the keyed state. Answer: StateSnapshot. */
  stateSnapshot: v.strictObject({ requestId }),
  /**
   * A program, first message on a new socket: lets this socket send `ingest`. `bearer` is the
   * publisher's secret or token. Answer: RoomView.
   */
  attachIngest: v.strictObject({
    requestId,
    protocol,
    room: RoomIdSchema,
    bearer: v.pipe(v.string(), v.maxLength(4_096)),
  }),
  /** Program: overlay messages, each parsed separately. Answer: IngestResult. */
  ingest: v.strictObject({
    requestId,
    messages: v.pipe(v.array(v.unknown()), v.minLength(1), v.maxLength(INGEST_MAX_MESSAGES)),
  }),
  /**
   * The page is closing. This interrupts a publisher's broadcast but does not end it, because the
   * page may be reloading. Answer: nothing.
   */
  leave: v.strictObject({ requestId }),
} as const;

export type RequestName = keyof typeof REQUESTS;
export type RequestOf<N extends RequestName> = v.InferOutput<(typeof REQUESTS)[N]>;

/**
 * mediasoup's parameters from our own server, which the page trusts: only checked to be an object.
 */
const fromServer = <T>() =>
  v.custom<T>((value) => typeof value === 'object' && value !== null && !Array.isArray(value));

export const RoomViewSchema = v.object({
  roomId: RoomIdSchema,
  status: v.picklist(['open', 'live', 'interrupted', 'ended', 'closed']),
  /** 0 before the first broadcast. */
  epoch,
  /** Number of viewers that watch now. */
  viewers: v.number(),
  /** What the publisher sends now; `off` while there is no broadcast. */
  video: SourceStateSchema,
  audio: SourceStateSchema,
  /**
   * Of an encoder that sends no key frame on request: the longest time between two of its last ones,
   * in ms. A viewer that needs one waits that long.
   */
  keyFrameIntervalMs: v.optional(v.number()),
  /** Only while `status` is `interrupted`: why, and for how many more ms the room waits. */
  interruption: v.optional(
    v.object({ reason: v.picklist(['publisher-lost', 'worker-lost']), remainingMs: v.number() }),
  ),
});
/** The public state of a room. Sent by the server. */
export type RoomView = v.InferOutput<typeof RoomViewSchema>;

const TransportSchema = v.object({
  id: MediaIdSchema,
  iceParameters: fromServer<types.IceParameters>(),
  iceCandidates: v.array(fromServer<types.IceCandidate>()),
  dtlsParameters: fromServer<types.DtlsParameters>(),
  sctpParameters: fromServer<types.SctpParameters>(),
});
/** What a page needs to create its side of a transport. Sent by the server. */
export type TransportDescription = v.InferOutput<typeof TransportSchema>;

/**
 * The data channels to a viewer: `page` forwards the publisher's channel; the server writes `state`
 * and `ingest` itself, and creates them when they are first needed.
 */
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
/**
 * Everything that a viewer should receive now, sent by the server. The page creates and closes
 * consumers until it matches.
 */
export type ViewerMedia = v.InferOutput<typeof ViewerMediaSchema>;

const SessionGrantSchema = v.object({ sessionId: SessionIdSchema, resumeSecret: SecretSchema });
/** Lets a page continue its session on a new socket. Sent by the server. */
export type SessionGrant = v.InferOutput<typeof SessionGrantSchema>;

const OverlaySnapshotSchema = v.object({
  /** The newest message of each topic of the publisher's channel, unless it has expired. */
  page: v.array(OverlayMessageSchema),
  /** The same for the messages of programs. */
  ingest: v.array(OverlayMessageSchema),
  state: StateSnapshotSchema,
});
/** The whole overlay at this moment, for a viewer. Sent by the server. */
export type OverlaySnapshot = v.InferOutput<typeof OverlaySnapshotSchema>;

const IngestResultSchema = v.object({
  accepted: v.number(),
  refused: v.array(
    v.object({
      /** Position in the request, from 1. */
      line: v.number(),
      code: v.custom<ErrorCode>(isErrorCode),
      message: v.string(),
    }),
  ),
});
/** How many messages of a program were accepted, and why others were refused. Sent by the server. */
export type IngestResult = v.InferOutput<typeof IngestResultSchema>;

const noValue = v.nullish(v.null());

const ResumedSchema = v.object({
  /** With a new resumeSecret: the one before is no longer valid. */
  session: SessionGrantSchema,
  room: RoomViewSchema,
  /** The session's transport if it still exists; null means that the page must renew it. */
  transportId: v.nullable(MediaIdSchema),
  /** Null for a publisher. */
  media: v.nullable(ViewerMediaSchema),
  /** Publisher: the ids of its producers that are still open. */
  producerIds: v.array(MediaIdSchema),
  /** Null for a publisher. */
  overlay: v.nullable(OverlaySnapshotSchema),
});

/** What the server answers to each request. */
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
    /** Absent where tokens decide who may publish. */
    publisherSecret: v.optional(SecretSchema),
    /** Absent where tokens decide, and for a room whose name already proves who owns it. */
    ownershipProof: v.optional(OwnershipProofSchema),
    transport: TransportSchema,
  }),
  attach: ResumedSchema,
  resume: ResumedSchema,
  connectTransport: noValue,
  restartIce: v.object({ iceParameters: fromServer<types.IceParameters>() }),
  renewTransport: v.object({
    transport: TransportSchema,
    media: v.nullable(ViewerMediaSchema),
    room: RoomViewSchema,
    overlay: v.nullable(OverlaySnapshotSchema),
  }),
  produce: v.object({ producerId: MediaIdSchema }),
  produceData: v.object({ producerId: MediaIdSchema }),
  closeProducer: noValue,
  setSources: noValue,
  endBroadcast: noValue,
  resumeConsumers: noValue,
  requestKeyFrame: noValue,
  renewConsumers: ViewerMediaSchema,
  report: noValue,
  setState: noValue,
  stateSnapshot: StateSnapshotSchema,
  attachIngest: RoomViewSchema,
  ingest: IngestResultSchema,
  leave: noValue,
} as const satisfies Record<RequestName, v.GenericSchema>;

export type AnswerOf<N extends RequestName> = v.InferOutput<(typeof ANSWERS)[N]>;

/**
 * Messages that the server sends without a request. One that is lost while the socket is down does no
 * harm: after every reconnection the page gets the full state in the answer.
 */
export const PUSHES = {
  /** The room's status, epoch or number of viewers changed. */
  roomChanged: RoomViewSchema,
  /** Viewer: what there is to receive has changed. */
  broadcastChanged: v.object({
    room: RoomViewSchema,
    media: ViewerMediaSchema,
    /** Only if there is a server channel that the viewer did not have before, else null. */
    overlay: v.nullable(OverlaySnapshotSchema),
  }),
  /** The server's side of the session's transport is closed (its worker died, or DTLS was closed). */
  transportGone: v.object({ transportId: MediaIdSchema }),
  /** Publisher: another page has taken over this broadcast. */
  superseded: v.object({ epoch }),
  /** Publisher: a proof that is valid for longer than the one before, which it replaces. */
  ownershipRenewed: v.object({ ownershipProof: OwnershipProofSchema }),
  /** Publisher: the server has ended the session and the broadcast; `code` is the reason. */
  sessionClosed: v.object({ code: v.custom<ErrorCode>(isErrorCode) }),
  /** The server stops soon: the page reconnects after `retryInMs` ms. */
  draining: v.object({ retryInMs: v.number() }),
} as const;

export type PushName = keyof typeof PUSHES;
export type PushOf<N extends PushName> = v.InferOutput<(typeof PUSHES)[N]>;

/** JSON that the server writes into every page, in the element #onecast-page. */
export const PageConfigSchema = v.object({
  protocol,
  /** The routers' capabilities, so that the page can load its Device before its socket is open. */
  routerRtpCapabilities: fromServer<types.RtpCapabilities>(),
  /** Whether entering a room needs a token. */
  tokens: v.boolean(),
  /** Whether pages of other sites may embed a room. */
  embedding: v.boolean(),
});
export type PageConfig = v.InferOutput<typeof PageConfigSchema>;
