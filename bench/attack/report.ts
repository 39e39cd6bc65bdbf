/** What the bench writes: JSON, and the table of docs/security.md. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Row {
  readonly attack: string;
  readonly rounds: number;
  readonly acks: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly unanswered: number;
  /** Of all viewers together, the median of the rounds. */
  readonly framesPerS: number;
  readonly packetsLost: number;
  readonly framesDropped: number;
  readonly longestGapMs: number;
  /** Cores that the server and its workers took. */
  readonly serverCores: number;
  /** Of the machine: above its number of cores the times say little. */
  readonly load: number;
  /** Of each round, s; null where the attacker was still connected at the end. */
  readonly closedAfterS: readonly (number | null)[];
}

export interface Report {
  readonly at: string;
  readonly cores: number;
  readonly windowMs: number;
  readonly rows: readonly Row[];
}

const RESULTS = join(import.meta.dirname, '../results');
const PAGE = join(import.meta.dirname, '../../docs/security.md');
const PLACE = /<!-- bench:attack -->[^]*<!-- \/bench:attack -->/;

export function save(report: Report & { readonly windows: readonly object[] }): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'attack.json'), `${JSON.stringify(report, null, 2)}\n`);
  const section = `<!-- bench:attack -->\n\n${markdown(report)}\n\n<!-- /bench:attack -->`;
  writeFileSync(
    PAGE,
    readFileSync(PAGE, 'utf8').replace(PLACE, () => section),
  );
}

function markdown({ at, cores, windowMs, rows }: Report): string {
  const head = ['attack', 'ack p50', 'p99', 'max', 'frames/s', 'attacker closed after', 'load'];
  const cells = rows.map((row) => [
    row.attack,
    `${row.p50} ms`,
    `${row.p99} ms`,
    `${row.max} ms`,
    String(row.framesPerS),
    row.closedAfterS.map((s) => (s === null ? 'not in time' : `${s} s`)).join(', ') || '–',
    String(row.load),
  ]);
  const lines = [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...cells];
  return [
    `Measured on ${at.slice(0, 10)} on ${cores} cores, ${rows[0]?.rounds ?? 0} rounds of ${windowMs / 1_000} s each.`,
    '',
    ...lines.map((line) => `| ${line.join(' | ')} |`),
  ].join('\n');
}
