// Plain English, held by a list: words that have a plainer one, and where they are right all the same.
// `node scripts/words.mjs` prints each place; `npm test` runs it as the stage `words`.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inRoot, ROOT } from './host.mjs';

/** The words, and what to write instead. */
export const WORDS = [
  { word: /\banew\b/i, instead: 'again' },
  { word: /\breckon(s|ed|ing)?\b/i, instead: 'compute, update, expect' },
  { word: /\bbeside\b/i, instead: 'next to' },
  { word: /\bheed(s|ed|ing)?\b/i, instead: 'obey' },
  { word: /\bby (itself|themselves)\b/i, instead: 'automatically, on its own, alone' },
  { word: /\bhand(s|ed|ing)? (out|on|over)\b/i, instead: 'return, pass, give' },
  { word: /\b(tell|tells|telling|told)\b(?!.* from)/i, instead: 'report, log, return, know' },
  { word: /\bmend(s|ed|ing)?\b/i, instead: 'fix, repair' },
  { word: /\b(lest|whence|thereof|hither|till|ere|nought|withal)\b/i, instead: 'plain words' },
  {
    word: /(^|[.;] |\* |\/\/ )Who (comes?|joins?|has|is|gets|goes|leaves|waits?|sends|asks|lies)\b/,
    instead: 'name who: a viewer that …, anyone who …',
  },
  { word: /\b(held|hold|holds) back\b/i, instead: 'delayed, playout delay' },
  { word: /\bbut for\b/i, instead: 'except, without' },
  {
    word: /\b(bad|poor|wide|narrow|lossy|viewer's|publisher's) lines?\b/i,
    instead: 'connection, path, link',
  },
];

/** Right as they are: a phrase that holds such a word, in files whose path matches. */
export const EXCEPTIONS = [
  { files: /^scripts\/words(\.test)?\.mjs$/, because: 'the list itself' },
  { files: /^(LICENSE|package-lock\.json|protocol\/fixtures\/)/, because: 'not ours to word' },
];

const TEXT =
  /\.(ts|mjs|md|c|h|html|css|sh|py|yml|json)$|(^|\/)(Dockerfile|\.env\.example|\.ci\/run)$/;

/** The places in one text. `exceptions` are those of its file. */
export function placesIn(file, text, exceptions = EXCEPTIONS) {
  const here = exceptions.filter(({ files }) => files.test(file));
  if (here.some(({ phrase }) => phrase === undefined)) return [];
  return text.split('\n').flatMap((line, index) => {
    const rest = here.reduce((left, { phrase }) => left.replaceAll(phrase, ''), line);
    return WORDS.flatMap(({ word, instead }) => {
      const found = word.exec(rest);
      return found ? [{ file, line: index + 1, found: found[0].trim(), instead }] : [];
    });
  });
}

export function allPlaces() {
  const files = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n');
  return files
    .filter((file) => TEXT.test(file) && !file.startsWith('bench/results/'))
    .flatMap((file) => placesIn(file, readFileSync(inRoot(file), 'utf8')));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const places = allPlaces();
  for (const { file, line, found, instead } of places) {
    console.log(`${file}:${line}: "${found}": ${instead}`);
  }
  process.exitCode = places.length === 0 ? 0 : 1;
}
