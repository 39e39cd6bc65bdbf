/** What the pages do with a parsed stats report: numbers for people, and counters for the stall detector. */
import {
  parseStatsReport,
  type ParsedStats,
  type ReceiverReport,
  type RtpStream,
} from './stats-report.ts';

/** Stats for the panels. A field is undefined as long as the browser does not provide it. */
export interface MediaStats {
  /** Pixels of the video. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly framesPerSecond: number | undefined;
  /** kbit/s of video and audio together over the last interval. */
  readonly bitrateKbps: number | undefined;
  readonly roundTripMs: number | undefined;
  /** Lost packets over the last interval, 0 to 1. */
  readonly lossFraction: number | undefined;
  /** Viewer only: frames that were received and not shown, since the start. */
  readonly framesDropped: number | undefined;
  /** Such as `VP8`. */
  readonly codec: string | undefined;
}

/** How much a stream's counters grew since the previous report. */
interface Growth {
  readonly seconds: number;
  readonly bytes: number;
  readonly packets: number;
  readonly packetsLost: number;
  readonly frames: number;
}

/**
 * Turns the reports of one peer connection, read about once a second, into the stats that people
 * see. Rates cover the time since the previous report, so the first report has none. When a counter
 * restarts (another track, a new transport), the stream has no rate until the next report.
 */
export class StatsReader {
  #previous: ReadonlyMap<string, RtpStream> = new Map();

  read(report: RTCStatsReport, direction: 'send' | 'receive'): MediaStats {
    const stats = parseStatsReport(report);
    const sending = direction === 'send';
    const streams = sending ? stats.outbound : stats.inbound;
    const growth = this.#measureGrowth(streams);
    const video = mainVideo(streams, growth);
    return {
      width: video?.width,
      height: video?.height,
      framesPerSecond: video?.framesPerSecond ?? frameRate(video && growth.get(video)),
      bitrateKbps: bitrateKbps([...growth.values()]),
      roundTripMs: roundTripMs(stats, sending),
      lossFraction: sending
        ? reportedLoss(stats.receiverReports, growth)
        : countedLoss([...growth.values()]),
      framesDropped: sending ? undefined : video?.framesDropped,
      codec: video?.codec,
    };
  }

  /** Has an entry for each stream that was in the previous report and did not restart. */
  #measureGrowth(streams: readonly RtpStream[]): Map<RtpStream, Growth> {
    const growth = new Map<RtpStream, Growth>();
    const current = new Map<string, RtpStream>();
    for (const stream of streams) {
      const key = `${stream.id}/${stream.ssrc}`;
      const previous = this.#previous.get(key);
      current.set(key, stream);
      if (!previous || stream.timestampMs <= previous.timestampMs) continue;
      const bytes = stream.bytes - previous.bytes;
      const packets = stream.packets - previous.packets;
      if (bytes < 0 || packets < 0) continue;
      growth.set(stream, {
        seconds: (stream.timestampMs - previous.timestampMs) / 1000,
        bytes,
        packets,
        packetsLost: Math.max(0, stream.packetsLost - previous.packetsLost),
        frames: Math.max(0, stream.frames - previous.frames),
      });
    }
    this.#previous = current;
    return growth;
  }
}

/** Counters that only rise while a transport lives. */
export interface FlowSample {
  /** ms, monotonic */
  readonly now: number;
  /** Video frames decoded. */
  readonly frames: number;
  /** Video packets received. */
  readonly packets: number;
  /** Bytes received on the transport, plus answers to ICE checks: rises when anything arrives. */
  readonly arrivals: number;
}

/** The counters that show whether a viewer's video advances; zeros where there is no report. */
export function flowSampleOf(report: RTCStatsReport | undefined, now: number): FlowSample {
  const { inbound, candidatePairs } = parseStatsReport(report);
  const videos = inbound.filter(({ kind }) => kind === 'video');
  return {
    now,
    frames: sum(videos.map(({ frames }) => frames)),
    packets: sum(videos.map(({ packets }) => packets)),
    arrivals: sum(candidatePairs.map((pair) => pair.bytesReceived + pair.responsesReceived)),
  };
}

/**
 * When sending simulcast, the largest layer that is active and growing. When receiving several
 * streams (a replaced track may stay in the report), the stream that is growing.
 */
function mainVideo(
  streams: readonly RtpStream[],
  growth: ReadonlyMap<RtpStream, Growth>,
): RtpStream | undefined {
  const videos = streams.filter(({ kind, active }) => kind === 'video' && active);
  const growing = videos.filter((stream) => (growth.get(stream)?.bytes ?? 0) > 0);
  const candidates = growing.length > 0 ? growing : videos;
  const area = ({ width = 0, height = 0 }: RtpStream) => width * height;
  return candidates.toSorted((a, b) => area(b) - area(a))[0];
}

function frameRate(growth: Growth | undefined): number | undefined {
  return growth && Math.round(growth.frames / growth.seconds);
}

function bitrateKbps(growth: readonly Growth[]): number | undefined {
  if (growth.length === 0) return undefined;
  return sum(growth.map(({ bytes, seconds }) => (bytes * 8) / seconds)) / 1000;
}

/** From the receiver's reports, video first; otherwise from the connectivity checks of the path. */
function roundTripMs(stats: ParsedStats, sending: boolean): number | undefined {
  const reported = (sending ? stats.receiverReports : [])
    .toSorted((a, b) => Number(b.kind === 'video') - Number(a.kind === 'video'))
    .find((report) => report.roundTripMs !== undefined);
  const pair = stats.selectedPair ?? stats.candidatePairs.find(({ nominated }) => nominated);
  return reported?.roundTripMs ?? pair?.roundTripMs;
}

/** Sending: each stream's last reported loss, weighted by the packets it sent since then. */
function reportedLoss(
  reports: readonly ReceiverReport[],
  growth: ReadonlyMap<RtpStream, Growth>,
): number | undefined {
  let [lost, sent] = [0, 0];
  for (const [stream, { packets }] of growth) {
    const report = reports.find(
      ({ streamId, ssrc }) =>
        streamId === stream.id || (ssrc === stream.ssrc && ssrc !== undefined),
    );
    if (report?.fractionLost === undefined) continue;
    lost += report.fractionLost * packets;
    sent += packets;
  }
  return sent === 0 ? undefined : clampFraction(lost / sent);
}

/** Receiving: lost packets as a share of the packets that were expected. */
function countedLoss(growth: readonly Growth[]): number | undefined {
  const lost = sum(growth.map(({ packetsLost }) => packetsLost));
  const expected = lost + sum(growth.map(({ packets }) => packets));
  return expected === 0 ? undefined : clampFraction(lost / expected);
}

function clampFraction(value: number): number {
  return Math.max(0, Math.min(1, value));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
