import { PROTOCOL_VERSION } from '#protocol/version.ts';
import type { Diagnostics } from './types.ts';

/** Fields of an RTCStatsReport by type of entry. Only these are copied: no address, no credential. */
const STATS_FIELDS: Readonly<Record<string, readonly string[]>> = {
  'inbound-rtp': [
    'kind',
    'mid',
    'packetsReceived',
    'packetsLost',
    'bytesReceived',
    'jitter',
    'nackCount',
    'pliCount',
    'framesReceived',
    'framesDecoded',
    'framesDropped',
    'keyFramesDecoded',
    'freezeCount',
    'framesPerSecond',
    'frameWidth',
    'frameHeight',
    'decoderImplementation',
  ],
  'outbound-rtp': [
    'kind',
    'mid',
    'rid',
    'active',
    'packetsSent',
    'bytesSent',
    'retransmittedPacketsSent',
    'nackCount',
    'pliCount',
    'framesEncoded',
    'keyFramesEncoded',
    'framesPerSecond',
    'frameWidth',
    'frameHeight',
    'qualityLimitationReason',
    'targetBitrate',
    'encoderImplementation',
  ],
  'remote-inbound-rtp': ['kind', 'packetsLost', 'fractionLost', 'jitter', 'roundTripTime'],
  'candidate-pair': [
    'state',
    'nominated',
    'selected',
    'localCandidateId',
    'remoteCandidateId',
    'bytesSent',
    'bytesReceived',
    'requestsSent',
    'responsesReceived',
    'currentRoundTripTime',
    'availableOutgoingBitrate',
  ],
  'local-candidate': ['candidateType', 'protocol', 'networkType'],
  'remote-candidate': ['candidateType', 'protocol'],
  transport: ['dtlsState', 'iceState', 'selectedCandidatePairId', 'selectedCandidatePairChanges'],
  'data-channel': ['label', 'state', 'messagesSent', 'messagesReceived'],
};

/** Everything that describes one connection, for a bug report. It holds no secret: see STATS_FIELDS. */
export async function collectDiagnostics(
  connection: Pick<
    Diagnostics,
    'role' | 'room' | 'sessionId' | 'status' | 'failure' | 'roomView' | 'transitions'
  >,
  getStats: () => Promise<RTCStatsReport | undefined>,
): Promise<Diagnostics> {
  // A peer connection that closes meanwhile may reject.
  const stats = await getStats().catch(() => undefined);
  const { role, room, sessionId, status, failure, roomView, transitions } = connection;
  return {
    takenAt: new Date().toISOString(),
    nowMs: Math.round(performance.now()),
    versions: { protocol: PROTOCOL_VERSION },
    userAgent: navigator.userAgent,
    role,
    room,
    sessionId,
    status,
    failure,
    roomView,
    transitions,
    stats: selectStats(stats),
  };
}

function selectStats(report: RTCStatsReport | undefined): Diagnostics['stats'] {
  const selected: Record<string, string | number | boolean>[] = [];
  report?.forEach((entry: Record<string, unknown>) => {
    const type = String(entry['type']);
    const fields = STATS_FIELDS[type];
    if (!fields) return;
    const copy: Record<string, string | number | boolean> = { type, id: String(entry['id']) };
    for (const field of fields) {
      const value = entry[field];
      if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
        copy[field] = value;
      }
    }
    selected.push(copy);
  });
  return selected;
}
