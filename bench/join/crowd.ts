/** Many who come within a second, and what that costs: bench/light-swarm.ts, run by run. */
import { lightSwarm, type LightSwarmResult } from '../light-swarm.ts';

export interface Crowd {
  readonly viewers: number;
  readonly runs: readonly Omit<LightSwarmResult, 'packetMs'>[];
}

export interface CrowdOptions {
  readonly viewers: number;
  readonly spreadMs: number;
  readonly runs: number;
  readonly say: (line: string) => void;
}

export async function measureCrowd(options: CrowdOptions): Promise<Crowd> {
  const { viewers, spreadMs, runs, say } = options;
  const results: Omit<LightSwarmResult, 'packetMs'>[] = [];
  for (let run = 1; run <= runs; run += 1) {
    const { packetMs: _, ...result } = await lightSwarm({
      viewers,
      spreadMs,
      way: 'ahead',
      deadlineMs: 60_000,
    });
    results.push(result);
    const { withPackets, seen, keyFrames, cpu, overtaken } = result;
    say(`${viewers} in ${spreadMs} ms, run ${run}: ${withPackets} with packets`);
    say(`  first packet ${JSON.stringify(seen.packet)}, overtaken ${JSON.stringify(overtaken)}`);
    say(`  key frames ${JSON.stringify(keyFrames)}, cpu ${JSON.stringify(cpu)}`);
    for (const error of new Set(result.errors)) say(`  error: ${error}`);
  }
  return { viewers, runs: results };
}
