import type { ReadonlySignal } from '@preact/signals-core';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import type { ConnectionTrace } from './trace.ts';
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

/** What a connection shows of itself, for both roles. */
interface DescribedConnection {
  readonly status: ReadonlySignal<Diagnostics['status']>;
  readonly failure: ReadonlySignal<Diagnostics['failure']>;
  readonly diagnosis: ReadonlySignal<{ readonly cause: Diagnostics['cause'] } | undefined>;
  readonly room: ReadonlySignal<Diagnostics['roomView']>;
  getStats(): Promise<RTCStatsReport | undefined>;
}

/** Describes a connection for a bug report. The result holds no secret: see STATS_FIELDS. Never rejects. */
export async function collectDiagnostics(
  identity: Pick<Diagnostics, 'role' | 'room' | 'sessionId'>,
  connection: DescribedConnection,
  trace: Pick<ConnectionTrace, 'transitions'>,
): Promise<Diagnostics> {
  // A peer connection that is being closed may reject.
  const stats = await connection.getStats().catch(() => undefined);
  return {
    takenAt: new Date().toISOString(),
    nowMs: Math.round(performance.now()),
    versions: { protocol: PROTOCOL_VERSION },
    userAgent: navigator.userAgent,
    role: identity.role,
    room: identity.room,
    sessionId: identity.sessionId,
    status: connection.status.peek(),
    failure: connection.failure.peek(),
    cause: connection.diagnosis.peek()?.cause,
    roomView: connection.room.peek(),
    transitions: trace.transitions(),
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
