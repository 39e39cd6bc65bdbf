/**
 * npm run bench -- bad-line [--runs 3] [--lines bad,narrow,lossy] [--estimated always,auto]
 *   [--bad-ms 20000] [--no-save]
 * What a viewer in Chromium gets when its line turns bad: with every viewer estimated from the start
 * and with those in trouble estimated only.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { networkUnavailable, TestNetwork } from '#testkit/network/test-network.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';
import { recordPages } from '#testkit/browser/page-recorder.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';
import { busyCameraFile } from '#testkit/media/cameras.ts';
import { medianOf } from './report/stats.ts';
import { EmulatedLink, type LinkQuality } from '#testkit/network/emulated-link.ts';
import { fillIn } from './report/markers.ts';
import { machine, whole } from './report/options.ts';

const ROOM = 'bad-line';
const GOOD: LinkQuality = { delayMs: 10, jitterMs: 0, lossPercent: 0 };
const LINES: Readonly<Record<string, { readonly title: string; readonly quality: LinkQuality }>> = {
  bad: {
    title: '10 % loss, 300 kbit/s, 150 ms there and back',
    quality: { delayMs: 75, jitterMs: 0, lossPercent: 10, rateKbps: 300 },
  },
  narrow: {
    title: '300 kbit/s, 150 ms there and back',
    quality: { delayMs: 75, jitterMs: 0, lossPercent: 0, rateKbps: 300 },
  },
  lossy: {
    title: '10 % loss, 50 ms there and back',
    quality: { delayMs: 25, jitterMs: 0, lossPercent: 10 },
  },
  piling: {
    title: '300 kbit/s that holds back 2 s, 50 ms there and back',
    quality: { delayMs: 25, jitterMs: 0, lossPercent: 0, rateKbps: 300, queueMs: 2_000 },
  },
};
type Mode = 'always' | 'auto';

/** Shown for longer than this, a frame counts as a frozen picture. */
const FROZEN_MS = 200;
const FRAME_MS = 1_000 / 30;
const GOOD_MS = 9_000;
const RISE_DEADLINE_MS = 30_000;

interface Run {
  readonly line: string;
  readonly mode: Mode;
  readonly frozenMs: number;
  readonly longestMs: number;
  readonly framesPerSecond: number;
  /** Height of the picture at each second of the bad line. */
  readonly heights: readonly number[];
  /** The one it had most often in the last half. */
  readonly settled: number;
  /** From the line's being good to the layer it had before; the deadline where it took longer. */
  readonly riseMs: number;
}

const { values } = parseArgs({
  allowNegative: true,
  options: {
    runs: { type: 'string', default: '3' },
    lines: { type: 'string', default: 'bad,narrow,lossy' },
    estimated: { type: 'string', default: 'always,auto' },
    'bad-ms': { type: 'string', default: '20000' },
    save: { type: 'boolean', default: true },
  },
});
const runs = whole('--runs', values.runs, 100);
const badMs = whole('--bad-ms', values['bad-ms'], 600_000);
const modes = values.estimated.split(',').map(modeNamed);
const lines = values.lines.split(',');
for (const line of lines) if (!LINES[line]) throw new Error(`no such line: ${line}`);

const unavailable = networkUnavailable();
if (unavailable) throw new Error(unavailable);

const results: Run[] = [];
for (let run = 0; run < runs; run += 1) {
  for (const mode of modes) results.push(...(await measure(mode)));
}
const report = { ...machine(['bad-line', ...process.argv.slice(2)]), results };
console.log(`\n${markdown()}`);
if (values.save) {
  writeFileSync(
    join(import.meta.dirname, 'results/bad-line.json'),
    `${JSON.stringify(report, null, 2)}\n`,
  );
  fillIn(join(import.meta.dirname, '../docs/benchmarks.md'), 'bad-line', markdown());
}

