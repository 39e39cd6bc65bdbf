/** Runs random scripts against a real server with a real worker, and saves those that fail. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import * as v from 'valibot';
import { BystanderStream } from '#testkit/media/bystander-stream.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { ACTORS, type Command, OPS, PICKS, ROOMS, World } from './world.ts';

const FAILURES = join(import.meta.dirname, '../corpus/failures');

const HOURS = 3_600_000;
/**
 * Nothing expires during a script, because time is not what this tests. The server remembers answers
 * long enough for a repeated request, and not so long that they look like a leak.
 */
const NO_EXPIRY = {
  sessionGraceMs: HOURS,
  idleRoomMs: HOURS,
  idleUnusedRoomMs: HOURS,
  interruptedRoomMs: HOURS,
  answerMemoryMs: 10_000,
};

const script: fc.Arbitrary<Command[]> = fc.array(
  fc.record({
    op: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...OPS) },
      // Without a live publisher most other commands would only be refused.
      { weight: 1, arbitrary: fc.constantFrom('publish', 'produceVideo', 'join') },
    ),
    actor: fc.nat({ max: ACTORS - 1 }),
    room: fc.nat({ max: ROOMS - 1 }),
    pick: fc.nat({ max: PICKS - 1 }),
  }),
  { minLength: 5, maxLength: 60 },
);

const ScriptSchema = v.array(
  v.object({ op: v.picklist(OPS), actor: v.number(), room: v.number(), pick: v.number() }),
);

export class Fuzz implements AsyncDisposable {
  readonly server: InProcessServer;
  readonly #stream: BystanderStream;
  readonly #pid: number;
  /** Commands carried out so far. */
  commands = 0;

  static async start(): Promise<Fuzz> {
    const server = await InProcessServer.start({ limits: NO_EXPIRY });
    const { worker } = server.worker();
    return new Fuzz(server, await BystanderStream.start(worker), worker.pid);
  }

  private constructor(server: InProcessServer, stream: BystanderStream, pid: number) {
    this.server = server;
    this.#stream = stream;
    this.#pid = pid;
  }

  get workerPid(): number {
    return this.#pid;
  }

  /** Runs one script. @throws when the server deviates from the model, or the bystander loses packets */
  async play(commands: readonly Command[]): Promise<void> {
    const world = await World.open(this.server);
    try {
      for (const [i, command] of commands.entries()) {
        try {
          await world.run(command);
        } catch (error) {
          const where = `command ${i}, ${JSON.stringify(command)}: ${String(error)}`;
          throw new Error(where, { cause: error });
        }
        this.commands += 1;
      }
    } finally {
      world.close();
    }
    if ((await this.server.worker().worker.dump()).pid !== this.#pid) {
      throw new Error('the worker died');
    }
    const lost = await this.#stream.lost();
    if (lost.length > 0) throw new Error(`the bystander lost packets: ${lost.join()}`);
  }

  /** Runs random scripts from one seed; returns the shortest script that fails, with the reason. */
  async search(seed: number, runs: number): Promise<Failure | undefined> {
    const property = fc.asyncProperty(script, async (commands) => this.play(commands));
    const found = await fc.check(property, { seed, numRuns: runs });
    if (!found.failed) return undefined;
    const [commands = []] = found.counterexample ?? [];
    return { seed, commands, why: String(found.errorInstance) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

export interface Failure {
  readonly seed: number;
  readonly commands: readonly Command[];
  readonly why: string;
}

/** Saves a failure for every later test run; returns the path. */
export function saveFailure({ seed, commands, why }: Failure): string {
  mkdirSync(FAILURES, { recursive: true });
  const path = join(FAILURES, `seed-${seed}.json`);
  writeFileSync(path, `${JSON.stringify({ why, commands }, null, 2)}\n`);
  return path;
}

/** The scripts of all saved failures. */
export function savedFailures(): { name: string; commands: Command[] }[] {
  const names = readdirSync(FAILURES).filter((name) => name.endsWith('.json'));
  return names.map((name) => {
    const { commands } = JSON.parse(readFileSync(join(FAILURES, name), 'utf8')) as {
      commands: unknown;
    };
    return { name, commands: v.parse(ScriptSchema, commands) };
  });
}

/** FUZZ_SEED, or a random seed. @throws when FUZZ_SEED is not a number */
export function seedOf(env: Readonly<Record<string, string | undefined>>): number {
  const given = env['FUZZ_SEED'];
  if (given === undefined || given === '') return Math.floor(Math.random() * 2 ** 31);
  if (/^\d{1,10}$/.test(given)) return Number(given);
  throw new Error(`FUZZ_SEED is "${given}" and must be a whole number`);
}
