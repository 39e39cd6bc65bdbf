/** Tables that commands write into documents, between two comments that name them. */
import { readFileSync, writeFileSync } from 'node:fs';

/** @throws where the document has no place for it. */
export function fillIn(file: string, name: string, text: string): void {
  const document = readFileSync(file, 'utf8');
  const place = new RegExp(`<!-- ${name}:begin -->[\\s\\S]*<!-- ${name}:end -->`);
  if (!place.test(document)) throw new Error(`${file} has no place for ${name}`);
  const filled = `<!-- ${name}:begin -->\n\n${text}\n\n<!-- ${name}:end -->`;
  writeFileSync(
    file,
    document.replace(place, () => filled),
  );
}
