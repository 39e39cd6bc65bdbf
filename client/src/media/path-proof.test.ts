import { describe, expect, test } from 'vitest';
import { pathInUse, pathProven } from './path-proof.ts';

type Stats = Record<string, unknown>;

function report(selected: string | undefined, pairs: readonly Stats[]): RTCStatsReport {
  const entries = [
    { id: 'T', type: 'transport', selectedCandidatePairId: selected },
    ...pairs.map((pair) => ({ type: 'candidate-pair', ...pair })),
  ];
  return new Map(entries.map((entry: Stats) => [String(entry['id']), entry]));
}

/** Gives the reports one after another, the last one for ever. */
function reports(...list: RTCStatsReport[]): () => Promise<RTCStatsReport | undefined> {
  let at = 0;
  return async () => list[Math.min(at++, list.length - 1)];
}

const forever = new AbortController().signal;

describe('CONN-10 a path is proven by what arrives on it', () => {
  test('bytes on the selected pair', async () => {
    const get = reports(
      report('udp', [{ id: 'udp', bytesReceived: 100 }]),
      report('udp', [{ id: 'udp', bytesReceived: 100 }]),
      report('udp', [{ id: 'udp', bytesReceived: 150 }]),
    );
    await expect(pathProven(get, forever, 0)).resolves.toBeUndefined();
  });

  test('another pair is selected, and something has come on it', async () => {
    const get = reports(
      report('udp', [{ id: 'udp', bytesReceived: 9_000 }]),
      report('tcp', [{ id: 'tcp', responsesReceived: 1 }]),
    );
    await expect(pathProven(get, forever, 0)).resolves.toBeUndefined();
  });

  test('answers on a pair that is not selected prove nothing', async () => {
    const end = new AbortController();
    let asked = 0;
    const get = async () => {
      asked += 1;
      if (asked === 5) end.abort(new Error('over'));
      return report('udp', [
        { id: 'udp', bytesReceived: 100 },
        { id: 'tcp', responsesReceived: asked },
      ]);
    };
    await expect(pathProven(get, end.signal, 0)).rejects.toThrow('over');
  });

  test('no transport at all, then one', async () => {
    const get = reports(undefined as never, report('udp', [{ id: 'udp', bytesReceived: 1 }]));
    await expect(pathProven(get, forever, 0)).resolves.toBeUndefined();
  });

  test('Firefox marks the pair in use on the pair', () => {
    const firefox = report(undefined, [
      { id: 'a', bytesReceived: 5 },
      { id: 'b', bytesReceived: 7, selected: true },
    ]);
    expect(pathInUse(firefox)).toEqual({ id: 'b', arrived: 7 });
  });
});
