/**
 * Resolves when something has arrived from the far side after this call: after an ICE restart the
 * connection state may say `connected` all along, of the path that is dead.
 * @throws the signal's reason when it is aborted first.
 */
export async function pathProven(
  getStats: () => Promise<RTCStatsReport | undefined>,
  signal: AbortSignal,
  pollMs = 50,
): Promise<void> {
  let before: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const arrived = arrivedFromFarSide(await getStats());
    if (before !== undefined && arrived > before) return;
    before ??= arrived;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Answers to connectivity checks and bytes, over all candidate pairs. */
function arrivedFromFarSide(report: RTCStatsReport | undefined): number {
  let sum = 0;
  report?.forEach((stats: Record<string, unknown>) => {
    if (stats['type'] !== 'candidate-pair') return;
    for (const key of ['responsesReceived', 'bytesReceived']) {
      const value = stats[key];
      if (typeof value === 'number') sum += value;
    }
  });
  return sum;
}
