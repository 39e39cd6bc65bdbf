/** Tables that commands write into documents, between two comments that name them. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BIOME = join(import.meta.dirname, '../../node_modules/@biomejs/biome/bin/biome');

/** Formats the document as well, as the checks want it. @throws where it has no place for the table. */
export function fillIn(file: string, name: string, text: string): void {
  const document = readFileSync(file, 'utf8');
  const place = new RegExp(`<!-- ${name}:begin -->[\\s\\S]*<!-- ${name}:end -->`);
  if (!place.test(document)) throw new Error(`${file} has no place for ${name}`);
  const filled = `<!-- ${name}:begin -->\n\n${text}\n\n<!-- ${name}:end -->`;
  writeFileSync(
    file,
    document.replace(place, () => filled),
  );
  execFileSync(process.execPath, [BIOME, 'format', '--write', file], { stdio: 'ignore' });
}
