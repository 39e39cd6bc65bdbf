import { describe, expect, test } from 'vitest';
import { waitUntilPathWorks } from './path-proof.ts';
import { parseStatsReport } from './stats-report.ts';

type Stats = Record<string, unknown>;

function report(selected: string | undefined, pairs: readonly Stats[]): RTCStatsReport {
  const entries = [
    { id: 'T', type: 'transport', selectedCandidatePairId: selected },
    ...pairs.map((pair) => ({ type: 'candidate-pair', ...pair })),
  ];
  return new Map(entries.map((entry: Stats) => [String(entry['id']), entry]));
}

/** Returns the reports one after another, and the last one from then on. */
function reports(...list: RTCStatsReport[]): () => Promise<RTCStatsReport | undefined> {
  let at = 0;
  return async () => list[Math.min(at++, list.length - 1)];
}

const forever = new AbortController().signal;

describe('CONN-10 a path works when data arrives on it', () => {
  test('bytes on the selected pair', async () => {
    const get = reports(
      report('udp', [{ id: 'udp', bytesReceived: 100 }]),
      report('udp', [{ id: 'udp', bytesReceived: 100 }]),
      report('udp', [{ id: 'udp', bytesReceived: 150 }]),
    );
    await expect(waitUntilPathWorks(get, forever, 0)).resolves.toBeUndefined();
  });

  test('another pair is selected, and something arrived on it', async () => {
    const get = reports(
      report('udp', [{ id: 'udp', bytesReceived: 9_000 }]),
      report('tcp', [{ id: 'tcp', responsesReceived: 1 }]),
    );
    await expect(waitUntilPathWorks(get, forever, 0)).resolves.toBeUndefined();
  });

  test('answers on a pair that is not selected prove nothing', async () => {
    const end = new AbortController();
    let calls = 0;
    const get = async () => {
      calls += 1;
      if (calls === 5) end.abort(new Error('over'));
      return report('udp', [
        { id: 'udp', bytesReceived: 100 },
        { id: 'tcp', responsesReceived: calls },
      ]);
    };
    await expect(waitUntilPathWorks(get, end.signal, 0)).rejects.toThrow('over');
  });

  test('no transport at all, then one', async () => {
    const get = reports(undefined as never, report('udp', [{ id: 'udp', bytesReceived: 1 }]));
    await expect(waitUntilPathWorks(get, forever, 0)).resolves.toBeUndefined();
  });

  test('Firefox marks the selected pair on the pair itself', () => {
    const firefox = report(undefined, [
      { id: 'a', bytesReceived: 5 },
      { id: 'b', bytesReceived: 7, selected: true },
    ]);
    expect(parseStatsReport(firefox).selectedPair).toEqual({
      id: 'b',
      bytesReceived: 7,
      responsesReceived: 0,
      roundTripMs: undefined,
      nominated: false,
    });
  });
});
