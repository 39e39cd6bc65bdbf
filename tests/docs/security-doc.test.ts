import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';

const ROOT = join(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');
/** Cells of the table of threats: threat, defence, limit, proof. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) => line.split('|').slice(1, -1))
  .filter((cells) => cells.length === 4 && !cells[0]?.includes('--'))
  .slice(1);
const namesIn = (text = '') => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

it('SEC-15 every limit and every proof that docs/security.md names exists', () => {
  expect(rows.length).toBeGreaterThan(20);
  const limits = rows.flatMap(([, , limit]) => namesIn(limit));
  const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
  const inMediaWorkers = readFileSync(join(ROOT, 'native/egress/limits.h'), 'utf8');
  const unknown = limits.filter(
    (name) =>
      !Object.hasOwn(LIMITS, name) &&
      !example.includes(`\n${name}=`) &&
      !inMediaWorkers.includes(`\n  ${name} = `),
  );
  expect(unknown).toEqual([]);
  const proofs = rows.map(([threat, , , proof]) => [threat, namesIn(proof)] as const);
  expect(proofs.filter(([, files]) => files.length === 0)).toEqual([]);
  const missing = proofs
    .flatMap(([, files]) => files)
    .filter((file) => !existsSync(join(ROOT, file)));
  expect(missing).toEqual([]);
});
