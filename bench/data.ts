/**
 * npm run bench -- data [--levels 10,100,200] [--rounds 5] [--window-ms 2000] [--no-save | --report]
 * What an overlay message costs for each viewer that receives it: 200 bytes, 30 a second, without
 * video.
 */
import { count, counts } from './options.ts';
import { measuredBy, type Provenance, provenance, runPart } from './part.ts';
import { withContenders } from './peers/contenders.ts';
import { forStorage, medianOf } from './report/stats.ts';
import { type LoadMeasurement, LoadStage } from './stages/load-stage.ts';

const BYTES = 200;
const PER_SECOND = 30;

interface DataRow {
  readonly contender: string;
  readonly viewers: number;
  /** Median, µs. */
  readonly cpuPerMessageUs: number;
  /** Medians of the delay, ms. */
  readonly p50: number;
  readonly p99: number;
}

interface DataSummary extends Provenance {
  readonly rounds: number;
  readonly rows: readonly DataRow[];
}

await runPart({
  name: 'data',
  options: {
    levels: counts('10,100,200', 3_000),
    rounds: count(5, 100),
    windowMs: count(2_000, 60_000),
  },
  async measure({ levels, rounds, windowMs }): Promise<DataSummary> {
    const all: (LoadMeasurement & { readonly contender: string })[] = [];
    await withContenders(['onecast-data', 'pion-data'], async ({ loadgen, contenders }) => {
      for (let round = 0; round < rounds; round += 1) {
        for (const contender of contenders) {
          await LoadStage.run({ loadgen, contender }, async (stage) => {
            for (const level of levels) {
              await stage.grow(level);
              stage.sendOnlyMessages(BYTES, PER_SECOND);
              const measured = await stage.measure(windowMs);
              all.push({ ...measured, contender: contender.title });
              const { cpuPerMessageUs, p99, messages, messagesSent } = measured;
              console.log(
                `${contender.title}, ${level}: ${cpuPerMessageUs.toFixed(1)} µs, p99 ${p99.toFixed(1)} ms, ` +
                  `${messages} of ${messagesSent * level}`,
              );
            }
          });
        }
      }
    });
    const titles = [...new Set(all.map(({ contender }) => contender))];
    const rows = titles.flatMap((contender) =>
      levels.map((viewers): DataRow => {
        const own = all.filter((one) => one.contender === contender && one.viewers === viewers);
        const median = (pick: (measured: LoadMeasurement) => number) =>
          forStorage(medianOf(own.map(pick)));
        return {
          contender,
          viewers,
          cpuPerMessageUs: median((one) => one.cpuPerMessageUs),
          p50: median(({ p50 }) => p50),
          p99: median(({ p99 }) => p99),
        };
      }),
    );
    return { ...provenance('data'), rounds, rows };
  },
  outputs: (summary) => [
    { file: 'docs/benchmarks.md', marker: 'data', markdown: markdown(summary) },
  ],
});

function markdown(summary: DataSummary): string {
  return [
    `${measuredBy(summary)} Medians of ${summary.rounds} rounds.`,
    '',
    '| server | viewers | µs a delivered message | p50, ms | p99, ms |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...summary.rows.map(
      ({ contender, viewers, cpuPerMessageUs, p50, p99 }) =>
        `| ${contender} | ${viewers} | ${cpuPerMessageUs.toFixed(1)} | ${p50.toFixed(1)} | ${p99.toFixed(1)} |`,
    ),
  ].join('\n');
}
