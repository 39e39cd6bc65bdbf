// Facts about this machine and this working copy.

import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

export const inRoot = (...parts) => join(ROOT, ...parts);

export const isRoot = process.getuid?.() === 0;

export function findCommand(name) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

export function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The C library and its version. A worker built with a newer one does not start on an older one. */
export function libc() {
  if (process.platform !== 'linux') return 'system';
  // Newer than the types: without it the report looks up the names of all connected hosts.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
    process.report.getReport()
  );
  const glibc = header.glibcVersionRuntime;
  return glibc ? `glibc${glibc}` : 'musl';
}

export function readJson(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/**
 * Names and contents of all files under the given paths, in a fixed order, as input of a hash.
 *
 * @param {string[]} paths
 * @param {{ without?: string[] }} [options] paths to leave out
 */
export function contentsOf(paths, { without = [] } = {}) {
  const files = [];
  const visit = (path) => {
    if (without.includes(path) || !existsSync(path)) return;
    if (statSync(path).isFile()) files.push(path);
    else for (const name of readdirSync(path)) visit(join(path, name));
  };
  for (const path of paths) visit(path);
  // Not by locale: the order affects the hashes, which must be the same on every machine.
  files.sort((a, b) => (a < b ? -1 : 1));
  return files.flatMap((file) => [relative(ROOT, file), readFileSync(file)]);
}
