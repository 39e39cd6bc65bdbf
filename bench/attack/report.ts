/** The summary of the attack part, and its table in docs/security.md. */
import type { Output, Provenance } from '../part.ts';

/** One attack, over all rounds. */
export interface AttackRow {
  readonly attack: string;
  readonly rounds: number;
  readonly acks: number;
  /** Percentiles of the time to an ack, ms. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly unanswered: number;
  /** Of all viewers together; median of the rounds. */
  readonly framesPerS: number;
  readonly packetsLost: number;
  readonly framesDropped: number;
  readonly longestGapMs: number;
  /** Cores that the server and its workers used. */
  readonly serverCores: number;
  /** Load average of the machine: above its number of cores the times mean little. */
  readonly load: number;
  /** For each round, s; null where the attacker was still connected at the end. */
  readonly closedAfterS: readonly (number | null)[];
}

export interface AttackSummary extends Omit<Provenance, 'command'> {
  readonly windowMs: number;
  readonly rows: readonly AttackRow[];
}

export function outputs(summary: AttackSummary): Output[] {
  return [{ file: 'docs/security.md', marker: 'attack', markdown: markdown(summary) }];
}

function markdown({ at, cores, windowMs, rows }: AttackSummary): string {
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
