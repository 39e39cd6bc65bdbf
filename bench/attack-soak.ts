/**
 * npm run bench:attack -- soak [--minutes 10] [--no-save | --report]
 * Pages come and go, every attack runs in turn, and one room goes on with its broadcast: whether memory
 * grows, and what that room notices.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Limits } from '#config/limits.ts';
import { ATTACKS } from './attack/attacks.ts';
import { Stage } from './attack/measure.ts';
import { timesOf } from './attack/report.ts';
import { type Resources, resourcesOf } from './attack/resources.ts';
import { cycle } from './churn/cycles.ts';
import { Loadgen } from './loadgen/loadgen.ts';
import { count } from './options.ts';
import { measuredBy, type Output, type Provenance, provenance, runPart } from './part.ts';
import { plotOf } from './report/plot.ts';
import { hundredth, slopeOf, tenth } from './report/stats.ts';

const SAMPLE_MS = 5_000;
const ATTACK_MS = 8_000;
const PAUSE_MS = 2_000;
/** Pages at a time that come and go, and how long each of these places then rests. */
const CHURN_WIDTH = 4;
const CHURN_REST_MS = 250;
/** The share of the run in which caches fill and the heap reaches its size. */
const WARM_UP = 0.3;
/** Shorter than the product's, so that what is left behind is gone within the run. */
const LIMITS: Partial<Limits> = {
  sessionGraceMs: 5_000,
  idleRoomMs: 20_000,
  idleUnusedRoomMs: 20_000,
  interruptedRoomMs: 20_000,
};

interface SoakSample extends Resources {
  readonly minute: number;
  readonly heapMb: number;
  readonly sessions: number;
  readonly rooms: number;
  readonly ackP99Ms: number;
}

interface SoakSummary extends Provenance {
  readonly samples: readonly SoakSample[];
  /** After the warm-up, MB per hour. */
  readonly slope: { readonly server: number; readonly workers: number };
  readonly cycles: number;
  readonly attacks: number;
  /** Of the room that attacks nothing. */
  readonly packets: number;
  readonly packetsLost: number;
  readonly failed: number;
  /** Of the pages that come and go. */
  readonly churnErrors: readonly string[];
}

await runPart({
  name: 'attack-soak',
  options: { minutes: count(10, 600) },
  async measure({ minutes }): Promise<SoakSummary> {
    const made = provenance('attack-soak');
    const loadgen = await Loadgen.compile();
    const stage = await Stage.open(loadgen, LIMITS);
    const begun = performance.now();
    const left = () => begun + minutes * 60_000 - performance.now();
    const churnErrors: string[] = [];
    let cycles = 0;
    let attacks = 0;
    const churn = async () => {
      while (left() > 0) {
        cycles += 1;
        await cycle(stage.server.url, cycles % 30_000, churnErrors);
        await delay(CHURN_REST_MS);
      }
    };
    const attack = async () => {
      for (let i = 0; left() > ATTACK_MS; i += 1) {
        const next = ATTACKS[i % ATTACKS.length];
        if (!next) return;
        const attacker = await stage.attacker(next);
        await attacker.begin();
        attacks += 1;
        await delay(ATTACK_MS);
        await attacker.hold();
        await delay(PAUSE_MS);
        await attacker.end();
      }
    };
    try {
      const running = Promise.all([attack(), ...Array.from({ length: CHURN_WIDTH }, churn)]);
      const samples: SoakSample[] = [];
      let [packets, packetsLost, failed] = [0, 0, 0];
      while (left() > 0) {
        const innocent = await stage.room.measure(SAMPLE_MS);
        packets += innocent.packets;
        packetsLost += innocent.packetsLost;
        failed += innocent.failed;
        const { sessions, rooms, heapBytes } = await stage.server.query('counts');
        samples.push({
          minute: hundredth((performance.now() - begun) / 60_000),
          ...resourcesOf(stage.server),
          heapMb: tenth(heapBytes / 1_048_576),
          sessions,
          rooms,
          ackP99Ms: timesOf(innocent.ackMs).p99,
        });
        process.stderr.write(`${JSON.stringify(samples.at(-1))}\n`);
      }
      await running;
      const warm = samples.slice(Math.floor(samples.length * WARM_UP));
      const perHour = (what: 'serverMb' | 'workersMb') =>
        tenth(slopeOf(warm.map((sample) => [sample.minute / 60, sample[what]] as const)));
      return {
        ...made,
        samples,
        slope: { server: perHour('serverMb'), workers: perHour('workersMb') },
        cycles,
        attacks,
        packets,
        packetsLost,
        failed,
        churnErrors: churnErrors.slice(0, 20),
      };
    } finally {
      await stage.close();
      loadgen.close();
    }
  },
  outputs: (summary): Output[] => [
    { file: 'docs/security.md', marker: 'attack-soak', markdown: markdown(summary) },
    { file: 'docs/images/attack-soak.svg', svg: plot(summary) },
  ],
});

function markdown(summary: SoakSummary): string {
  const { samples, slope, attacks, cycles, packets, packetsLost, failed, churnErrors } = summary;
  const minutes = Math.round(samples.at(-1)?.minute ?? 0);
  return [
    `${measuredBy(summary)} In ${minutes} minutes ${attacks} attacks one after another, and ${cycles} pages that came and went.`,
    `Memory after the first third: server ${signed(slope.server)} MB an hour, workers ${signed(slope.workers)} MB an hour.`,
    `The room that went on with its broadcast lost ${packetsLost} of ${packets.toLocaleString('en')} packets, and ${failed} of its requests failed.`,
    `Of the pages, ${churnErrors.length === 0 ? 'none' : churnErrors.length} got an error.`,
  ].join('\n');
}

function signed(value: number): string {
  return value > 0 ? `+${value}` : String(value);
}

function plot({ samples }: SoakSummary): string {
  const line = (name: string, pick: (sample: SoakSample) => number) => ({
    name,
    values: samples.map(pick),
  });
  return plotOf(
    'Attacks in turn, and pages that come and go; minutes',
    samples.map(({ minute }) => minute),
    [
      {
        title: 'Resident memory after a garbage collection, MB',
        lines: [
          line('server', ({ serverMb }) => serverMb),
          line('of it, heap in use', ({ heapMb }) => heapMb),
          line('media worker', ({ workersMb }) => workersMb),
        ],
      },
      {
        title: 'What exists',
        lines: [
          line('open descriptors', ({ files }) => files),
          line('sessions', ({ sessions }) => sessions),
          line('rooms', ({ rooms }) => rooms),
        ],
      },
      {
        title: 'Time to an ack in the innocent room, ms',
        lines: [line('p99', ({ ackP99Ms }) => ackP99Ms)],
      },
    ],
  );
}
