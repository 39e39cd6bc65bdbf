/**
 * npm run bench -- fan-out [--rounds 5] [--levels 10,50,100,200,500] [--paces bursty,paced]
 *   [--contenders onecast,janus,pion] [--window-ms 1500] [--no-cells] [--no-ramp]
 *   [--step 50] [--most 1000] [--no-save | --report]
 * What forwarding costs, for our server and others, and how many viewers a core and a machine carry.
 */
import { readFileSync } from 'node:fs';
import { LIMITS } from '#config/limits.ts';
import { type Ramp, ramp } from './fan-out/ramp.ts';
import { costOf, type FanOutSummary, outputs } from './fan-out/report.ts';
import { measureRounds } from './fan-out/rounds.ts';
import { count, counts, flag, names } from './options.ts';
import { provenance, runPart } from './part.ts';
import { CONTENDER_IDS, type Field, titlesOf, withContenders } from './peers/contenders.ts';
import type { PaceName } from './stages/load-stage.ts';

const FIRST_RAMP_LEVEL = 100;

await runPart({
  name: 'fan-out',
  options: {
    rounds: count(5, 100),
    levels: counts('10,50,100,200,500', 3_000),
    paces: names(['bursty', 'paced']),
    contenders: names(
      CONTENDER_IDS,
      'onecast,onecast-unbatched,onecast-usual,janus,janus-installed,pion',
    ),
    windowMs: count(1_500, 60_000),
    ramp: flag(true),
    cells: flag(true),
    most: count(1_000, 3_000),
    step: count(50, 1_000),
  },
  async measure(options, stored: FanOutSummary | undefined) {
    warnOfSmallBuffers();
    return withContenders(options.contenders, async (field): Promise<FanOutSummary> => {
      const made = provenance('fan-out');
      const log = (line: string) => console.log(line);
      const rounds = options.cells ? await measureRounds({ ...options, ...field, log }) : undefined;
      if (rounds && rounds.failures.length > 0) process.exitCode = 1;
      const ramps = options.ramp ? await measureRamps(field, options) : [];
      return {
        ...stored,
        titles: { ...stored?.titles, ...titlesOf(field.contenders) },
        ...(rounds && { cost: { ...made, ...costOf(rounds) } }),
        ...(ramps.length > 0 && { carried: { ...made, ramps } }),
      };
    });
  },
  outputs,
});

interface RampsOptions {
  readonly paces: readonly PaceName[];
  readonly most: number;
  readonly step: number;
  readonly windowMs: number;
}

async function measureRamps(
  { loadgen, contenders }: Field,
  { paces, most, step, windowMs }: RampsOptions,
): Promise<Ramp[]> {
  const ramps: Ramp[] = [];
  for (const allCores of [false, true]) {
    for (const contender of contenders) {
      for (const pace of paces) {
        const from = FIRST_RAMP_LEVEL;
        const one = await ramp({ loadgen, contender, pace, allCores, most, windowMs, from, step });
        ramps.push(one);
        const where = allCores ? 'every core' : 'one core';
        console.log(`${contender.title}, ${pace}, ${where}: ${one.carried} viewers (${one.end})`);
      }
    }
  }
  return ramps;
}

/** Linux silently limits the buffers that a server requests; then the bench measures the buffer. */
function warnOfSmallBuffers(): void {
  const most = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8'));
  if (most >= LIMITS.socketBufferBytes) return;
  console.warn(
    `net.core.rmem_max is ${most}: with a few hundred viewers or more, packets are lost because of it. ` +
      `sysctl -w net.core.rmem_max=${LIMITS.socketBufferBytes} net.core.wmem_max=${LIMITS.socketBufferBytes}`,
  );
}
