import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = [
  'backend',
  'client',
  'config',
  'frontend',
  'native',
  'protocol',
  'scripts',
  'tests',
];
/** Files that hold titles for a test file next to them. */
const TABLES = ['client/src/connection/machine-table.ts'];

/** Rules that no test names, with the reason. The list can only shrink: remove a rule that gets a test. */
const UNTESTED: Readonly<Record<string, string>> = {
  'OVL-6': 'a test would need a data channel whose buffer stays full',
  'UI-5':
    'capture-fault.test.ts checks which fault is recognised, but no test reads the words for it',
  'BWE-3': 'a test would need a lossy connection that gets a new transport afterwards',
};

const isTest = (path: string): boolean => /\.test\.(?:ts|mjs|c)$/.test(path);
const numbersIn = (text: string): string[] => text.match(/\b[A-Z]+-\d+\b/g) ?? [];
const withoutComments = (source: string): string =>
  source.replaceAll(/^\s*(?:\/\*[\s\S]*?\*\/|\/\/.*$)/gm, '');

const testFiles = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => isTest(path) && !path.includes('node_modules'))
    .map((path) => join(ROOT, folder, path)),
).concat(TABLES.map((path) => join(ROOT, path)));
const sources = testFiles
  .filter((path) => path !== import.meta.filename)
  .map((path) => readFileSync(path, 'utf8'));

const rules = [
  ...readFileSync(join(ROOT, 'docs/behaviour.md'), 'utf8').matchAll(/^- \*\*([A-Z]+-\d+)\*\*/gm),
].map(([, number]) => number ?? '');
const sections = new Set(rules.map((number) => number.split('-')[0]));
/** Rules that a title names. Comments don't count. */
const tested = new Set(sources.flatMap((source) => numbersIn(withoutComments(source))));

describe('docs/behaviour.md and the tests', () => {
  it('each rule has one number of its own', () => {
    expect(rules.length).toBeGreaterThan(100);
    expect(new Set(rules).size).toBe(rules.length);
  });

  it('a test names each rule, except those listed above', () => {
    const untested = rules.filter((number) => !tested.has(number));
    expect(untested.toSorted()).toEqual(Object.keys(UNTESTED).toSorted());
  });

  it('each rule that a test names exists', () => {
    const mentioned = sources
      .flatMap(numbersIn)
      .filter((number) => sections.has(number.split('-')[0]));
    // A title begins with its rules, so this also finds a section that does not exist.
    const first = sources.flatMap((source) =>
      [...source.matchAll(/\b(?:it|test|describe)(?:\.[\w.]+)?\([`'"]([A-Z]+-\d+)\b/g)].map(
        ([, number]) => number ?? '',
      ),
    );
    expect(first.length).toBeGreaterThan(100);
    expect([...new Set([...mentioned, ...first])].filter((n) => !rules.includes(n))).toEqual([]);
  });
});
