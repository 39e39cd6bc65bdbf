// `npm start`, `npm test` and all other tasks: prepares what a task needs, then runs it. Plain
// JavaScript without dependencies, because it starts on Node 20, before anything is installed.

import { existsSync } from 'node:fs';
import { ensureBrowser, ensureFirefox } from './browser.mjs';
import { CACHE } from './cache.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { ensureEgress } from './egress.mjs';
import { ensureFrontend } from './frontend.mjs';
import { inRoot, readJson, ROOT } from './host.mjs';
import { asFailure, Failure, say } from './output.mjs';
import { ensureWorker } from './media-worker.mjs';
import { ensureRuntime } from './runtime.mjs';
import { requireOwn } from './trust.mjs';
import { runInForeground, forwardSignal } from './shell.mjs';
import { parseTestArguments, runTests, STATIC_STAGES, stagesFor } from './stages.mjs';
import {
  ensureBenchTools,
  ensureCompiler,
  ensureLoadgenTools,
  ensureNetworkTools,
} from './system-packages.mjs';

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

/** Not --env-file-if-exists, which prints a message if there is no .env. */
const envFile = () => (existsSync(inRoot('.env')) ? ['--env-file=.env'] : []);

async function serve({ node, env }, ...options) {
  // Without the option, a signal that arrives while the server starts would open Node's inspector.
  const args = [...envFile(), '--disable-sigusr1', ...options, 'backend/src/main.ts'];
  return runInForeground(node, args, { cwd: ROOT, env });
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
    return runInForeground(node, biome, { cwd: ROOT });
  },
  /** Prints a signed token for a room; see docs/operations.md. */
  async token(args) {
    const { node } = await prepare();
    return runInForeground(node, [...envFile(), 'backend/src/admission/make-token.ts', ...args], {
      cwd: ROOT,
    });
  },
  /** Writes the screenshots in docs/images. */
  async screenshots(args) {
    const { node, env } = await prepare('worker', 'egress', 'frontend', 'browser');
    return runInForeground(node, ['scripts/screenshots.mjs', ...args], { cwd: ROOT, env });
  },
  /** Runs one part of the bench, or a short version of all parts. */
  async bench(args) {
    const all = readJson(inRoot('bench', 'parts.json'));
    const parts = args.length === 0 ? all : all.filter(({ name }) => name === args[0]);
    if (parts.length === 0) {
      const known = all.map(({ name }) => name).join('|');
      throw new Failure(`The bench has no part "${args[0]}"`, `npm run bench -- ${known}`);
    }
    const { node, env } = await prepare(...new Set(parts.flatMap(({ needs }) => needs)));
    return runInForeground(node, ['bench/bench.ts', ...args], { cwd: ROOT, env });
  },
  /** Measures hundreds of viewers and thousands of joins. */
  async 'bench:load'(args) {
    const { node, env } = await prepare('worker', 'egress', 'frontend', 'browser');
    return runInForeground(node, ['bench/load.ts', ...args], { cwd: ROOT, env });
  },
  /** Causes every fault again and again, and measures how long viewers have no video. */
  async 'bench:recovery'(args) {
    const { node, env } = await prepare('worker', 'egress', 'frontend', 'browser', 'network');
    return runInForeground(node, ['bench/recovery.ts', ...args], { cwd: ROOT, env });
  },
  /** Measures by how many frames overlay data misses its frame, over several links and browsers. */
  async 'bench:sync'(args) {
    const needs = ['worker', 'egress', 'frontend', 'browser', 'firefox', 'network', 'compiler'];
    const { node, env } = await prepare(...needs);
    return runInForeground(node, ['bench/sync.ts', ...args], { cwd: ROOT, env });
  },
  /** Measures what a room notices while the server is attacked; `soak` goes on for ten minutes. */
  async 'bench:attack'(args) {
    const { node, env } = await prepare('worker', 'egress', 'frontend', 'loadgen');
    const words =
      args[0] === 'soak'
        ? ['bench/attack-soak.ts', ...args.slice(1)]
        : ['bench/attack.ts', ...args];
    return runInForeground(node, words, { cwd: ROOT, env });
  },
  /** Sends random commands to a real server, for a given time. */
  async fuzz(args) {
    const { node, env } = await prepare('worker', 'frontend');
    return runInForeground(node, ['tests/fuzz/main.ts', ...args], { cwd: ROOT, env });
  },
  /** Prepares everything that `npm start` and `npm test` need. */
  async setup() {
    await prepare('worker', 'egress', 'frontend', 'browser', 'network');
    return 0;
  },
  /** Prepares what a server needs to run. */
  async build() {
    await prepare('worker', 'egress', 'frontend');
    return 0;
  },
  /** Prepares the media worker and prints its path on stdout. */
  async worker() {
    const { env } = await prepare('worker');
    process.stdout.write(`${env.MEDIASOUP_WORKER_BIN}\n`);
    return 0;
  },
  /** Builds the library for batched sending; prints its path on stdout, or nothing on failure. */
  async egress() {
    const library = await ensureEgress();
    if (library) process.stdout.write(`${library}\n`);
    return 0;
  },
};

// What the set-up writes, and what its programs write, can be changed by nobody else.
process.umask(process.umask() | 0o022);

let stoppedBy;
for (const [signal, number] of Object.entries({ SIGINT: 2, SIGTERM: 15, SIGHUP: 1 })) {
  process.on(signal, () => {
    stoppedBy = 128 + number;
    // A running child ends by the signal, and then this process. Without a child it ends now.
    if (!forwardSignal(signal)) process.exit(stoppedBy);
  });
}

const [name = '', ...args] = process.argv.slice(2);
try {
  if (!Object.hasOwn(tasks, name)) {
    const known = Object.keys(tasks).join(', ');
    throw new Failure(`There is no task "${name}". The tasks are ${known}`, 'npm start');
  }
  if (process.platform === 'win32') {
    throw new Failure(
      'The set-up supports only Linux and macOS',
      'run it in WSL, or with docker compose up',
    );
  }
  requireOwn(CACHE);
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
