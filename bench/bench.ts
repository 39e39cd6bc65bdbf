/**
 * npm run bench [-- <part> [options of that part]]
 * One part with its own options, or all parts in a short form, within a quarter of an hour. The parts
 * are in parts.json; their options are at the top of their files. Every part has `--no-save` (only
 * print) and `--report` (write the tables and plots of the documents again from the stored results).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import parts from './parts.json' with { type: 'json' };

const [name, ...options] = process.argv.slice(2);
const chosen = parts.filter((part) => name === undefined || part.name === name);
let failed = false;
for (const part of chosen) {
  const args = name === undefined ? part.short : options;
  console.log(`\n── ${part.name} ${args.join(' ')} ──`);
  const started = performance.now();
  const script = join(import.meta.dirname, part.script);
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  failed ||= code !== 0;
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${part.name}: ${seconds} s${code === 0 ? '' : ', with errors'}`);
}
process.exitCode = failed ? 1 : 0;
