/**
 * What the server keeps between two runs so that rooms keep their owners: one key, and for how long it
 * has run. There is nothing about any room: see docs/decisions/0031-ownership-survives-a-restart.md.
 */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { Limits } from '#config/limits.ts';
import type { Log } from '../observability/log.ts';

export const OWNERSHIP_FILE = 'ownership.json';

const SavedSchema = v.object({
  version: v.literal(1),
  /** 256 random bits in base64url. */
  key: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
  /** No earlier run has used a later time. */
  clockMs: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
});
type Saved = v.InferOutput<typeof SavedSchema>;

type StoreLimits = Pick<Limits, 'ownershipSaveMs' | 'ownershipSaveAheadMs'>;

export class OwnershipStore {
  /** Signs ownership proofs. */
  readonly key: KeyObject;
  readonly #saved: Saved;
  readonly #startedAt = performance.now();
  readonly #file: string | undefined;
  readonly #limits: StoreLimits;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> | undefined;
  #failed = false;

  /**
   * Reads the file in `dir`, or creates it with a new key. If that fails, the log says so, and the key
   * is in memory only: the server works, but ownership of rooms with chosen names ends with this run.
   * @param dir undefined: nothing is read or written
   */
  static async open(
    dir: string | undefined,
    limits: StoreLimits,
    log: Log,
  ): Promise<OwnershipStore> {
    if (dir === undefined) return new OwnershipStore(newSaved(), undefined, limits, log);
    const file = join(dir, OWNERSHIP_FILE);
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const store = new OwnershipStore((await read(file, log)) ?? newSaved(), file, limits, log);
      await store.#save();
      store.#timer = setInterval(() => void store.#save(), limits.ownershipSaveMs);
      store.#timer.unref();
      return store;
    } catch (error) {
      log.warn({ err: error, dir }, 'can not use STATE_DIR: a restart will free chosen room names');
      return new OwnershipStore(newSaved(), undefined, limits, log);
    }
  }

  private constructor(saved: Saved, file: string | undefined, limits: StoreLimits, log: Log) {
    this.#saved = saved;
    this.key = createSecretKey(Buffer.from(saved.key, 'base64url'));
    this.#file = file;
    this.#limits = limits;
    this.#log = log;
  }

  /**
   * For how long this server has run, over all its runs, ms. It stands still while the server is down,
   * and steps of the system's clock do not change it.
   */
  now(): number {
    return this.#saved.clockMs + Math.ceil(performance.now() - this.#startedAt);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#saving;
  }

  /** Never rejects. While a save is pending, further calls return the pending one. */
  #save(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return Promise.resolve();
    this.#saving ??= this.#write(file)
      .then(
        () => {
          this.#failed = false;
        },
        (error: unknown) => {
          // Once, not every few seconds: a disk stays full for hours.
          if (!this.#failed)
            this.#log.error(
              { err: error, file },
              'can not save the ownership key: a restart may free chosen room names',
            );
          this.#failed = true;
        },
      )
      .finally(() => {
        this.#saving = undefined;
      });
    return this.#saving;
  }

  /** Replaces the file as a whole, so that a crash leaves either the old or the new one. */
  async #write(file: string): Promise<void> {
    const saved: Saved = {
      ...this.#saved,
      clockMs: this.now() + this.#limits.ownershipSaveAheadMs,
    };
    const draft = `${file}.new`;
    await rm(draft, { force: true });
    await writeFile(draft, `${JSON.stringify(saved)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    await rename(draft, file);
  }
}

function newSaved(): Saved {
  return { version: 1, key: randomBytes(32).toString('base64url'), clockMs: 0 };
}

/**
 * @returns undefined if there is no file, or its content is damaged
 * @throws if somebody else may have made the file, or it can't be read
 */
async function read(file: string, log: Log): Promise<Saved | undefined> {
  let text: string;
  try {
    const { mode, uid } = await lstatFile(file);
    const self = process.getuid?.();
    if (self !== undefined && uid !== self) throw new Error(`${file} belongs to another user`);
    if ((mode & 0o077) !== 0) {
      log.warn({ file }, 'others could read the ownership key: delete the file to get a new one');
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return v.parse(SavedSchema, JSON.parse(text));
  } catch (error) {
    log.warn({ err: error, file }, 'the ownership key is damaged: a new one replaces it');
    return undefined;
  }
}

async function lstatFile(file: string) {
  const stat = await lstat(file);
  if (!stat.isFile()) throw new Error(`${file} is not a plain file`);
  return stat;
}
