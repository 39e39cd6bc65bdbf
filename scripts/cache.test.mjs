import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { alone, makeFolder, makeWhole } from './cache.mjs';

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onecast-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a folder appears whole', async () => {
  const target = join(folder, 'thing');
  await makeWhole(target, (temporary) => {
    writeFileSync(join(temporary, 'a'), '1');
    expect(existsSync(target)).toBe(false);
  });
  expect(readdirSync(target)).toEqual(['a']);
  expect(readdirSync(folder)).toEqual(['thing']);
});

test('a try that fails leaves nothing', async () => {
  const fail = async () => {
    throw new Error('no');
  };
  await expect(makeWhole(join(folder, 'thing'), fail)).rejects.toThrow('no');
  expect(readdirSync(folder)).toEqual([]);
});

test('what a killed try left is swept by the next', async () => {
  // No process has an id as high as this.
  mkdirSync(join(folder, 'thing.tmp-99999999'));
  mkdirSync(join(folder, `thing.tmp-${process.ppid}`));
  await makeWhole(join(folder, 'thing'), () => {});
  expect(readdirSync(folder).sort()).toEqual(['thing', `thing.tmp-${process.ppid}`]);
});

test('one at a time', async () => {
  const order = [];
  const work = (name) => async () => {
    order.push(`${name} in`);
    await new Promise((resolve) => setTimeout(resolve, 20));
    order.push(`${name} out`);
  };
  await Promise.all([alone(folder, work('a')), alone(folder, work('b'))]);
  expect(order).toHaveLength(4);
  expect(order[0]?.slice(0, 1)).toBe(order[1]?.slice(0, 1));
});

test('a folder that cannot be made is refused, not tried for ever', () => {
  makeFolder(join(folder, 'a', 'b'));
  expect(existsSync(join(folder, 'a', 'b'))).toBe(true);
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeFolder(join(folder, 'file', 'b'))).toThrow('cannot be made');
});
