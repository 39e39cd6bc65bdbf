/** Many viewers that join within a short time, run after run: what each waits and what it costs. */
import { lightSwarm } from '../light-swarm.ts';
import { tenth } from '../report/stats.ts';

export interface CrowdRun {
  /** Viewers that got no packet. */
  readonly failed: number;
  /** Percentiles of the time from a viewer's start to its first packet, ms. */
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
  /** The largest number of viewers that sent their request later and got their answer earlier. */
  readonly overtaken: number;
  readonly keyFrameRequestsPerS: number;
  /** Processor time per viewer, ms. */
  readonly nodeMs: number;
  readonly workerMs: number;
  /** Growth of resident memory per viewer, kB. */
  readonly memoryKb: { readonly node: number; readonly workers: number };
}

export interface Crowd {
  readonly viewers: number;
  readonly runs: readonly CrowdRun[];
}

export interface CrowdOptions {
  readonly viewers: number;
  /** The joins are spread evenly over this time. */
  readonly spreadMs: number;
  readonly runs: number;
  readonly log: (line: string) => void;
}

export async function measureCrowd(options: CrowdOptions): Promise<Crowd> {
  const { viewers, spreadMs, runs, log } = options;
  const results: CrowdRun[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const result = await lightSwarm({ viewers, spreadMs, way: 'ahead', deadlineMs: 60_000 });
    const { withPackets, seen, keyFrames, cpu, overtaken, memoryKb } = result;
    const perViewer = (seconds: number) => tenth((seconds / viewers) * 1_000);
    results.push({
      failed: viewers - withPackets,
      p50: seen.packet.p50,
      p95: seen.packet.p95,
      max: seen.packet.max,
      overtaken: overtaken.max,
      keyFrameRequestsPerS: tenth(keyFrames.requests / keyFrames.seconds),
      nodeMs: perViewer(cpu.server - cpu.workers),
      workerMs: perViewer(cpu.workers),
      memoryKb,
    });
    log(`${viewers} in ${spreadMs} ms, run ${run}: ${withPackets} with packets`);
    log(`  first packet ${JSON.stringify(seen.packet)}, overtaken ${JSON.stringify(overtaken)}`);
    log(`  key frames ${JSON.stringify(keyFrames)}, cpu ${JSON.stringify(cpu)}`);
    for (const error of new Set(result.errors)) log(`  error: ${error}`);
  }
  return { viewers, runs: results };
}
