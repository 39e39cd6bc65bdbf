// `npm start`, `npm test` and the rest: what a task needs is made ready, then the task runs.
// Plain JavaScript without dependencies: it starts on Node 20, before anything is installed.

import { existsSync } from 'node:fs';
import { ensureBenchTools, ensureLoadgenTools } from './bench-tools.mjs';
import { ensureBrowser, ensureFirefox } from './browser.mjs';
import { CACHE } from './cache.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { ensureEgress } from './egress.mjs';
import { asFailure, Failure } from './failure.mjs';
import { ensureFrontend } from './frontend.mjs';
import { inRoot, readJson, ROOT } from './host.mjs';
import { ensureWorker } from './media-worker.mjs';
import { say } from './progress.mjs';
import { ensureCompiler, ensureNetworkTools } from './network-tools.mjs';
import { ensureRuntime } from './runtime.mjs';
import { inOurPlace, passOn } from './shell.mjs';
import { parseTestArguments, runTests, STATIC_STAGES, stagesFor } from './stages.mjs';

async function prepare(...wanted) {
  const node = await ensureRuntime();
  await ensureDependencies();
  const env = {};
  if (wanted.includes('worker')) env.MEDIASOUP_WORKER_BIN = await ensureWorker(node);
  const library = wanted.includes('egress') ? await ensureEgress() : undefined;
  if (library) env.MEDIA_EGRESS_LIBRARY = library;
  if (wanted.includes('frontend')) await ensureFrontend(node);
  if (wanted.includes('browser')) env.CHROMIUM_PATH = await ensureBrowser();
  if (wanted.includes('firefox')) env.FIREFOX_PATH = await ensureFirefox();
  if (wanted.includes('compiler')) await ensureCompiler();
  if (wanted.includes('network')) await ensureNetworkTools();
  if (wanted.includes('loadgen')) await ensureLoadgenTools();
  if (wanted.includes('peers')) await ensureBenchTools();
  return { node, env };
}

/** Not --env-file-if-exists: it tells everyone without a .env that there is none. */
const envFile = () => (existsSync(inRoot('.env')) ? ['--env-file=.env'] : []);

async function serve({ node, env }, ...options) {
  const args = [...envFile(), ...options, 'backend/src/main.ts'];
  return inOurPlace(node, args, { cwd: ROOT, env });
}

const tasks = {
  async start() {
    return serve(await prepare('worker', 'egress', 'frontend'));
  },
  async dev() {
    const { node, env } = await prepare('worker', 'egress');
    return serve({ node, env: { ...env, ONECAST_DEV: '1' } }, '--watch');
  },
  async check() {
    return runTests(await prepare(), STATIC_STAGES.concat('unit'));
  },
  async test(args) {
    const { only, rest } = parseTestArguments(args);
    const { stages, wanted } = stagesFor(only);
    return runTests(await prepare(...wanted), stages, rest);
  },
  async format() {
    const { node } = await prepare();
    const biome = ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', '.'];
    return inOurPlace(node, biome, { cwd: ROOT });
  },
  /** A signed token for a room; see docs/operations.md. */
  async token(args) {
    const { node } = await prepare();
    return inOurPlace(node, [...envFile(), 'backend/src/admission/make-token.ts', ...args], {
      cwd: ROOT,
    });
  },
  /** The pictures of docs/images. */
  async screenshots(args) {
    const { node, env } = await prepare('worker', 'egress', 'frontend', 'browser');
    return inOurPlace(node, ['scripts/screenshots.mjs', ...args], { cwd: ROOT, env });
  },
  /** One part of the bench, or all of them in short. */
  async bench(args) {
    const all = readJson(inRoot('bench', 'parts.json'));
    const parts = args.length === 0 ? all : all.filter(({ name }) => name === args[0]);
    if (parts.length === 0) {
      const known = all.map(({ name }) => name).join('|');
      throw new Failure(`The bench has no part "${args[0]}"`, `npm run bench -- ${known}`);
    }
    const { node, env } = await prepare(...new Set(parts.flatMap(({ needs }) => needs)));
    return inOurPlace(node, ['bench/bench.ts', ...args], { cwd: ROOT, env });
  },
  /** Viewers by the hundred, joins by the thousand. */
  async 'bench:load'(args) {
    const { node, env } = await prepare('worker', 'egress', 'frontend', 'browser');
    return inOurPlace(node, ['bench/load.ts', ...args], { cwd: ROOT, env });
  },
  /** Every fault, over and over, and how long the picture is away. */
  async 'bench:recovery'(args) {
    const { node, env } = await prepare('worker', 'egress', 'frontend', 'browser', 'network');
    return inOurPlace(node, ['bench/recovery.ts', ...args], { cwd: ROOT, env });
  },
  /** Data drawn on its frame: how many frames off it is, over lines and browsers. */
  async 'bench:sync'(args) {
    const needs = ['worker', 'egress', 'frontend', 'browser', 'firefox', 'network', 'compiler'];
    const { node, env } = await prepare(...needs);
    return inOurPlace(node, ['bench/sync.ts', ...args], { cwd: ROOT, env });
  },
  /** What a room notices while another page attacks the server. */
  async 'bench:attack'(args) {
    const { node, env } = await prepare('worker', 'frontend', 'browser');
    return inOurPlace(node, ['bench/attack.ts', ...args], { cwd: ROOT, env });
  },
  /** Random commands against a real server, for as long as one likes. */
  async fuzz(args) {
    const { node, env } = await prepare('worker', 'frontend');
    return inOurPlace(node, ['tests/fuzz/main.ts', ...args], { cwd: ROOT, env });
  },
  /** Everything any task needs, and no more. */
  async setup() {
    await prepare('worker', 'egress', 'frontend', 'browser', 'network');
    return 0;
  },
  /** What a running server needs. */
  async build() {
    await prepare('worker', 'egress', 'frontend');
    return 0;
  },
  /** The worker alone; its path on stdout. */
  async worker() {
    const { env } = await prepare('worker');
    process.stdout.write(`${env.MEDIASOUP_WORKER_BIN}\n`);
    return 0;
  },
  /** The library for batched sending; its path on stdout, nothing where it cannot be built. */
  async egress() {
    const library = await ensureEgress();
    if (library) process.stdout.write(`${library}\n`);
    return 0;
  },
};

let stoppedBy;
for (const [signal, number] of Object.entries({ SIGINT: 2, SIGTERM: 15, SIGHUP: 1 })) {
  process.on(signal, () => {
    stoppedBy = 128 + number;
    // What runs ends by the signal, and we with it; what waits for nothing but time ends now.
    if (!passOn(signal)) process.exit(stoppedBy);
  });
}

const [name = '', ...args] = process.argv.slice(2);
try {
  if (!Object.hasOwn(tasks, name)) {
    const known = Object.keys(tasks).join(', ');
    throw new Failure(`There is no task "${name}"; there are ${known}`, 'npm start');
  }
  if (process.platform === 'win32') {
    throw new Failure(
      'The set-up knows Linux and macOS',
      'run it in WSL, or with docker compose up',
    );
  }
  process.exitCode = await tasks[name](args);
} catch (error) {
  const failure = asFailure(error, CACHE);
  if (stoppedBy) process.exitCode = stoppedBy;
  else if (!failure) throw error;
  else {
    say(`onecast: ${failure.line}`);
    process.exitCode = 1;
  }
}
