/**
 * npm run bench -- join [--runs 20] [--rtts 0,50,150] [--seconds 5] [--joins 500] [--viewers 1000]
 *   [--crowds 2] [--only pages,rate,joins,crowd] [--no-save]
 * How long joining takes a real page, and what joins cost the server: how many a second it gets
 * through, what 500 within some seconds ask of the publisher, and what a thousand within one second
 * wait.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureCrowd } from './join/crowd.ts';
import { measurePages } from './join/pages.ts';
import { measureRate } from './join/rate.ts';
import { markdown, plot, type Report } from './join/report.ts';
import { fillIn } from './report/markers.ts';
import { machine, whole } from './report/options.ts';

const RESULTS = join(import.meta.dirname, 'results/join.json');
const DOCS = join(import.meta.dirname, '../docs');
const JOINS_SPREAD_MS = 5_000;
const PARTS = ['pages', 'rate', 'joins', 'crowd'] as const;

const { values } = parseArgs({
  allowNegative: true,
  options: {
    runs: { type: 'string', default: '20' },
    rtts: { type: 'string', default: '0,50,150' },
    seconds: { type: 'string', default: '5' },
    joins: { type: 'string', default: '500' },
    viewers: { type: 'string', default: '1000' },
    crowds: { type: 'string', default: '2' },
    only: { type: 'string', default: PARTS.join(',') },
    save: { type: 'boolean', default: true },
  },
});
const runs = whole('--runs', values.runs, 1_000);
const rttsMs = values.rtts
  .split(',')
  .map((text) => (text === '0' ? 0 : whole('--rtts', text, 2_000)));
const seconds = whole('--seconds', values.seconds, 600);
const joins = whole('--joins', values.joins, 5_000);
const viewers = whole('--viewers', values.viewers, 5_000);
const crowds = whole('--crowds', values.crowds, 100);
const only = values.only.split(',');
for (const part of only) {
  if (!PARTS.some((known) => known === part)) throw new Error(`no such part: ${part}`);
}

const say = (line: string) => console.log(line);
const here = machine(['join', ...process.argv.slice(2)]);
const measured: Report = {};
if (only.includes('pages')) {
  measured.pages = { ...here, joins: await measurePages({ runs, rttsMs, say }) };
}
if (only.includes('rate')) {
  const rates = [await measureRate('ahead', seconds), await measureRate('socket', seconds)];
  for (const rate of rates) say(JSON.stringify(rate));
  measured.rate = { ...here, rates };
}
if (only.includes('joins')) {
  const options = { viewers: joins, spreadMs: JOINS_SPREAD_MS, runs: crowds, say };
  measured.joins = { ...here, ...(await measureCrowd(options)) };
}
if (only.includes('crowd')) {
  const options = { viewers, spreadMs: 1_000, runs: crowds, say };
  measured.crowd = { ...here, ...(await measureCrowd(options)) };
}

// What was not measured this time stays as it was.
const report: Report = values.save ? { ...earlier(), ...measured } : measured;
console.log(`\n${markdown(report)}`);
if (values.save) {
  writeFileSync(RESULTS, `${JSON.stringify(report, null, 2)}\n`);
  fillIn(join(DOCS, 'benchmarks.md'), 'join', markdown(report));
  const svg = plot(report);
  if (svg) writeFileSync(join(DOCS, 'images/join-times.svg'), svg);
}

function earlier(): Report {
  try {
    return JSON.parse(readFileSync(RESULTS, 'utf8')) as Report;
  } catch {
    return {};
  }
}
