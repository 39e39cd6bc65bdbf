/** The summary of the attack part, and its tables in docs/security.md. */
import { type Output, type Provenance, measuredBy } from '../part.ts';
import { hundredth, medianOf, tenth } from '../report/stats.ts';
import type { AttackerStats } from './attacker.ts';
import { ATTACKS } from './attacks.ts';
import type { InnocentStats } from './innocent-room.ts';
import type { AttackWindow } from './measure.ts';
import type { Resources } from './resources.ts';

/** Percentiles, ms. */
interface Times {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** What the room experienced, over all rounds. */
interface Experience {
  readonly ack: Times;
  readonly join: Times;
  readonly failed: number;
  readonly packets: number;
  readonly packetsLost: number;
  readonly packetP99Ms: number;
}

export interface AttackRow {
  readonly attack: string;
  readonly rounds: number;
  readonly quiet: Experience;
  readonly attacked: Experience;
  /** Of the round with the highest peak of memory. */
  readonly before: Resources;
  readonly peak: Resources;
  readonly after: Resources;
  /** For each round; null: not within a minute. */
  readonly backAfterS: readonly (number | null)[];
  readonly cores: { readonly server: number; readonly workers: number; readonly attacker: number };
  /** What the attacker counted in the first round. */
  readonly attacker: AttackerStats;
}

export interface AttackSummary extends Provenance {
  readonly windowS: number;
  readonly rows: readonly AttackRow[];
}

/** The p99 of acks may be twice the undisturbed one, or this. */
const ACK_MS = 50;

export function rowOf(windows: readonly AttackWindow[]): AttackRow {
  const [first] = windows;
  if (!first) throw new Error('nothing was measured');
  const worst = windows.reduce((one, two) => (two.peak.serverMb > one.peak.serverMb ? two : one));
  const cores = (who: keyof AttackRow['cores']) =>
    hundredth(medianOf(windows.map((window) => window.cores[who])));
  return {
    attack: first.attack,
    rounds: windows.length,
    quiet: experienceOf(windows.map(({ quiet }) => quiet)),
    attacked: experienceOf(windows.map(({ attacked }) => attacked)),
    before: worst.before,
    peak: worst.peak,
    after: worst.recovery.after,
    backAfterS: windows.map(({ recovery }) => recovery.backAfterS ?? null),
    cores: { server: cores('server'), workers: cores('workers'), attacker: cores('attacker') },
    attacker: first.attacker,
  };
}

/** Times and counts of all rounds together. */
function experienceOf(stats: readonly InnocentStats[]): Experience {
  const sum = (pick: (one: InnocentStats) => number) =>
    stats.reduce((total, one) => total + pick(one), 0);
  return {
    ack: timesOf(stats.flatMap(({ ackMs }) => ackMs)),
    join: timesOf(stats.flatMap(({ joinMs }) => joinMs)),
    failed: sum(({ failed }) => failed),
    packets: sum(({ packets }) => packets),
    packetsLost: sum(({ packetsLost }) => packetsLost),
    packetP99Ms: tenth(medianOf(stats.map(({ packetP99Ms }) => packetP99Ms))),
  };
}

export function timesOf(values: readonly number[]): Times {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => tenth(sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN);
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** What the row misses of the targets; empty: nothing. */
function missesOf({ quiet, attacked, backAfterS }: AttackRow): string[] {
  const isLate = attacked.ack.p99 > Math.max(ACK_MS, 2 * quiet.ack.p99);
  return [
    ...(isLate ? ['acks'] : []),
    ...(attacked.failed > 0 ? [`${attacked.failed} failed`] : []),
    ...(attacked.packetsLost > 0 ? [`${attacked.packetsLost} packets lost`] : []),
    ...(backAfterS.includes(null) ? ['not back in 60 s'] : []),
  ];
}

export function outputs(summary: AttackSummary): Output[] {
  return [{ file: 'docs/security.md', marker: 'attack', markdown: markdown(summary) }];
}

function markdown(summary: AttackSummary): string {
  const { rows, windowS } = summary;
  const titles = new Map(ATTACKS.map(({ id, title }) => [id, title]));
  const title = ({ attack }: AttackRow) => titles.get(attack) ?? attack;
  const pair = (row: AttackRow, pick: (experience: Experience) => number) =>
    `${pick(row.quiet)} → ${pick(row.attacked)}`;
  const experienced = rows.map((row) => [
    title(row),
    pair(row, ({ ack }) => ack.p50),
    pair(row, ({ ack }) => ack.p95),
    pair(row, ({ ack }) => ack.p99),
    pair(row, ({ ack }) => ack.max),
    pair(row, ({ join }) => join.p99),
    pair(row, ({ packetP99Ms }) => packetP99Ms),
    `${row.attacked.packetsLost} of ${row.attacked.packets}`,
    missesOf(row).join(', ') || 'yes',
  ]);
  const resources = rows.map((row) => {
    const three = (what: keyof Resources) =>
      [row.before, row.peak, row.after].map((one) => one[what]).join(' → ');
    return [
      title(row),
      three('serverMb'),
      three('workersMb'),
      three('files'),
      row.backAfterS.map((s) => (s === null ? 'not in 60 s' : `${s} s`)).join(', '),
      `${row.cores.server} + ${row.cores.workers}`,
      String(row.cores.attacker),
      Object.entries(row.attacker)
        .map(([what, count]) => `${count.toLocaleString('en')} ${what}`)
        .join(', '),
    ];
  });
  return [
    `${measuredBy(summary)} Windows of ${windowS} s. Each pair: undisturbed → during the attack, on the same server.`,
    '',
    ...table(
      [
        'attack',
        'ack p50, ms',
        'p95',
        'p99',
        'max',
        'join p99',
        'packet p99',
        'packets lost',
        'within the targets',
      ],
      experienced,
    ),
    '',
    'What the server needed: before → at the peak → afterwards.',
    '',
    ...table(
      [
        'attack',
        'server, MB',
        'workers, MB',
        'descriptors',
        'back after',
        'cores: server + workers',
        'attacker’s cores',
        'the attacker counted',
      ],
      resources,
    ),
  ].join('\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows];
  return lines.map((line) => `| ${line.join(' | ')} |`);
}
