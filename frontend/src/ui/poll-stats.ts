import { type MediaStats, StatsReader } from '#client/media/stats.ts';
import { run } from './run.ts';

const EVERY_MS = 1000;

/**
 * Reads a connection's figures once a second until `signal` aborts; `undefined` where there is no
 * media connection. A read that is still under way is not doubled.
 */
export function pollStats(
  connection: { getStats(): Promise<RTCStatsReport | undefined> },
  direction: 'send' | 'receive',
  show: (figures: MediaStats | undefined) => void,
  signal: AbortSignal,
): void {
  const reader = new StatsReader();
  let busy = false;
  const read = async () => {
    if (busy) return;
    busy = true;
    try {
      const report = await connection.getStats();
      if (!signal.aborted) show(report && reader.read(report, direction));
    } finally {
      busy = false;
    }
  };
  run(read(), 'reading figures');
  const timer = setInterval(() => run(read(), 'reading figures'), EVERY_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
