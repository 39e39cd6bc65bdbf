/**
 * npm run fuzz -- [--minutes 10] [--seed N]
 * Runs random commands on one server. Every block of scripts prints its own seed. A script that fails
 * is saved below tests/corpus/failures, where `npm test` finds it.
 */
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { growthPerRound, heapAfterCollection } from '#testkit/memory.ts';
import { residentBytes } from '#testkit/processes.ts';
import { Fuzz, saveFailure, seedOf } from './fuzz.ts';

const SCRIPTS_PER_BLOCK = 100;
/** Blocks that fill what stays in memory anyway: compiled code, pools, caches. */
const WARM_UP = 2;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: process.env['FUZZ_SEED'] ?? '' },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes is "${values.minutes}" and must be above 0`);
const first = seedOf({ FUZZ_SEED: values.seed });

const heap: number[] = [];
const resident: number[] = [];
let failures = 0;
let fuzz = await Fuzz.start();
const deadline = performance.now() + minutes * 60_000;
let blocks = 0;
let commands = 0;
do {
  const seed = first + blocks;
  const failure = await fuzz.search(seed, SCRIPTS_PER_BLOCK);
  blocks += 1;
  if (failure) {
    failures += 1;
    print(
      `seed ${seed}: ${failure.why}\n  saved as ${relative(process.cwd(), saveFailure(failure))}`,
    );
    // The failure may have left the server in any state.
    commands += fuzz.commands;
    await fuzz[Symbol.asyncDispose]();
    fuzz = await Fuzz.start();
    heap.length = 0;
    resident.length = 0;
  } else {
    if (blocks > WARM_UP) {
      heap.push(heapAfterCollection());
      resident.push(residentBytes(fuzz.workerPid));
    }
    print(
      `seed ${seed}: ${SCRIPTS_PER_BLOCK} scripts, ${commands + fuzz.commands} commands so far`,
    );
  }
} while (performance.now() < deadline);
commands += fuzz.commands;
await fuzz[Symbol.asyncDispose]();

print(`${blocks * SCRIPTS_PER_BLOCK} scripts, ${commands} commands, ${failures} failures`);
if (heap.length >= 4) {
  const perScript = (samples: readonly number[]) =>
    Math.round(growthPerRound(samples) / SCRIPTS_PER_BLOCK);
  print(`memory, bytes per script: heap ${perScript(heap)}, media worker ${perScript(resident)}`);
}
process.exitCode = failures > 0 ? 1 : 0;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
