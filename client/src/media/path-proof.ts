import { parseStatsReport } from './stats-report.ts';

/**
 * Resolves when data has arrived, after this call, on the path in use (the selected candidate pair).
 * After an ICE restart neither of the obvious signs is proof: the connection state may stay
 * `connected` because of the old, dead path, and a path that answers checks need not be the one that
 * media takes.
 * @throws the signal's reason when it is aborted first.
 */
export async function waitUntilPathWorks(
  getStats: () => Promise<RTCStatsReport | undefined>,
  signal: AbortSignal,
  pollMs = 50,
): Promise<void> {
  let first: Path | undefined;
  for (;;) {
    signal.throwIfAborted();
    const path = selectedPath(await getStats());
    if (path && first && path.received > (path.id === first.id ? first.received : 0)) return;
    first ??= path ?? NO_PATH;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

interface Path {
  readonly id: string;
  /** Bytes plus answers to connectivity checks: a number that rises when anything arrives. */
  readonly received: number;
}

const NO_PATH: Path = { id: '', received: 0 };

function selectedPath(report: RTCStatsReport | undefined): Path | undefined {
  const pair = parseStatsReport(report).selectedPair;
  return pair && { id: pair.id, received: pair.bytesReceived + pair.responsesReceived };
}
