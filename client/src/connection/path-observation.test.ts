import { describe, expect, it } from 'vitest';
import { observePath } from './path-observation.ts';

const report = (...entries: object[]): RTCStatsReport =>
  new Map(entries.map((entry, i) => [String(i), entry]));

describe('REACH-1 observePath', () => {
  it('reads Chromium: candidates, pairs, answers, DTLS', () => {
    const seen = observePath(
      report(
        { type: 'local-candidate', candidateType: 'host' },
        { type: 'remote-candidate' },
        { type: 'candidate-pair', state: 'in-progress', requestsSent: 9, responsesReceived: 0 },
        { type: 'candidate-pair', state: 'succeeded', responsesReceived: 2, bytesReceived: 100 },
        { type: 'transport', dtlsState: 'connecting' },
      ),
    );
    expect(seen).toEqual({ localCandidates: 1, pairs: 2, arrived: 103, dtlsUp: false });
  });

  it('reads Firefox, which has no transport entry and counts no answers', () => {
    const dead = observePath(report({ type: 'candidate-pair', state: 'failed', bytesReceived: 0 }));
    expect(dead).toEqual({ localCandidates: 0, pairs: 1, arrived: 0, dtlsUp: undefined });
    const alive = observePath(report({ type: 'candidate-pair', state: 'succeeded' }));
    expect(alive?.arrived).toBe(1);
  });

  it('does not trust fields', () => {
    const seen = observePath(
      report({ type: 'candidate-pair', responsesReceived: 'many', bytesReceived: null }, {}),
    );
    expect(seen?.arrived).toBe(0);
    expect(observePath(undefined)).toBeUndefined();
  });
});