async function measure(mode: Mode): Promise<Run[]> {
  const closers: (() => unknown)[] = [];
  try {
    const network = new TestNetwork(2);
    closers.push(() => network.close());
    const server = await ServerProcess.start({
      prefix: network.serverPrefix,
      address: network.serverAddress,
      env: { BANDWIDTH_ESTIMATION: mode },
    });
    closers.push(() => server.stop());
    const [publisherHost, viewerHost] = network.hosts;
    if (!publisherHost || !viewerHost) throw new Error('no hosts');
    const line = await EmulatedLink.between(network, viewerHost);
    closers.push(() => line.close());
    await line.set(GOOD);
    const flags = [
      `--unsafely-treat-insecure-origin-as-secure=${server.url}`,
      `--use-file-for-fake-video-capture=${busyCameraFile()}`,
    ];
    const publishing = await launchBrowser({ on: publisherHost, flags });
    closers.push(() => publishing.close());
    const watching = await launchBrowser({ on: viewerHost, flags });
    closers.push(() => watching.close());
    const publisher = await openPage(
      await publishing.newContext(),
      `${server.url}/publish/${ROOM}`,
    );
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    const done: Run[] = [];
    for (const name of lines) {
      const run = await watch(watching, server.url, line, name, mode);
      done.push(run);
      const { frozenMs, longestMs, settled, riseMs, heights } = run;
      console.log(
        `${name}, ${mode}: frozen ${frozenMs} ms, longest ${longestMs} ms, settled at ${settled}, ` +
          `back up after ${riseMs} ms; ${heights.join(' ')}`,
      );
    }
    return done;
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

async function watch(
  browser: Browser,
  url: string,
  line: EmulatedLink,
  name: string,
  mode: Mode,
): Promise<Run> {
  const context = await browser.newContext();
  try {
    await recordPages(context);
    const { page } = await openPage(context, `${url}/join/${ROOM}`);
    await waitForStatus(page, 'live');
    await delay(GOOD_MS);
    const before = await height(page);
    const from = await wallClock(page);
    await line.set(LINES[name]?.quality ?? GOOD);
    const heights: number[] = [];
    for (let ms = 0; ms < badMs; ms += 1_000) {
      await delay(1_000);
      heights.push(await height(page));
    }
    const to = await wallClock(page);
    await line.set(GOOD);
    const good = performance.now();
    while ((await height(page)) < before && performance.now() - good < RISE_DEADLINE_MS) {
      await delay(100);
    }
    const riseMs = Math.round(performance.now() - good);
    const gaps = await gapsBetween(page, from, to);
    return {
      line: name,
      mode,
      frozenMs: Math.round(
        gaps.filter((gap) => gap > FROZEN_MS).reduce((sum, gap) => sum + gap - FRAME_MS, 0),
      ),
      longestMs: Math.round(Math.max(0, ...gaps)),
      framesPerSecond: Math.round((gaps.length / (to - from)) * 10_000) / 10,
      heights,
      settled: mostOften(heights.slice(Math.floor(heights.length / 2))),
      riseMs,
    };
  } finally {
    await context.close();
  }
}

/** Of the picture on the screen. */
function height(page: Page): Promise<number> {
  return page.locator('#video').evaluate((video: HTMLVideoElement) => video.videoHeight);
}

function wallClock(page: Page): Promise<number> {
  return page.evaluate(() => performance.timeOrigin + performance.now());
}

/** Times between frames that were shown from `from` to `to`, what is still open at the end too. */
function gapsBetween(page: Page, from: number, to: number): Promise<number[]> {
  return page.evaluate(
    ([first, last]) => {
      const within = recording.frames.filter((at) => at >= first && at <= last);
      return [...within, last].map((at, i) => at - (within[i - 1] ?? first));
    },
    [from, to] as const,
  );
}

function modeNamed(name: string): Mode {
  if (name === 'always' || name === 'auto') return name;
  throw new Error(`no such way to estimate: ${name}`);
}

function mostOften(all: readonly number[]): number {
  const count = (value: number) => all.filter((one) => one === value).length;
  return all.toSorted((a, b) => count(b) - count(a))[0] ?? 0;
}

function markdown(): string {
  const { at, cores, command } = report;
  const rows = lines.flatMap((line) =>
    modes.map((mode) => {
      const own = results.filter((run) => run.line === line && run.mode === mode);
      const median = (pick: (run: Run) => number) => medianOf(own.map(pick));
      const figures = [
        `${own.length}`,
        (median((run) => run.frozenMs) / 1000).toFixed(1),
        (median((run) => run.longestMs) / 1000).toFixed(1),
        `${median((run) => run.framesPerSecond)}`,
        `${median((run) => run.settled)}`,
        (median((run) => run.riseMs) / 1000).toFixed(1),
      ];
      return `| ${LINES[line]?.title} | ${mode} | ${figures.join(' | ')} |`;
    }),
  );
  return [
    `Measured on ${at.slice(0, 10)} by \`${command}\`, on a machine of ${cores} cores that also ran both browsers. Medians.`,
    '',
    '| line | estimated | runs | frozen, s | longest, s | frames/s | settled at | back up after, s |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n');
}
