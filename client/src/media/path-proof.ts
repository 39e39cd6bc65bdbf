/**
 * Resolves when something has arrived, after this call, on the path that is in use: after an ICE
 * restart the connection state may say `connected` all along, of the path that is dead, and a path
 * that answers checks may not be the one that media takes.
 * @throws the signal's reason when it is aborted first.
 */
export async function pathProven(
  getStats: () => Promise<RTCStatsReport | undefined>,
  signal: AbortSignal,
  pollMs = 50,
): Promise<void> {
  let before: Path | undefined;
  for (;;) {
    signal.throwIfAborted();
    const path = pathInUse(await getStats());
    if (path && before && path.arrived > (path.id === before.id ? before.arrived : 0)) return;
    before ??= path ?? NO_PATH;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

interface Path {
  readonly id: string;
  /** Bytes, and answers to connectivity checks. */
  readonly arrived: number;
}

const NO_PATH: Path = { id: '', arrived: 0 };

/** The selected candidate pair; Firefox marks it on the pair itself. */
export function pathInUse(report: RTCStatsReport | undefined): Path | undefined {
  let selectedId: unknown;
  let marked: Path | undefined;
  const pairs = new Map<string, Path>();
  report?.forEach((stats: Record<string, unknown>) => {
    if (stats['type'] === 'transport') selectedId ??= stats['selectedCandidatePairId'];
    if (stats['type'] !== 'candidate-pair') return;
    const count = (key: string): number => {
      const value = stats[key];
      return typeof value === 'number' ? value : 0;
    };
    const path = {
      id: String(stats['id']),
      arrived: count('responsesReceived') + count('bytesReceived'),
    };
    pairs.set(path.id, path);
    if (stats['selected'] === true) marked = path;
  });
  return typeof selectedId === 'string' ? pairs.get(selectedId) : marked;
}
