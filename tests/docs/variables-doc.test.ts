import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { VARIABLE_NAMES } from '#config/env.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');
/** Variables that only our own commands set. */
const INTERNAL = ['ONECAST_DEV'];

it('SRV-1 docs/configuration.md and .env.example list exactly the variables that the server reads', () => {
  const [, variables = ''] = read('docs/configuration.md').split('## Variables of the server\n');
  const [table = ''] = variables.split('\n## ');
  const named = [...table.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name);
  expect(new Set(named)).toEqual(new Set(VARIABLE_NAMES));
  const example = [...read('.env.example').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
  expect(new Set(example)).toEqual(
    new Set(VARIABLE_NAMES.filter((name) => !INTERNAL.includes(name))),
  );
});
