// Runs the stages of `npm test`, all of them, and prints one summary.

import { mkdirSync, rmSync } from 'node:fs';
import { inRoot, readJson, ROOT } from './host.mjs';
import { Failure, say } from './output.mjs';
import { runInForeground } from './shell.mjs';
import { failedResult, readReport, summaryLines } from './summary.mjs';

const bin = (path) => inRoot('node_modules', ...path.split('/'));

/** All of it as editors see it, and each layer alone: the server has no DOM, pages have no Node. */
const TSCONFIGS = [
  'tsconfig.json',
  ...['server', 'pages', 'workers', 'scripts'].map((layer) => `scripts/tsconfig.${layer}.json`),
];

/** Stages that only read the sources, and the programs that each of them runs. */
const STATIC = {
  types: TSCONFIGS.map((config) => [bin('typescript/bin/tsc'), '-p', inRoot(config)]),
  lint: [[bin('oxlint/bin/oxlint')]],
  words: [[inRoot('scripts', 'words.mjs')]],
  format: [[bin('@biomejs/biome/bin/biome'), 'format', '.']],
};

/** The vitest projects, and what must be prepared for each. */
const PROJECTS = {
  unit: [],
  integration: ['worker', 'egress', 'frontend'],
  e2e: ['worker', 'egress', 'frontend', 'browser', 'network'],
};

export const STATIC_STAGES = Object.keys(STATIC);

/** Parses `--only <stage>`; all other arguments go to vitest. */
export function parseTestArguments(args) {
  const index = args.indexOf('--only');
  if (index === -1) return { only: undefined, rest: args };
  return { only: args[index + 1] ?? '', rest: args.toSpliced(index, 2) };
}

export function stagesFor(only) {
  const all = [...STATIC_STAGES, ...Object.keys(PROJECTS)];
  if (only !== undefined && !all.includes(only)) {
    throw new Failure(`There is no stage "${only}"`, `npm test -- --only ${all.join('|')}`);
  }
  const stages = only === undefined ? all : [only];
  return { stages, wanted: [...new Set(stages.flatMap((stage) => PROJECTS[stage] ?? []))] };
}

/** Runs the stages and returns the exit code. */
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
  // On stdout, for programs that read only the last line.
  process.stdout.write(`\n${lines.join('\n')}\n`);
  return ok ? 0 : 1;
}

/**
 * @param {string} stage
 * @param {{ node: string, env?: Record<string, string>, rest?: string[] }} context
 */
async function runStatic(stage, { node, env }) {
  let ok = true;
  // All of them run, so that one look shows every error.
  for (const args of STATIC[stage]) {
    if ((await runInForeground(node, args, { cwd: ROOT, env })) !== 0) ok = false;
  }
  return { kind: 'static', ok };
}

async function runProject(stage, { node, env, rest }) {
  const report = inRoot('tests', '.artifacts', `${stage}.json`);
  mkdirSync(inRoot('tests', '.artifacts'), { recursive: true });
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const args = [bin('vitest/vitest.mjs'), 'run', '--project', stage, ...reporters, ...rest];
  const code = await runInForeground(node, args, { cwd: ROOT, env });
  const json = readJson(report);
  return json ? readReport(json, code) : failedResult('no report');
}
