/** Every timeout and cap, unit in the name, its reason beside it. */
export const LIMITS = {
  // Signalling
  /** A dead socket is noticed within interval + timeout: 7 s instead of Socket.IO's 45 s. */
  pingIntervalMs: 3_000,
  pingTimeoutMs: 4_000,
  /** A socket that does not finish its handshake. */
  connectTimeoutMs: 10_000,
  /** The largest honest message, RTP capabilities of a browser, is about 12 KiB. */
  signalMaxBytes: 64 * 1024,
  /**
   * Messages of one socket. A page sends five when it joins and one or two a second while a line is
   * being mended. What is beyond is refused; a page then closes its socket and waits.
   */
  messageBurst: 20,
  messagesPerS: 10,
  /**
   * Messages of one socket that carry overlay (`setState`, `feed`), apart from the others. Above what
   * a room takes of programs, so that one that is a little too fast is told and not cut.
   */
  overlayRequestBurst: 160,
  overlayRequestsPerS: 80,
  /** So many refusals within so long and the socket is cut: no page goes on after the first. */
  violationsMax: 3,
  violationWindowMs: 10_000,
  /** Packets of any kind, answers to pings among them: well above what those messages need. */
  packetBurst: 300,
  packetsPerS: 120,
  /**
   * What may wait to be sent to a socket before it counts as one that does not read. The largest
   * answer, to a page that joins with every topic of the overlay and all keys full, is 640 KiB, and
   * a change of what there is to receive may follow at once with as much.
   */
  signalBacklogBytes: 2 * 1024 * 1024,
  /** A browser sends a message in one piece, or in a few. */
  messageFragmentsMax: 256,
  /**
   * Sockets of one address (an IPv6 /64 counts as one), and how many it may open within 10 s. A
   * school or a company is one address, and comes back within seconds of a restart: 200 pages need
   * two windows. Larger ones set MAX_SOCKETS_PER_ADDRESS and MAX_CONNECTS_PER_ADDRESS.
   */
  socketsPerAddressMax: 200,
  connectsPerAddressMax: 100,
  /** An answer is remembered so long, for a page that repeats a request whose ack was lost. */
  answerMemoryMs: 60_000,
  /** Answers remembered per session; the oldest goes first. A page has at most a few under way. */
  answerMemoryMax: 64,

  // Tokens
  /** How far the clock of the one who signs a token may be from ours. */
  tokenToleranceS: 10,
  /** A token that ends later is refused: its `exp` was written in milliseconds, or has no end. */
  tokenMaxAheadS: 366 * 24 * 3_600,

  // Sessions and rooms
  /** How long a session outlives both its socket and its media. Covers a lift, a tunnel, a nap. */
  sessionGraceMs: 45_000,
  /** Resume secrets remembered after their time, so that a copy of one is known for what it is. */
  spentSecretsMax: 32,
  /** How long a room waits for its lost publisher before it says that the broadcast has ended. */
  interruptedRoomMs: 120_000,
  /** A room nobody is in is forgotten, and its name is free again. */
  idleRoomMs: 600_000,
  /** One in which nobody has been on air holds nothing that anyone would miss. */
  idleUnusedRoomMs: 60_000,
  /** A room with its router takes less than 100 KiB, in Node and its worker together. */
  roomsMax: 1_000,
  roomsPerAddressMax: 100,
  /** One without media takes 30 KiB in its worker and less than 60 KiB in Node: 1 GiB at most. */
  sessionsMax: 10_000,
  /** Sessions of an address for each socket that it may have: reloaded pages leave some behind. */
  sessionsPerSocketMax: 2,
  /** Changes of the number of viewers are told at most so often. */
  viewerCountPushMs: 500,

  // Media
  /**
   * Consent (RFC 7675): the worker calls ICE disconnected after so long without an answered check.
   * 10 is mediasoup's minimum; a phone that changes networks is back by ICE restart well before.
   */
  iceConsentTimeoutS: 20,
  /** A live publisher's transport is asked so often for what has arrived. */
  livenessIntervalMs: 500,
  /** Nothing arrived for so long: the publisher is lost. ICE checks alone come every 2.5 s. */
  publisherSilentMs: 3_000,
  /** DTLS that is not up by then never will be. Counted from when there is something to send over it. */
  dtlsDeadlineMs: 15_000,
  /** A replaced transport of a viewer lives on so long while the new one comes up. */
  retiringTransportMs: 10_000,
  /**
   * A viewer is shown the top simulcast layer so long after its first picture at the earliest: the
   * key frames for that come after those for the rush of viewers, not among them.
   */
  upperLayerDelayMs: 3_000,
  /** Merges the key-frame requests of viewers that join together; about a fifth of a screen switch. */
  keyFrameRequestDelayMs: 500,
  /** Where the estimate of a viewer's line starts: the middle simulcast layer fits at once. */
  initialOutgoingBitrateBps: 1_500_000,
  /**
   * All that a publisher may send of picture and sound; its page's simulcast layers are 2.95 Mbit/s
   * together, and lost packets are sent again. Its browser is told, and measured.
   */
  publisherBitrateMaxBps: 4_000_000,
  /** Over tolerance so many times in a row is no burst; a gross excess need not be seen twice. */
  bitrateCheckMs: 2_000,
  /** The overlay is small messages, which pile up for less long: a flood ends within 5 s. */
  overlayBitrateCheckMs: 1_000,
  bitrateTolerance: 1.5,
  bitrateStrikesMax: 3,
  bitrateGrossFactor: 5,
  /**
   * Overlay messages at once, on top of OVERLAY_MAX_PER_S: what a line that stood still for some
   * seconds delivers in one go. The page keeps to a third of it.
   */
  overlayBurst: 180,
  /**
   * New transports, producers and consumers of one session: each costs its worker, and a new producer
   * every viewer of the room. Going on air takes three, a line that is being mended one a second.
   */
  mediaChangeBurst: 20,
  mediaChangesPerS: 1,
  /**
   * A viewer's line is in trouble at this score of the worker's (10: nothing lost). It takes a fifth
   * of the packets lost for a second, or a tenth for some seconds, to get there.
   */
  lossyScore: 9,
  /** The estimate of such a line starts so low that it holds the lowest layer and little more … */
  initialLossyEstimateBps: 250_000,
  /** … and may rise after this: what has piled up on the line is gone by then. */
  initialLossyEstimateMs: 3_000,
  /** The default drops a publisher's packets from some 300 viewers on. */
  socketBufferBytes: 4 * 1024 * 1024,
  /** A viewer that reads no data costs at most this. */
  sctpSendBufferBytes: 256 * 1024,
  /** What a worker keeps of messages that have not arrived in full; the default is 5 MiB a page. */
  sctpReceiveWindowBytes: 256 * 1024,

  // Overlay (what one message and a room's state may hold stands in protocol/)
  /** What programs send to one room: twice a camera's frames, and a page's own channel. */
  ingestPerS: 60,
  /** At once, so that a batch of two seconds fits. Larger batches are refused whole. */
  ingestBurst: 120,
  /** One request: four messages of the largest size, or some hundred boxes in many. */
  ingestRequestMaxBytes: 64 * 1024,
  /** Fresh beats complete: a lost message is sent to a viewer again for so long, then forgotten. */
  ingestLifetimeMs: 500,
  /** After a change of the state word of its number is repeated after so long, then ever later. */
  stateReannounceMinMs: 500,
  /** The latest that a viewer who has lost the last change hears of it: 20 µs of a worker each. */
  stateReannounceMaxMs: 15_000,

  // Workers
  watchdogIntervalMs: 1_500,
  /** A worker answers in about a millisecond; two missed deadlines in a row and it is replaced. */
  watchdogDeadlineMs: 1_200,
  watchdogMisses: 2,
  /** A worker that dies while it starts is tried again after this, doubled up to the maximum. */
  respawnMinMs: 100,
  respawnMaxMs: 5_000,
  /** While every worker is being replaced (0.1 s), who asks for one waits so long before it is refused. */
  workerWaitMs: 2_000,

  // Fan-out
  /**
   * A room spreads to a further worker when the ones it is on are busier than this share of a core:
   * short of where delay begins to grow, and with room for those who come before the next measure.
   */
  workerBusyShare: 0.6,
  /** So much less busy a further worker must be: a pipe costs 5 to 10 % of what it feeds. */
  spreadGainShare: 0.1,
  /** What a transport is taken to cost, in cores, until a worker has shown it; and the bounds of that. */
  transportCostGuess: 0.002,
  transportCostMin: 0.0005,
  transportCostMax: 0.01,
  /** Three answers in a row slower than this, where one takes a millisecond: the worker is at its end. */
  slowAnswerMs: 100,
  slowAnswerShare: 0.5,
  /** A further router that nobody is on is closed after this: viewers who reload find it. */
  emptyRouterMs: 10_000,
  /** UDP ports on loopback for pipes between workers, apart from the media ports. */
  pipePortMin: 20_000,
  pipePortMax: 29_999,

  /** Whether batched sending works here is known in some ms; the server starts without it else. */
  egressProbeMs: 5_000,

  // Process
  /** What pages are told on SIGTERM: come back after this. */
  drainRetryMs: 500,
  /** Between telling the pages and closing: lets the message leave. */
  drainNoticeMs: 200,
  /** Past this, closing is given up and the process exits. */
  shutdownDeadlineMs: 4_000,
  /** How often transports are asked for what has flowed, and how many of all at most each time. */
  trafficIntervalMs: 1_000,
  trafficAskedMax: 50,
  /** File descriptors are counted so often (some milliseconds where there are ten thousand). */
  descriptorCheckMs: 10_000,
  /** From this share of what a process may open on it is said in the log. */
  descriptorAlarmShare: 0.7,
  /** A media worker that has not answered by then is left out of the metrics, not waited for. */
  scrapeDeadlineMs: 1_000,
  /** Who watches the server is a few programs; each asks over one connection. */
  metricsMaxConnections: 32,
  /** Twice the sessions: a page has its socket, and for a moment what it loads. */
  httpConnectionsMax: 20_000,
  /** Headers of an honest browser take 1 to 2 KiB, cookies of others on the same host more. */
  headersMaxBytes: 16 * 1024,
  /** How often the two deadlines below are looked at; Node's own 30 s would triple them. */
  httpCheckIntervalMs: 2_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 15_000,
} as const;

export type Limits = { readonly [K in keyof typeof LIMITS]: number };
