import type { MediaStats } from './stats-types.ts';

/** One entry of a report, of which nothing is taken on trust: browsers differ in what they tell. */
type Entry = Readonly<Record<string, unknown>>;

/** The counters whose growth is looked at. */
interface Counters {
  readonly bytes: number;
  readonly packets: number;
  readonly lost: number;
  readonly frames: number;
}

interface Reading {
  readonly counters: Counters;
  readonly timestamp: number;
}

/** What was counted since the reading before. */
interface Growth extends Counters {
  readonly seconds: number;
}

/**
 * Turns the reports of one peer connection, read every second or so, into the figures that people
 * see. Rates are those of the time since the reading before; the first reading has none. A counter
 * that begins anew (another track, a new transport) counts from its next reading on.
 */
export class StatsReader {
  #before: ReadonlyMap<string, Reading> = new Map();

  read(report: RTCStatsReport, direction: 'send' | 'receive'): MediaStats {
    const entries = byId(report);
    const all = [...entries.values()];
    const streams = all.filter(
      (entry) =>
        entry.type === (direction === 'send' ? 'outbound-rtp' : 'inbound-rtp') &&
        // mediasoup-client's own stream for estimating the line; nothing of it is shown.
        entry.mid !== 'probator',
    );
    const growth = this.#measure(streams, direction);
    const video = shownVideo(streams, growth);
    const remote = all.filter((entry) => entry.type === 'remote-inbound-rtp');
    const codec = entries.get(text(video?.codecId) ?? '');
    return {
      width: number(video?.frameWidth),
      height: number(video?.frameHeight),
      framesPerSecond: number(video?.framesPerSecond) ?? frameRate(video && growth.get(video)),
      bitrateKbps: bitrate([...growth.values()]),
      roundTripMs: roundTrip(entries, direction === 'send' ? remote : []),
      lossFraction:
        direction === 'send' ? reportedLoss(remote, growth) : countedLoss([...growth.values()]),
      framesDropped: direction === 'receive' ? number(video?.framesDropped) : undefined,
      codec: text(codec?.mimeType)?.replace(/^\w+\//, ''),
    };
  }

  /** The growth of each stream that was there before and went on; takes note for the next reading. */
  #measure(streams: readonly Entry[], direction: 'send' | 'receive'): Map<Entry, Growth> {
    const growth = new Map<Entry, Growth>();
    const now = new Map<string, Reading>();
    for (const entry of streams) {
      const key = `${text(entry.id)}/${number(entry.ssrc)}`;
      const counters = direction === 'send' ? sentCounters(entry) : receivedCounters(entry);
      const timestamp = number(entry.timestamp) ?? 0;
      const before = this.#before.get(key);
      now.set(key, { counters, timestamp });
      if (!before || timestamp <= before.timestamp) continue;
      const bytes = counters.bytes - before.counters.bytes;
      const packets = counters.packets - before.counters.packets;
      if (bytes < 0 || packets < 0) continue;
      growth.set(entry, {
        seconds: (timestamp - before.timestamp) / 1000,
        bytes,
        packets,
        // A packet that was counted as lost may still come.
        lost: Math.max(0, counters.lost - before.counters.lost),
        frames: Math.max(0, counters.frames - before.counters.frames),
      });
    }
    this.#before = now;
    return growth;
  }
}

function byId(report: RTCStatsReport): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  report.forEach((entry: unknown, id) => {
    if (typeof entry === 'object' && entry !== null) entries.set(id, { ...entry });
  });
  return entries;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function sentCounters(entry: Entry): Counters {
  return {
    bytes: (number(entry.bytesSent) ?? 0) + (number(entry.headerBytesSent) ?? 0),
    packets: number(entry.packetsSent) ?? 0,
    lost: 0,
    frames: number(entry.framesEncoded) ?? 0,
  };
}

function receivedCounters(entry: Entry): Counters {
  return {
    bytes: (number(entry.bytesReceived) ?? 0) + (number(entry.headerBytesReceived) ?? 0),
    packets: number(entry.packetsReceived) ?? 0,
    lost: number(entry.packetsLost) ?? 0,
    frames: number(entry.framesDecoded) ?? 0,
  };
}

/**
 * Sending simulcast: the largest layer that is active and flowing. Receiving: of several (a track
 * that was replaced may linger), the one that flows.
 */
function shownVideo(
  streams: readonly Entry[],
  growth: ReadonlyMap<Entry, Growth>,
): Entry | undefined {
  const videos = streams.filter((entry) => entry.kind === 'video' && entry.active !== false);
  const flowing = videos.filter((entry) => (growth.get(entry)?.bytes ?? 0) > 0);
  const candidates = flowing.length > 0 ? flowing : videos;
  const area = (entry: Entry) => (number(entry.frameWidth) ?? 0) * (number(entry.frameHeight) ?? 0);
  return candidates.toSorted((a, b) => area(b) - area(a))[0];
}

function frameRate(growth: Growth | undefined): number | undefined {
  return growth && Math.round(growth.frames / growth.seconds);
}

function bitrate(growth: readonly Growth[]): number | undefined {
  if (growth.length === 0) return undefined;
  const bitsPerSecond = growth.reduce((sum, { bytes, seconds }) => sum + (bytes * 8) / seconds, 0);
  return bitsPerSecond / 1000;
}

/** What the other side told of its reception, else what the connectivity checks of the path took. */
function roundTrip(
  entries: ReadonlyMap<string, Entry>,
  remote: readonly Entry[],
): number | undefined {
  const reported = remote
    .toSorted((a, b) => Number(b.kind === 'video') - Number(a.kind === 'video'))
    .map((entry) => number(entry.roundTripTime))
    .find((seconds) => seconds !== undefined);
  const seconds = reported ?? number(selectedPair(entries)?.currentRoundTripTime);
  return seconds === undefined ? undefined : seconds * 1000;
}

function selectedPair(entries: ReadonlyMap<string, Entry>): Entry | undefined {
  const all = [...entries.values()];
  const transport = all.find((entry) => entry.type === 'transport');
  const told = entries.get(text(transport?.selectedCandidatePairId) ?? '');
  if (told) return told;
  const pairs = all.filter((entry) => entry.type === 'candidate-pair');
  return (
    // Firefox has no transport entry and marks the pair.
    pairs.find((pair) => pair.selected === true) ??
    pairs.find((pair) => pair.nominated === true && pair.state === 'succeeded')
  );
}

/** Sending: each stream's last reported loss, weighed by what the stream sent since. */
function reportedLoss(
  remote: readonly Entry[],
  growth: ReadonlyMap<Entry, Growth>,
): number | undefined {
  let [lost, sent] = [0, 0];
  for (const [stream, { packets }] of growth) {
    const report = remote.find(
      (entry) =>
        entry.localId === stream.id || (entry.ssrc === stream.ssrc && entry.ssrc !== undefined),
    );
    const fraction = number(report?.fractionLost);
    if (fraction === undefined) continue;
    lost += fraction * packets;
    sent += packets;
  }
  return sent === 0 ? undefined : clampFraction(lost / sent);
}

function countedLoss(growth: readonly Growth[]): number | undefined {
  const lost = growth.reduce((sum, stream) => sum + stream.lost, 0);
  const expected = growth.reduce((sum, stream) => sum + stream.packets, lost);
  return expected === 0 ? undefined : clampFraction(lost / expected);
}

function clampFraction(value: number): number {
  return Math.max(0, Math.min(1, value));
}
