// The stages of `npm test`: all are run, and one summary tells how each ended.

import { mkdirSync, rmSync } from 'node:fs';
import { inRoot, readJson, ROOT } from './host.mjs';
import { Failure } from './failure.mjs';
import { say } from './progress.mjs';
import { inOurPlace } from './shell.mjs';
import { failedResult, readReport, summaryLines } from './summary.mjs';

const bin = (path) => inRoot('node_modules', ...path.split('/'));

/** Programs that read the sources only. */
const STATIC = {
  types: [bin('typescript/bin/tsc'), '--noEmit'],
  lint: [bin('oxlint/bin/oxlint')],
  format: [bin('@biomejs/biome/bin/biome'), 'format', '.'],
};

/** Projects of vitest, and what must be ready for them. */
const PROJECTS = {
  unit: [],
  integration: ['worker', 'egress', 'frontend'],
  e2e: ['worker', 'egress', 'frontend', 'browser', 'network'],
};

export const STATIC_STAGES = Object.keys(STATIC);

/** `--only <stage>`; the rest goes to vitest. */
export function parseTestArguments(args) {
  const at = args.indexOf('--only');
  if (at === -1) return { only: undefined, rest: args };
  return { only: args[at + 1] ?? '', rest: args.toSpliced(at, 2) };
}

export function stagesFor(only) {
  const all = [...STATIC_STAGES, ...Object.keys(PROJECTS)];
  if (only !== undefined && !all.includes(only)) {
    throw new Failure(`There is no stage "${only}"`, `npm test -- --only ${all.join('|')}`);
  }
  const stages = only === undefined ? all : [only];
  return { stages, wanted: [...new Set(stages.flatMap((stage) => PROJECTS[stage] ?? []))] };
}

/** Runs the stages and gives the exit code. */
export async function runTests({ node, env }, stages, rest = []) {
  const results = [];
  for (const stage of stages) {
    say(`\n── ${stage} ──`);
    const started = performance.now();
    const run = STATIC[stage] ? runStatic : runProject;
    const result = await run(stage, { node, env, rest });
    results.push({ stage, seconds: (performance.now() - started) / 1000, ...result });
  }
  const { lines, ok } = summaryLines(results);
  // stdout, for whoever reads the last line only.
  process.stdout.write(`\n${lines.join('\n')}\n`);
  return ok ? 0 : 1;
}

async function runStatic(stage, { node }) {
  const code = await inOurPlace(node, STATIC[stage], { cwd: ROOT });
  return { kind: 'static', ok: code === 0 };
}

async function runProject(stage, { node, env, rest }) {
  const report = inRoot('tests', '.artifacts', `${stage}.json`);
  mkdirSync(inRoot('tests', '.artifacts'), { recursive: true });
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const args = [bin('vitest/vitest.mjs'), 'run', '--project', stage, ...reporters, ...rest];
  const code = await inOurPlace(node, args, { cwd: ROOT, env });
  const json = readJson(report);
  return json ? readReport(json, code) : failedResult('no report');
}
