import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OWNERSHIP_FILE, OwnershipStore } from './ownership-store.ts';

const LIMITS = { ownershipSaveMs: 10, ownershipSaveAheadMs: 1_000 };

let dir: string;
let lines: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'onecast-ownership-'));
  lines = [];
});
afterEach(() => rmSync(dir, { recursive: true }));

const file = () => join(dir, OWNERSHIP_FILE);
const saved = () => JSON.parse(readFileSync(file(), 'utf8')) as { key: string; clockMs: number };
const log = pino({}, { write: (line: string) => lines.push(line) });
const open = (folder: string | undefined = dir) => OwnershipStore.open(folder, LIMITS, log);
const keyOf = (store: OwnershipStore) => store.key.export().toString('base64url');

describe('ROOM-9 OwnershipStore', () => {
  it('creates a file that only its owner can read, and keeps the key', async () => {
    const first = await open(join(dir, 'not', 'there'));
    const made = join(dir, 'not', 'there');
    expect(statSync(join(made, OWNERSHIP_FILE)).mode & 0o777).toBe(0o600);
    expect(statSync(made).mode & 0o777).toBe(0o700);
    await first.close();
    const second = await open(made);
    expect(keyOf(second)).toBe(keyOf(first));
    await second.close();
    expect(lines).toEqual([]);
  });

  it('its time never goes back, even if the server was killed', async () => {
    let newest = 0;
    for (let i = 0; i < 5; i += 1) {
      const store = await open();
      expect(store.now()).toBeGreaterThanOrEqual(newest);
      await new Promise((resolve) => setTimeout(resolve, 30));
      newest = store.now();
      // No final save.
      await store.close();
      expect(saved().clockMs).toBeGreaterThan(newest);
    }
  });

  it('its time stands still while the server is down, and ignores the system’s clock', async () => {
    const first = await open();
    await first.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
    const resumedAt = saved().clockMs;
    const openedAt = performance.now();
    const second = await open();
    await second.close();
    expect(second.now() - resumedAt).toBeLessThanOrEqual(performance.now() - openedAt + 1);
  });

  it.each(['', '{', 'null', '{"version":2}', '{"version":1,"key":"short","clockMs":1}'])(
    'a damaged file (%j) is replaced by a new key, and the log says so',
    async (text) => {
      writeFileSync(file(), text, { mode: 0o600 });
      const store = await open();
      await store.close();
      expect(saved().key).toBe(keyOf(store));
      expect(lines.join()).toContain('damaged');
    },
  );

  it('without a usable folder the server works, and the log says what is lost', async () => {
    writeFileSync(join(dir, 'file'), '');
    const store = await open(join(dir, 'file'));
    await store.close();
    expect(store.now()).toBeGreaterThanOrEqual(0);
    expect(lines.join()).toContain('a restart will free chosen room names');
  });

  it('a file that is a link, and may be somebody else’s, is not used and not changed', async () => {
    const target = join(dir, 'target');
    writeFileSync(target, 'x');
    symlinkSync(target, file());
    const store = await open();
    await store.close();
    expect(readFileSync(target, 'utf8')).toBe('x');
    expect(lines.join()).toContain('not a plain file');
  });

  it('warns about a key that others could read, and makes the file private', async () => {
    const first = await open();
    await first.close();
    chmodSync(file(), 0o644);
    const second = await open();
    await second.close();
    expect(lines.join()).toContain('others could read');
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('logs once that it can not save, and saves again when it can', async () => {
    const store = await open();
    rmSync(dir, { recursive: true });
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(lines).toHaveLength(1);
    expect(lines.join()).toContain('can not save');
    expect(lines.join()).not.toContain(keyOf(store));
    mkdirSync(dir);
    await vi.waitFor(() => expect(saved().key).toBe(keyOf(store)));
    await store.close();
  });

  it('without a folder nothing is written', async () => {
    const store = await OwnershipStore.open(undefined, LIMITS, log);
    await store.close();
    expect(lines).toEqual([]);
  });
});
