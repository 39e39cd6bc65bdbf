/** Writes generated tables into documents, between two comments with the table's name. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BIOME = join(import.meta.dirname, '../../node_modules/@biomejs/biome/bin/biome');

/** Also formats the document, as the checks require. @throws if the document lacks the comments */
export function fillIn(file: string, name: string, markdown: string): void {
  const document = readFileSync(file, 'utf8');
  const place = new RegExp(`<!-- ${name}:begin -->[\\s\\S]*<!-- ${name}:end -->`);
  if (!place.test(document)) throw new Error(`${file} has no place for the table ${name}`);
  const filled = `<!-- ${name}:begin -->\n\n${markdown}\n\n<!-- ${name}:end -->`;
  writeFileSync(
    file,
    document.replace(place, () => filled),
  );
  execFileSync(process.execPath, [BIOME, 'format', '--write', file], { stdio: 'ignore' });
}
