import { describe, expect, it } from 'vitest';
import { flowSampleOf, StatsReader } from './stats.ts';

type Made = { readonly id: string; readonly type: string } & Record<string, unknown>;

/** An RTCStatsReport is a read-only map from id to entry. */
function report(timestamp: number, ...entries: Made[]): RTCStatsReport {
  return new Map(entries.map((entry) => [entry.id, { timestamp, ...entry }]));
}

const vp8 = { id: 'CV', type: 'codec', mimeType: 'video/VP8' };
const transport = { id: 'T', type: 'transport', selectedCandidatePairId: 'P' };
const pair = { id: 'P', type: 'candidate-pair', currentRoundTripTime: 0.012, state: 'succeeded' };

const layer = (rid: number, bytes: number, more: Record<string, unknown> = {}): Made => ({
  id: `OV${rid}`,
  type: 'outbound-rtp',
  kind: 'video',
  ssrc: 100 + rid,
  codecId: 'CV',
  active: true,
  frameWidth: 320 * 2 ** rid,
  frameHeight: 180 * 2 ** rid,
  framesPerSecond: 30,
  bytesSent: bytes,
  packetsSent: bytes / 1000,
  ...more,
});
const audio = (bytes: number): Made => ({
  id: 'OA',
  type: 'outbound-rtp',
  kind: 'audio',
  ssrc: 50,
  bytesSent: bytes,
  packetsSent: bytes / 100,
});
const receiverReport = (rid: number, fractionLost: number, roundTripTime?: number): Made => ({
  id: `RV${rid}`,
  type: 'remote-inbound-rtp',
  kind: 'video',
  ssrc: 100 + rid,
  localId: `OV${rid}`,
  fractionLost,
  roundTripTime,
});

const inbound = (more: Record<string, unknown> = {}): Made => ({
  id: 'IV',
  type: 'inbound-rtp',
  kind: 'video',
  ssrc: 7,
  codecId: 'CV',
  frameWidth: 1280,
  frameHeight: 720,
  framesPerSecond: 29,
  bytesReceived: 0,
  packetsReceived: 0,
  packetsLost: 0,
  framesDropped: 3,
  ...more,
});

describe('StatsReader, sending', () => {
  it('shows the largest layer, the sum of all bitrates, and what the server reported', () => {
    const reader = new StatsReader();
    const first = reader.read(
      report(1000, vp8, layer(0, 0), layer(1, 0), layer(2, 0), audio(0)),
      'send',
    );
    expect(first).toMatchObject({ width: 1280, height: 720, framesPerSecond: 30, codec: 'VP8' });
    expect(first.bitrateKbps).toBeUndefined();
    expect(first.lossFraction).toBeUndefined();
    const second = reader.read(
      report(
        3000,
        vp8,
        layer(0, 25_000),
        layer(1, 75_000),
        layer(2, 400_000),
        audio(10_000),
        receiverReport(0, 0, 0.03),
        receiverReport(2, 0.1),
      ),
      'send',
    );
    expect(second.bitrateKbps).toBeCloseTo((510_000 * 8) / 2 / 1000, 6);
    expect(second.roundTripMs).toBeCloseTo(30, 6);
    expect(second.lossFraction).toBeCloseTo((0.1 * 400) / 425, 6);
    expect(second.framesDropped).toBeUndefined();
  });

  it('shows the largest layer that grows when the upper ones are off', () => {
    const reader = new StatsReader();
    reader.read(report(1000, layer(0, 0), layer(1, 0), layer(2, 500)), 'send');
    const stats = reader.read(
      report(2000, layer(0, 9000), layer(1, 20_000), layer(2, 500)),
      'send',
    );
    expect(stats).toMatchObject({ width: 640, height: 360 });
    const inactive = new StatsReader().read(
      report(1000, layer(0, 0), layer(2, 0, { active: false })),
      'send',
    );
    expect(inactive.width).toBe(320);
  });

  it('uses the round trip of the path where the server has not reported one', () => {
    const stats = new StatsReader().read(report(1000, layer(0, 0), transport, pair), 'send');
    expect(stats.roundTripMs).toBeCloseTo(12, 6);
  });
});

