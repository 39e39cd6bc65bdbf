/**
 * The timeouts and limits of the server, except those it shares with pages (protocol/). The unit is in
 * the name (Ms, S, Bytes, Bps, PerS; Max and Burst are counts, Share is a fraction), and the comment
 * gives the reason.
 */
export const LIMITS = {
  // Signalling
  /** The server notices a dead socket within interval + timeout: 7 s instead of Socket.IO's 45 s. */
  pingIntervalMs: 3_000,
  pingTimeoutMs: 4_000,
  /** After this the server closes a socket that has not finished its handshake. */
  connectTimeoutMs: 10_000,
  /** The largest legitimate message, a browser's RTP capabilities, is about 12 KiB. */
  signalMaxBytes: 64 * 1024,
  /**
   * Messages of one socket. A page sends five when it joins, and one or two a second while it
   * recovers its connection. More are refused; a page then closes its socket and waits.
   */
  messageBurst: 20,
  messagesPerS: 10,
  /**
   * Overlay messages of one socket (`setState`, `ingest`), counted separately. Higher than the rate
   * that a room accepts from programs (`ingestPerS`), so that a program that is slightly too fast gets
   * a refusal instead of losing its socket.
   */
  overlayRequestBurst: 160,
  overlayRequestsPerS: 80,
  /** This many refusals within the window close the socket: our pages stop after the first refusal. */
  violationsMax: 3,
  violationWindowMs: 10_000,
  /** Socket.IO packets of any kind, pongs included: well above what the messages above need. */
  packetBurst: 300,
  packetsPerS: 120,
  /**
   * A socket with more unsent data than this counts as one that does not read. The largest answer
   * goes to a viewer that joins a room with every overlay topic and all keys full: 640 KiB. A
   * `broadcastChanged` of the same size may follow at once.
   */
  signalBacklogBytes: 2 * 1024 * 1024,
  /** WebSocket fragments of one message. A browser sends one or a few. */
  messageFragmentsMax: 256,
  /**
   * Open sockets of one address (an IPv6 /64 counts as one address), and how many it may open within
   * 10 s. A school or a company may be one address, and all its pages reconnect within seconds of a
   * restart: 200 pages need two windows. For more, set MAX_SOCKETS_PER_ADDRESS and
   * MAX_CONNECTS_PER_ADDRESS.
   */
  socketsPerAddressMax: 200,
  connectsPerAddressMax: 100,
  /**
   * Per page (socket) that an address may have, so that MAX_SOCKETS_PER_ADDRESS raises all of them;
   * with 200 pages: 2,000 requests at once, which is a school class that opens a page of eight files,
   * and 200 a second, which is three programs that post each overlay message alone.
   */
  pageRequestBurst: 10,
  pageRequestsPerS: 1,
  /**
   * Requests beyond this wait for their turn: 20 at once, which is two pages with their files, then 400
   * a second, which is at most a fifth of the event loop. One takes up to half a millisecond, so 200 at
   * once would hold up others for a tenth of a second. The school class above has its files within
   * five seconds.
   */
  pagePaceBurst: 0.1,
  pagePacePerS: 2,
  /** Messages over all sockets of an address: a page sends five to join, one or two a second later. */
  pageMessageBurst: 10,
  pageMessagesPerS: 5,
  /**
   * Bytes of answers that an address may cause, over sockets and by the APIs. A page that joins costs
   * 12 KiB, and 640 KiB in the fullest room: making those takes the server some milliseconds each.
   */
  pageAnswerBurstBytes: 80 * 1024,
  pageAnswerBytesPerS: 10 * 1024,
  /** What may wait in the server for clients of one address that do not read: 31 MiB in all. */
  pageWaitingBytes: 160 * 1024,
  /**
   * HTTP connections of one address in addition to its sockets: two hundred pages that load at the same
   * moment, with six connections each. Behind a proxy: requests in progress.
   */
  pageConnectionsPerAddressMax: 1_200,
  /**
   * New connections of an address: the class above with its sockets at once, then 200 a second. A
   * connection costs a third of a millisecond even if nothing is requested over it.
   */
  pageConnectBurst: 7,
  pageConnectsPerS: 1,
  /**
   * An address that makes too many requests or connections is refused after this time, at no cost until
   * then: a client that waits for the answer can't go on at once.
   */
  refusalDelayMs: 1_000,
  /** How long an answer is kept for a page that repeats a request because its ack was lost. */
  answerMemoryMs: 60_000,
  /** Answers kept per session; the oldest is dropped first. A page has few open requests at a time. */
  answerMemoryMax: 64,

  // Tokens
  /** How far the clock of the token's issuer may differ from ours. */
  tokenToleranceS: 10,
  /** A token that expires later is refused: its `exp` is in milliseconds, or meant to last for ever. */
  tokenMaxAheadS: 366 * 24 * 3_600,

  // Sessions and rooms
  /** How long a session without socket and media is kept. Covers a lift, a tunnel, a short sleep. */
  sessionGraceMs: 45_000,
  /** Used resume secrets that a session remembers, to recognise a page that resumes with a copied one. */
  spentSecretsMax: 32,
  /** How long a room waits for its lost publisher before the broadcast counts as ended. */
  interruptedRoomMs: 120_000,
  /**
   * After this an empty room is deleted, and its name is free again. An ownership proof is valid for
   * exactly this time, so that no proof outlives the ownership that it proves. A publisher's page tries
   * as long to reach its server.
   */
  idleRoomMs: 600_000,
  /** The same for an empty room that never had a broadcast: nothing would be lost. */
  idleUnusedRoomMs: 60_000,
  /** How often a publisher's page gets a newer ownership proof. Shorter than `idleUnusedRoomMs`. */
  ownershipRenewMs: 30_000,
  /**
   * How often the server saves its running time, which measures the validity of proofs, and how far
   * ahead. After a crash the time goes on from there, so that it never goes back. A crash thus costs a
   * proof at most this much of its validity.
   */
  ownershipSaveMs: 5_000,
  ownershipSaveAheadMs: 10_000,
  /**
   * How long the code to continue on another device works: enough to fetch the other device, open the page
   * and type, and short for a code that lies on a screen.
   */
  deviceCodeMs: 600_000,
  /** A room with its router uses less than 100 KiB, in Node and its worker together. */
  roomsMax: 1_000,
  roomsPerAddressMax: 100,
  /**
   * The part of all rooms and sessions that only rooms that are or were live may use: nobody who opens
   * rooms without broadcasting keeps a broadcast's viewers out.
   */
  liveReserveShare: 0.3,
  /** A session without media uses 30 KiB in its worker and less than 60 KiB in Node: 1 GiB in all. */
  sessionsMax: 10_000,
  /** Sessions of an address, per socket that it may open: a reloaded page leaves its old session. */
  sessionsPerSocketMax: 2,
  /** Shortest interval between two pushes of the number of viewers. */
  viewerCountIntervalMs: 500,
  /**
   * Changes of a publisher's sources within this time are one push to everybody in the room, so that a
   * page can't make the server send to all viewers as often as it likes. Viewers must know within 2 s.
   */
  sourcesIntervalMs: 250,

  // Media
  /**
   * Consent (RFC 7675): without an answered check for this long, the worker reports ICE as
   * disconnected. mediasoup's minimum is 10; a phone that changes networks is back much earlier, by
   * ICE restart.
   */
  iceConsentTimeoutS: 20,
  /** How often the server reads the received bytes of a live publisher's transport. */
  livenessIntervalMs: 500,
  /** With nothing received for this long the publisher is lost. ICE checks alone come every 2.5 s. */
  publisherSilentMs: 3_000,
  /**
   * The same while it has no camera or microphone that gives anything: only ICE checks arrive, from
   * Chromium every 2.5 s and from Firefox every 4 to 6 s (RFC 7675), and two may be lost.
   */
  publisherIdleSilentMs: 14_000,
  /** DTLS that takes longer never completes. Counted from when there is something to send over it. */
  dtlsDeadlineMs: 15_000,
  /**
   * Media that is not up after this time is reported, once a transport. Over TCP it takes some round trips,
   * and a page gives a transport up after 8 s.
   */
  mediaDueMs: 6_000,
  /** How long a viewer's replaced transport stays open while the new one connects. */
  retiringTransportMs: 10_000,
  /**
   * Earliest time after its first frame at which a viewer gets the top simulcast layer. When many
   * viewers join, the key frames for the upper layers then come after those for joining.
   */
  upperLayerDelayMs: 3_000,
  /**
   * Merges the key-frame requests of viewers that join at the same time. It is about a fifth of the time
   * that a switch to screen sharing takes.
   */
  keyFrameRequestDelayMs: 500,
  /** Start value of a viewer's bandwidth estimate: the middle simulcast layer fits at once. */
  initialOutgoingBitrateBps: 1_500_000,
  /**
   * Video and audio of one publisher. The page's simulcast layers add up to 2.95 Mbit/s, plus
   * retransmissions. The server sends this limit to the browser, and measures what arrives.
   */
  publisherBitrateMaxBps: 4_000_000,
  /**
   * The same for an encoder (WHIP): people set OBS to 6 to 8 Mbit/s, and it ignores the hint. Changed by
   * MAX_ENCODER_KBPS.
   */
  encoderBitrateMaxBps: 12_000_000,
  /** Ended sessions of encoders that are remembered with their reason: 200 bytes each. */
  endedEncodersMax: 1_000,
  /** How often the bitrate of video and audio is measured. */
  bitrateCheckMs: 2_000,
  /** The same for the overlay: its messages are small and queue up for less time, so 5 s end a flood. */
  overlayBitrateCheckMs: 1_000,
  /** Times the limit: a higher bitrate is a strike. */
  bitrateTolerance: 1.5,
  /** This many strikes in a row are no burst: the server ends the session. */
  bitrateStrikesMax: 3,
  /** Times the limit: a higher bitrate ends the session at once. */
  bitrateGrossFactor: 5,
  /**
   * Mean size of a publisher's RTP packets. No sender of WebRTC exceeds the MTU of Ethernet, and the
   * worker keeps packets for retransmission by their number and not by their size.
   */
  packetMeanMaxBytes: 1_500,
  /**
   * Overlay messages at once, in addition to OVERLAY_MAX_PER_S: a connection that was blocked for
   * some seconds delivers them together. The page limits itself to a third of this.
   */
  overlayBurst: 180,
  /**
   * New transports, producers and consumers of one session: each costs its worker some work, and a
   * new producer costs work for every viewer of the room. Going live needs three; a page that recovers
   * its connection needs one a second.
   */
  mediaChangeBurst: 20,
  mediaChangesPerS: 1,
  /**
   * A consumer's score at or below which the viewer's connection counts as lossy (mediasoup's score:
   * 10 is no loss). It takes 20 % loss for a second, or 10 % for some seconds.
   */
  lossyScore: 9,
  /** Start value of a lossy connection's bandwidth estimate: room for the lowest layer, little more. */
  initialLossyEstimateBps: 250_000,
  /** How long that estimate is held, until the packets that have queued up on the connection are gone. */
  initialLossyEstimateMs: 3_000,
  /** With the system's default the worker loses a publisher's packets from about 300 viewers on. */
  socketBufferBytes: 4 * 1024 * 1024,
  /** The most that waits in the worker for a viewer that reads no data. */
  sctpSendBufferBytes: 256 * 1024,
  /** The most that a worker keeps of incomplete messages of one page; mediasoup's default is 5 MiB. */
  sctpReceiveWindowBytes: 256 * 1024,

  // Overlay (the limits of one message and of a room's keyed state are in protocol/)
  /** Messages of programs to one room: two for each frame of a camera. */
  ingestPerS: 60,
  /** At once: a batch of two seconds fits. A larger batch is refused as a whole. */
  ingestBurst: 120,
  /** One HTTP request: four messages of the largest size, or about a hundred boxes in small ones. */
  ingestRequestMaxBytes: 64 * 1024,
  /** How long a lost message is retransmitted to a viewer. Overlay data prefers fresh to complete. */
  ingestLifetimeMs: 500,
  /**
   * How far a program's times may be ahead of the present. A viewer waits 2 s for a frame, so that more
   * is never right; a clock that nobody synchronises is a few seconds off.
   */
  ingestAheadMaxMs: 10_000,
  /** How old the frame that a program names may be. A viewer remembers the last few seconds of frames. */
  ingestFrameAgeMaxMs: 60_000,
  /** How old a message that is no state may say it is. Nothing depends on it: one that says more is taken for this old. */
  ingestAgeMaxMs: 48 * 3_600_000,
  /** First interval at which the current revision is announced again after a change; it then doubles. */
  stateReannounceMinMs: 500,
  /**
   * Longest such interval, so also the longest time until a viewer notices that it lost the last
   * change. An announcement costs 20 µs of a worker.
   */
  stateReannounceMaxMs: 15_000,

  // Workers
  /** How often the server sends each worker a request to see that it answers. */
  watchdogIntervalMs: 1_500,
  /** A worker answers in about 1 ms. After `watchdogMissesMax` missed deadlines in a row it is replaced. */
  watchdogDeadlineMs: 1_200,
  watchdogMissesMax: 2,
  /**
   * A worker starts in 0.1 s; on a machine that does ten times too much, within some seconds. One that
   * has not started after this time is killed.
   */
  workerStartMs: 10_000,
  /** A worker that ends within this time after its start counts as one that can't stay up. */
  workerShortLifeMs: 10_000,
  /**
   * The worker that replaces the first such worker must live this long until the server is ready again,
   * and the next ones must live `workerShortLifeMs`: so readiness does not change with every death.
   */
  workerSettleMs: 1_000,
  /** So many in a row are reported as an alarm. */
  workerLossesMax: 3,
  /**
   * The first worker that ends is replaced at once, the next after this pause, which doubles up to the
   * maximum: a cause such as missing memory needs time, and a start costs processor time.
   */
  respawnMinMs: 100,
  respawnMaxMs: 10_000,
  /** While every worker is being replaced (0.1 s), a request waits this long for one, then is refused. */
  workerWaitMs: 2_000,

  // Fan-out
  /**
   * A room spreads to another worker when its workers use more than this share of a core. That is
   * below the load at which delay grows, and leaves room for viewers that join before the next
   * measurement.
   */
  workerBusyShare: 0.6,
  /** The other worker's load must be lower by this share: a pipe costs 5 to 10 % of what it carries. */
  spreadGainShare: 0.1,
  /** Assumed cost of a transport until the worker's own load shows it, and the bounds of the measured cost. */
  transportCostInitialCores: 0.002,
  transportCostMinCores: 0.0005,
  transportCostMaxCores: 0.01,
  /** An answer takes about 1 ms. If three in a row are slower than this, the worker is overloaded … */
  slowAnswerMs: 100,
  /** … and this is added to its load. */
  slowAnswerLoadShare: 0.5,
  /** After this an additional router without viewers is closed. Viewers that reload still find it. */
  emptyRouterMs: 10_000,
  /** UDP ports on loopback for pipes between workers. They are separate from the media ports. */
  pipePortMin: 20_000,
  pipePortMax: 29_999,

  /** The check whether batched sending works here takes some ms. After this the server starts without it. */
  egressProbeMs: 5_000,

  // Log
  /**
   * Bytes of log lines that wait while the log can't be written; further lines are dropped. It holds
   * about 5,000 lines: more than a minute of a busy server.
   */
  logBacklogBytes: 1024 * 1024,
  /** Time until the next try when a write has failed, for example because the disk is full. */
  logRetryMs: 1_000,
  /** The server waits this long for its last log lines to be written before it ends. */
  logFlushMs: 500,
  /**
   * Lines of one kind (a message and its error code) that are written at once, and then per second.
   * The rest is summarised in one line every `logSummaryMs`. Strangers cause about 25 kinds of lines, so
   * however many they are, they cause about 25 lines a second: 0.3 GB a day.
   */
  logKindBurst: 20,
  logKindPerS: 1,
  logSummaryMs: 10_000,

  // Addresses and ports
  /**
   * A port that is taken at the start is tried again for this time: an outgoing connection goes away, and a
   * server that is being replaced ends within `shutdownDeadlineMs`, mostly within half a second.
   */
  portWaitMs: 3_000,
  /** How often the server looks whether the addresses of its machine have changed, to log it. */
  addressCheckMs: 5_000,

  // Process
  /** On SIGTERM the server sends this to the pages: they reconnect after this time. */
  drainRetryMs: 500,
  /** Time between that message and closing, so that it can leave. */
  drainNoticeMs: 200,
  /** After this the process exits even if closing has not finished. */
  shutdownDeadlineMs: 4_000,
  /** A further Ctrl+C ends the server at once, if it comes later than this: earlier ones are copies. */
  repeatedSignalMs: 500,
  /** How often the server reads the traffic of transports, and of how many at most each time. */
  trafficIntervalMs: 1_000,
  trafficReadsMax: 50,
  /** How often file descriptors are counted (takes some ms with ten thousand open). */
  descriptorCheckMs: 10_000,
  /** The server logs a warning when it uses more than this share of the descriptors it may open. */
  descriptorAlarmShare: 0.7,
  /** The metrics leave out a media worker that has not answered within this time. */
  scrapeDeadlineMs: 1_000,
  /** Only a few monitoring programs read the metrics, each over one connection. */
  metricsConnectionsMax: 32,
  /** Twice the sessions: a page has its socket and, for a moment, the files that it loads. */
  httpConnectionsMax: 20_000,
  /** Requests that wait on their connection for the answer before them. Browsers send none so early. */
  pipelinedRequestsMax: 4,
  /**
   * A client that has data waiting must read at this rate, in every such window: slower than any
   * mobile network, and the largest answer takes 3 min. How often the server looks.
   */
  readingBytesPerS: 4 * 1024,
  readingWindowMs: 10_000,
  readingCheckMs: 1_000,
  /** A browser's headers are 1 to 2 KiB; cookies of other services on the same host add to that. */
  headersMaxBytes: 16 * 1024,
  /** How often Node checks the two timeouts below; its default of 30 s would triple them. */
  httpCheckIntervalMs: 2_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
} as const;

/** Tests pass other values. */
export type Limits = { readonly [K in keyof typeof LIMITS]: number };
