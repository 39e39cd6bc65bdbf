import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { printTable } from '#client/connection/machine-table.ts';

const FILE = join(import.meta.dirname, '../../docs/connection-states.md');
const TABLE = /(?<=<!-- table -->\n).*(?=<!-- \/table -->)/s;

it('CONN-9 docs/connection-states.md holds the table that the machine is tested with', () => {
  const printed = readFileSync(FILE, 'utf8').replace(TABLE, () => `${printTable()}\n`);
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(FILE, printed);
  expect(readFileSync(FILE, 'utf8')).toBe(printed);
});
