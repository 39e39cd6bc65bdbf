/**
 * A part of the bench: measures, stores a summary in results/, and writes the tables and plots of the
 * documents from that summary alone. So `--report` writes them again without measuring.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { flag, type Options, type OptionValues, readOptions } from './options.ts';
import { compactJson } from './report/compact-json.ts';
import { fillIn } from './report/markers.ts';

/** When, where and with which command something was measured. */
export interface Provenance {
  /** ISO 8601. */
  readonly at: string;
  readonly cores: number;
  readonly command: string;
}

/** A file below the repository's root: an SVG, or a document with a place for `markdown`. */
export type Output =
  | { readonly file: string; readonly svg: string }
  | { readonly file: string; readonly marker: string; readonly markdown: string };

export interface Part<S, O extends Options> {
  /** As in `npm run bench -- <name>`; the summary is results/<name>.json. */
  readonly name: string;
  readonly options: O;
  /**
   * @param stored the last summary, for parts that keep what is not measured this time; undefined
   *   with `--no-save`
   * @param save stores an intermediate summary of a long run
   * @returns undefined where there is nothing to measure
   */
  measure(
    options: OptionValues<O>,
    stored: S | undefined,
    save: (summary: S) => void,
  ): Promise<S | undefined>;
  /** The first markdown is also printed. */
  outputs(summary: S): readonly Output[];
}

const ROOT = join(import.meta.dirname, '..');
const RESULTS = join(import.meta.dirname, 'results');

/** Every part also has `--no-save` (only print) and `--report` (only write the documents again). */
export async function runPart<S extends object, const O extends Options>(
  part: Part<S, O>,
): Promise<void> {
  const common = readOptions({ ...part.options, save: flag(true), report: flag(false) });
  const stored = readResults(part.name) as S | undefined;
  const save = (summary: S) => {
    if (!common.save) return;
    mkdirSync(RESULTS, { recursive: true });
    writeFileSync(resultFile(part.name), `${compactJson(summary)}\n`);
    for (const output of part.outputs(summary)) write(output);
  };
  if (common.report && !stored) throw new Error(`${part.name} has no stored results`);
  const summary = common.report
    ? stored
    : await part.measure(common, common.save ? stored : undefined, save);
  if (!summary) return;
  save(summary);
  const first = part.outputs(summary).find((output) => 'markdown' in output);
  if (first) console.log(`\n${first.markdown}`);
}

/** The stored summary of a part; undefined where there is none. */
export function readResults(name: string): unknown {
  const file = resultFile(name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

export function provenance(name: string): Provenance {
  return {
    at: new Date().toISOString(),
    cores: availableParallelism(),
    command: ['npm run bench --', name, ...process.argv.slice(2)].join(' '),
  };
}

/** The sentence above a table. `more` is added before its full stop. */
export function measuredBy({ at, cores, command }: Provenance, more = ''): string {
  return `Measured on ${at.slice(0, 10)} by \`${command}\`, on a machine of ${cores} cores${more}.`;
}

function resultFile(name: string): string {
  return join(RESULTS, `${name}.json`);
}

function write(output: Output): void {
  const file = join(ROOT, output.file);
  if ('markdown' in output) {
    fillIn(file, output.marker, output.markdown);
  } else {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, output.svg);
  }
}
