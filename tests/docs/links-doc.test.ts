import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
/** Folders whose files pages name in backticks. */
const SOURCES = /^(?:backend|bench|client|config|docker|frontend|native|protocol|scripts|tests)\//;

const withoutCode = (page: string) =>
  readFileSync(join(ROOT, page), 'utf8').replaceAll(/```[^]*?```/g, '');

/** As the usual renderers of Markdown name a heading. */
function anchorsOf(page: string): Set<string> {
  const headings = [...withoutCode(page).matchAll(/^#+ (.*)$/gm)].map(([, text]) => text ?? '');
  return new Set(
    headings.map((text) =>
      text
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function isBroken(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(ROOT, file))) return true;
  return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).has(anchor);
}

it.each(PAGES)('%s links to pages, headings and files that exist', (page) => {
  const text = withoutCode(page);
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target ?? '')
    .filter((target) => !/^[a-z]+:/.test(target));
  expect(links.filter((target) => isBroken(page, target))).toEqual([]);
  const files = [...text.matchAll(/`([\w./-]+\.[a-z]+)`/g)]
    .map(([, file]) => file ?? '')
    .filter((file) => SOURCES.test(file));
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
});
