import { expect, test } from 'vitest';
import { flowSampleOf } from './flow.ts';

type Stats = Record<string, unknown>;

function report(...entries: readonly Stats[]): RTCStatsReport {
  return new Map(entries.map((entry, i) => [String(i), entry]));
}

test('CONN-11 the counters of the picture and of the line', () => {
  const sample = flowSampleOf(
    report(
      { type: 'inbound-rtp', kind: 'video', mid: '0', framesDecoded: 7, packetsReceived: 40 },
      { type: 'inbound-rtp', kind: 'video', mid: 'probator', packetsReceived: 900 },
      { type: 'inbound-rtp', kind: 'audio', mid: '1', packetsReceived: 300 },
      { type: 'candidate-pair', bytesReceived: 5_000, responsesReceived: 2 },
      { type: 'candidate-pair', bytesReceived: 10 },
    ),
    1_234,
  );
  expect(sample).toEqual({ now: 1_234, frames: 7, packets: 40, line: 5_012 });
});

test('CONN-11 without a transport nothing has come', () => {
  expect(flowSampleOf(undefined, 5)).toEqual({ now: 5, frames: 0, packets: 0, line: 0 });
});