describe('StatsReader, receiving', () => {
  it('shows resolution, frames, bitrate, loss and round trip', () => {
    const reader = new StatsReader();
    reader.read(report(1000, vp8, inbound(), transport, pair), 'receive');
    const stats = reader.read(
      report(
        1500,
        vp8,
        transport,
        pair,
        inbound({
          bytesReceived: 60_000,
          headerBytesReceived: 2500,
          packetsReceived: 95,
          packetsLost: 5,
        }),
      ),
      'receive',
    );
    expect(stats.bitrateKbps).toBeCloseTo(1000, 6);
    expect(stats.lossFraction).toBeCloseTo(0.05, 6);
    expect(stats.roundTripMs).toBeCloseTo(12, 6);
    expect(stats).toMatchObject({
      width: 1280,
      framesPerSecond: 29,
      framesDropped: 3,
      codec: 'VP8',
    });
  });

  it('counts frames where the browser gives no rate, and finds the pair that Firefox marks', () => {
    const reader = new StatsReader();
    const marked = { ...pair, id: 'F', selected: true, currentRoundTripTime: 0.02 };
    const other = { ...pair, id: 'G', nominated: true };
    const one = (framesDecoded: number) => inbound({ framesPerSecond: undefined, framesDecoded });
    reader.read(report(0, one(0)), 'receive');
    const stats = reader.read(report(2000, one(50), other, marked), 'receive');
    expect(stats.framesPerSecond).toBe(25);
    expect(stats.roundTripMs).toBeCloseTo(20, 6);
  });

  it('never shows a negative rate when counters restart', () => {
    const reader = new StatsReader();
    const at = (bytesReceived: number, more = {}) =>
      inbound({ bytesReceived, packetsReceived: bytesReceived / 1000, packetsLost: 0, ...more });
    reader.read(report(1000, at(900_000, { packetsLost: 50 })), 'receive');
    const sameIdReset = reader.read(report(2000, at(1000)), 'receive');
    expect(sameIdReset.bitrateKbps).toBeUndefined();
    expect(sameIdReset.lossFraction).toBeUndefined();
    const newSsrc = reader.read(report(3000, at(2_000_000, { ssrc: 8 })), 'receive');
    expect(newSsrc.bitrateKbps).toBeUndefined();
    const goesOn = reader.read(report(4000, at(2_125_000, { ssrc: 8 })), 'receive');
    expect(goesOn.bitrateKbps).toBeCloseTo(1000, 6);
    const recovered = reader.read(
      report(5000, at(2_250_000, { ssrc: 8, packetsLost: -3 })),
      'receive',
    );
    expect(recovered.lossFraction).toBe(0);
  });

  it('prefers the stream that grows, and ignores the probator', () => {
    const reader = new StatsReader();
    const old = inbound({
      id: 'OLD',
      ssrc: 1,
      frameWidth: 1920,
      frameHeight: 1080,
      bytesReceived: 5,
    });
    const probator = inbound({ id: 'PRO', ssrc: 1234, mid: 'probator', bytesReceived: 1e6 });
    reader.read(report(1000, old, inbound()), 'receive');
    const stats = reader.read(
      report(2000, old, inbound({ bytesReceived: 1000 }), probator),
      'receive',
    );
    expect(stats.width).toBe(1280);
    expect(stats.bitrateKbps).toBeCloseTo(8, 6);
  });

  it('returns nothing for an empty report, and ignores values of a wrong type', () => {
    const reader = new StatsReader();
    const nothing = reader.read(report(0), 'receive');
    expect(Object.values(nothing).every((value) => value === undefined)).toBe(true);
    const odd = inbound({ frameWidth: 'wide', bytesReceived: Number.NaN, codecId: 4 });
    expect(reader.read(report(1000, odd), 'receive').width).toBeUndefined();
  });
});

describe('flowSampleOf', () => {
  it('CONN-11 sums the counters of the video and of all paths', () => {
    const sample = flowSampleOf(
      report(
        0,
        inbound({ id: '0', mid: '0', framesDecoded: 7, packetsReceived: 40 }),
        inbound({ id: '1', mid: 'probator', packetsReceived: 900 }),
        inbound({ id: '2', kind: 'audio', mid: '1', packetsReceived: 300 }),
        { id: '3', type: 'candidate-pair', bytesReceived: 5_000, responsesReceived: 2 },
        { id: '4', type: 'candidate-pair', bytesReceived: 10 },
      ),
      1_234,
    );
    expect(sample).toEqual({ now: 1_234, frames: 7, packets: 40, arrivals: 5_012 });
  });

  it('CONN-11 without a transport nothing has arrived', () => {
    expect(flowSampleOf(undefined, 5)).toEqual({ now: 5, frames: 0, packets: 0, arrivals: 0 });
  });
});
