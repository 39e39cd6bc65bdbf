/**
 * Parses an RTCStatsReport. The browser is not trusted: fields differ between browsers, and each one
 * may be missing or of another type. Source of the field names: W3C "Identifiers for WebRTC's
 * Statistics API".
 */

/** An `inbound-rtp` or `outbound-rtp` entry. Counters are totals since the stream began. */
export interface RtpStream {
  readonly id: string;
  /** Sending simulcast, each layer is a stream with its own SSRC. */
  readonly ssrc: number | undefined;
  readonly kind: 'audio' | 'video' | undefined;
  /** False for a simulcast layer that the encoder does not send. */
  readonly active: boolean;
  /** When the browser read the counters, ms. */
  readonly timestampMs: number;
  /** RTP payload and headers. */
  readonly bytes: number;
  readonly packets: number;
  /** Inbound only (outbound: 0). It falls when a packet that was counted as lost arrives late. */
  readonly packetsLost: number;
  /** Video frames encoded (outbound) or decoded (inbound). */
  readonly frames: number;
  readonly framesDropped: number | undefined;
  readonly framesPerSecond: number | undefined;
  /** Pixels. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** Without the kind: `VP8`, `opus`. */
  readonly codec: string | undefined;
}

/** A `remote-inbound-rtp` entry: what the receiver reported about one of our outbound streams. */
export interface ReceiverReport {
  /** The `id` of the outbound stream. Not every browser gives it; the SSRC is the other way to match. */
  readonly streamId: string | undefined;
  readonly ssrc: number | undefined;
  readonly kind: 'audio' | 'video' | undefined;
  /** Of the last report interval, 0 to 1. */
  readonly fractionLost: number | undefined;
  readonly roundTripMs: number | undefined;
}

/** A `candidate-pair` entry: one ICE path between this page and the server. */
export interface CandidatePair {
  readonly id: string;
  readonly bytesReceived: number;
  /** Answers to this page's connectivity checks (STUN). */
  readonly responsesReceived: number;
  /** Of the last connectivity check. */
  readonly roundTripMs: number | undefined;
  /** Nominated by ICE, and its last check succeeded. */
  readonly nominated: boolean;
}

export interface ParsedStats {
  /** Without mediasoup-client's probator, a stream that only serves bandwidth estimation. */
  readonly inbound: readonly RtpStream[];
  readonly outbound: readonly RtpStream[];
  readonly receiverReports: readonly ReceiverReport[];
  readonly candidatePairs: readonly CandidatePair[];
  /** The path in use: named by the transport entry; Firefox has none and marks the pair itself. */
  readonly selectedPair: CandidatePair | undefined;
}

type Entry = Readonly<Record<string, unknown>>;

/** Never throws. An `undefined` report gives empty lists. */
export function parseStatsReport(report: RTCStatsReport | undefined): ParsedStats {
  const entries = new Map<string, Entry>();
  report?.forEach((entry: unknown, id) => {
    if (typeof entry === 'object' && entry !== null) entries.set(id, { ...entry });
  });
  const ofType = (type: string) => [...entries].filter(([, entry]) => entry['type'] === type);
  const streams = (type: 'inbound-rtp' | 'outbound-rtp') =>
    ofType(type)
      .filter(([, entry]) => entry['mid'] !== 'probator')
      .map(([id, entry]) => parseStream(id, entry, entries));
  const pairs = ofType('candidate-pair');
  const candidatePairs = pairs.map(([id, entry]) => parsePair(id, entry));
  const selectedId =
    text(ofType('transport')[0]?.[1]['selectedCandidatePairId']) ??
    pairs.find(([, entry]) => entry['selected'] === true)?.[0];
  return {
    inbound: streams('inbound-rtp'),
    outbound: streams('outbound-rtp'),
    receiverReports: ofType('remote-inbound-rtp').map(([, entry]) => parseReceiverReport(entry)),
    candidatePairs,
    selectedPair: candidatePairs.find(({ id }) => id === selectedId),
  };
}

function parseStream(id: string, entry: Entry, entries: ReadonlyMap<string, Entry>): RtpStream {
  const count = (name: string) => number(entry[name]) ?? 0;
  const codec = entries.get(text(entry['codecId']) ?? '');
  const counters =
    entry['type'] === 'inbound-rtp'
      ? {
          bytes: count('bytesReceived') + count('headerBytesReceived'),
          packets: count('packetsReceived'),
          packetsLost: count('packetsLost'),
          frames: count('framesDecoded'),
        }
      : {
          bytes: count('bytesSent') + count('headerBytesSent'),
          packets: count('packetsSent'),
          packetsLost: 0,
          frames: count('framesEncoded'),
        };
  return {
    id,
    ssrc: number(entry['ssrc']),
    kind: mediaKind(entry),
    active: entry['active'] !== false,
    timestampMs: count('timestamp'),
    ...counters,
    framesDropped: number(entry['framesDropped']),
    framesPerSecond: number(entry['framesPerSecond']),
    width: number(entry['frameWidth']),
    height: number(entry['frameHeight']),
    codec: text(codec?.['mimeType'])?.replace(/^\w+\//, ''),
  };
}

function parseReceiverReport(entry: Entry): ReceiverReport {
  return {
    streamId: text(entry['localId']),
    ssrc: number(entry['ssrc']),
    kind: mediaKind(entry),
    fractionLost: number(entry['fractionLost']),
    roundTripMs: milliseconds(entry['roundTripTime']),
  };
}

function parsePair(id: string, entry: Entry): CandidatePair {
  return {
    id,
    bytesReceived: number(entry['bytesReceived']) ?? 0,
    responsesReceived: number(entry['responsesReceived']) ?? 0,
    roundTripMs: milliseconds(entry['currentRoundTripTime']),
    nominated: entry['nominated'] === true && entry['state'] === 'succeeded',
  };
}

function mediaKind({ kind }: Entry): 'audio' | 'video' | undefined {
  return kind === 'audio' || kind === 'video' ? kind : undefined;
}

function milliseconds(seconds: unknown): number | undefined {
  const value = number(seconds);
  return value === undefined ? undefined : value * 1000;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
