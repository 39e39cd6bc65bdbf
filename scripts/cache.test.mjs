import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock, makeFolder, createAtomically } from './cache.mjs';

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onecast-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a folder appears only when it is complete', async () => {
  const target = join(folder, 'thing');
  await createAtomically(target, (temporary) => {
    writeFileSync(join(temporary, 'a'), '1');
    expect(existsSync(target)).toBe(false);
  });
  expect(readdirSync(target)).toEqual(['a']);
  expect(readdirSync(folder)).toEqual(['thing']);
});

test('a failed attempt leaves nothing', async () => {
  const fail = async () => {
    throw new Error('no');
  };
  await expect(createAtomically(join(folder, 'thing'), fail)).rejects.toThrow('no');
  expect(readdirSync(folder)).toEqual([]);
});

test('the next attempt removes what a killed process left', async () => {
  // No process has an id as high as this.
  mkdirSync(join(folder, 'thing.tmp-99999999'));
  mkdirSync(join(folder, `thing.tmp-${process.ppid}`));
  await createAtomically(join(folder, 'thing'), () => {});
  expect(readdirSync(folder).sort()).toEqual(['thing', `thing.tmp-${process.ppid}`]);
});

test('the lock admits one process at a time', async () => {
  const order = [];
  const work = (name) => async () => {
    order.push(`${name} in`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    order.push(`${name} out`);
  };
  await Promise.all([withLock(folder, work('a')), withLock(folder, work('b'))]);
  expect(order).toHaveLength(4);
  expect(order[0]?.slice(0, 1)).toBe(order[1]?.slice(0, 1));
});

test('a folder that cannot be created fails at once', () => {
  makeFolder(join(folder, 'a', 'b'));
  expect(existsSync(join(folder, 'a', 'b'))).toBe(true);
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeFolder(join(folder, 'file', 'b'))).toThrow('cannot be created');
});
