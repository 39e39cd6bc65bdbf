import { RoomIdSchema, SessionIdSchema } from '#protocol/ids.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { signal } from '@preact/signals-core';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { collectDiagnostics } from './diagnostics.ts';
import { ConnectionTrace } from './trace.ts';

const IDENTITY = {
  role: 'viewer',
  room: v.parse(RoomIdSchema, 'main'),
  sessionId: v.parse(SessionIdSchema, 'a-session-to-log'),
} as const;
const TRACE = new ConnectionTrace();
TRACE.record(1, { type: 'START' }, 'idle', 'connecting', []);

function describeWith(getStats: () => Promise<RTCStatsReport | undefined>) {
  const connection = {
    status: signal('live' as const),
    failure: signal(undefined),
    diagnosis: signal(undefined),
    room: signal(undefined),
    getStats,
  };
  return collectDiagnostics(IDENTITY, connection, TRACE);
}

const REPORT: RTCStatsReport = new Map<string, object>([
  ['IT', { id: 'IT', type: 'inbound-rtp', kind: 'video', framesDecoded: 7, trackIdentifier: 'x' }],
  [
    'LC',
    {
      id: 'LC',
      type: 'local-candidate',
      candidateType: 'srflx',
      address: '203.0.113.7',
      usernameFragment: 'ufrag-of-ice',
    },
  ],
  ['CF', { id: 'CF', type: 'certificate', fingerprint: 'AA:BB' }],
]);

describe('collectDiagnostics', () => {
  it('CONN-17 holds the versions, the browser, the connection and selected stats', async () => {
    const diagnostics = await describeWith(async () => REPORT);
    expect(diagnostics).toMatchObject({
      ...IDENTITY,
      status: 'live',
      transitions: TRACE.transitions(),
      versions: { protocol: PROTOCOL_VERSION },
      userAgent: navigator.userAgent,
      stats: [
        { type: 'inbound-rtp', id: 'IT', kind: 'video', framesDecoded: 7 },
        { type: 'local-candidate', id: 'LC', candidateType: 'srflx' },
      ],
    });
    expect(Date.parse(diagnostics.takenAt)).not.toBeNaN();
  });

  it('SEC-7 copies no address, no ICE credential and no fingerprint', async () => {
    const text = JSON.stringify(await describeWith(async () => REPORT));
    for (const secret of ['203.0.113.7', 'ufrag-of-ice', 'AA:BB'])
      expect(text).not.toContain(secret);
  });

  it('CONN-17 is there without stats where the peer connection gives none', async () => {
    const failing = () => Promise.reject(new Error('the peer connection is closed'));
    expect((await describeWith(failing)).stats).toEqual([]);
    expect((await describeWith(async () => undefined)).stats).toEqual([]);
  });
});
