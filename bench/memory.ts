/**
 * npm run bench -- memory [--levels 100,200,300,400,500] [--contenders onecast,janus,pion] [--rounds 3]
 *   [--no-save | --report]
 * What a viewer costs in memory: how the resident memory of the whole server rises with the viewers.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { count, counts, names } from './options.ts';
import { measuredBy, type Provenance, provenance, runPart } from './part.ts';
import type { Contender } from './peers/broadcaster.ts';
import { CONTENDER_IDS, titlesOf, withContenders } from './peers/contenders.ts';
import { hundredth, medianOf, slopeOf } from './report/stats.ts';
import type { Loadgen } from './loadgen/loadgen.ts';
import { LoadStage } from './stages/load-stage.ts';

/** Retransmission buffers fill within a second or two. */
const SETTLE_MS = 2_500;

interface MemoryRow {
  readonly contender: string;
  /** Median of the slopes of the rounds, kB per viewer. */
  readonly perViewerKb: number;
  readonly rounds: number;
}

interface MemorySummary extends Provenance {
  readonly titles: Readonly<Record<string, string>>;
  readonly levels: readonly number[];
  readonly rows: readonly MemoryRow[];
}

await runPart({
  name: 'memory',
  options: {
    levels: counts('100,200,300,400,500', 3_000),
    contenders: names(CONTENDER_IDS, 'onecast,janus,janus-installed,pion'),
    rounds: count(3, 100),
  },
  async measure({ levels, contenders: ids, rounds }, stored: MemorySummary | undefined) {
    return withContenders(ids, async ({ loadgen, contenders }): Promise<MemorySummary> => {
      const rows: MemoryRow[] = [];
      for (const contender of contenders) {
        const slopes: number[] = [];
        for (let round = 0; round < rounds; round += 1) {
          slopes.push(slopeOf(await residentByViewers(loadgen, contender, levels)) * 1000);
        }
        rows.push({
          contender: contender.id,
          perViewerKb: Math.round(medianOf(slopes)),
          rounds,
        });
      }
      const others = (stored?.rows ?? []).filter(
        ({ contender }) => !rows.some((row) => row.contender === contender),
      );
      return {
        ...provenance('memory'),
        titles: { ...stored?.titles, ...titlesOf(contenders) },
        levels,
        rows: [...rows, ...others],
      };
    });
  },
  outputs: (summary) => [
    { file: 'docs/benchmarks.md', marker: 'memory', markdown: markdown(summary) },
  ],
});

/** Resident memory of the server in MB (10^6 bytes) at each number of viewers. */
async function residentByViewers(
  loadgen: Loadgen,
  contender: Contender,
  levels: readonly number[],
): Promise<(readonly [viewers: number, megabytes: number])[]> {
  const points: (readonly [number, number])[] = [];
  await LoadStage.run({ loadgen, contender }, async (stage) => {
    for (const level of levels) {
      await stage.grow(level);
      await delay(SETTLE_MS);
      points.push([level, hundredth(stage.residentBytes / 1e6)]);
    }
  });
  console.log(`${contender.title}: ${points.map(([n, mb]) => `${n}: ${mb} MB`).join(', ')}`);
  return points;
}

function markdown({ titles, levels, rows, ...summary }: MemorySummary): string {
  const where = measuredBy(summary).slice(0, -1);
  return [
    `${where}: how resident memory of the whole server rises from ${levels[0]} to ${levels.at(-1)} viewers.`,
    '',
    '| server | kB a viewer | rounds |',
    '| --- | ---: | ---: |',
    ...rows.map(
      ({ contender, perViewerKb, rounds }) =>
        `| ${titles[contender] ?? contender} | ${perViewerKb} | ${rounds} |`,
    ),
  ].join('\n');
}
