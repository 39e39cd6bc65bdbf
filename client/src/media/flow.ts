import type { FlowSample } from '../connection/stall.ts';

/** The counters that show whether a receiving transport's picture moves. */
export function flowSampleOf(report: RTCStatsReport | undefined, now: number): FlowSample {
  let frames = 0;
  let packets = 0;
  let line = 0;
  report?.forEach((stats: Record<string, unknown>) => {
    const count = (key: string): number => {
      const value = stats[key];
      return typeof value === 'number' ? value : 0;
    };
    // The probator is mediasoup-client's own stream for estimating the line: packets, no picture.
    const isPicture = stats['kind'] === 'video' && stats['mid'] !== 'probator';
    if (stats['type'] === 'inbound-rtp' && isPicture) {
      frames += count('framesDecoded');
      packets += count('packetsReceived');
    }
    if (stats['type'] === 'candidate-pair') {
      line += count('bytesReceived') + count('responsesReceived');
    }
  });
  return { now, frames, packets, line };
}
