/**
 * npm run bench -- bad-link [--runs 3] [--links bad,narrow,lossy] [--estimation always,auto]
 *   [--bad-ms 20000] [--no-save | --report]
 * What a viewer in Chromium gets when its network link turns bad: with bandwidth estimation for every
 * viewer from the start, and with estimation only for viewers with a lossy connection.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { openPage } from '#testkit/browser/browser.ts';
import type { EmulatedLink, LinkQuality } from '#testkit/network/emulated-link.ts';
import { recordPages } from '#testkit/browser/page-recorder.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';
import { count, names } from './options.ts';
import { measuredBy, type Provenance, provenance, runPart } from './part.ts';
import { medianOf } from './report/stats.ts';
import { withBroadcast } from './stages/hosts.ts';

const ROOM = 'bad-link';
const GOOD: LinkQuality = { delayMs: 10, jitterMs: 0, lossPercent: 0 };
const LINKS = {
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
  buffered: {
    title: '300 kbit/s with a buffer of 2 s, 50 ms there and back',
    quality: { delayMs: 25, jitterMs: 0, lossPercent: 0, rateKbps: 300, queueMs: 2_000 },
  },
} as const satisfies Record<string, { readonly title: string; readonly quality: LinkQuality }>;
type LinkName = keyof typeof LINKS;
const ESTIMATION = ['always', 'auto'] as const;
type Estimation = (typeof ESTIMATION)[number];

/** A frame that is shown longer than this counts as frozen video. */
const FROZEN_MS = 200;
const FRAME_MS = 1_000 / 30;
const GOOD_MS = 9_000;
const RECOVERY_DEADLINE_MS = 30_000;

interface BadLinkRun {
  readonly link: LinkName;
  readonly estimation: Estimation;
  /** Total time beyond a frame's normal time, of all frames that counted as frozen. */
  readonly frozenMs: number;
  readonly longestMs: number;
  readonly framesPerSecond: number;
  /** Most frequent height of the video in the second half of the bad time, pixels. */
  readonly settledHeight: number;
  /**
   * From the moment when the link is good again to the layer of before; RECOVERY_DEADLINE_MS if it
   * takes longer.
   */
  readonly recoveredMs: number;
}

interface BadLinkRow extends BadLinkRun {
  readonly runs: number;
}

interface BadLinkSummary extends Provenance {
  /** Medians. */
  readonly rows: readonly BadLinkRow[];
}

await runPart({
  name: 'bad-link',
  options: {
    runs: count(3, 100),
    links: names(Object.keys(LINKS) as LinkName[], 'bad,narrow,lossy'),
    estimation: names(ESTIMATION),
    badMs: count(20_000, 600_000),
  },
  async measure({ runs, links, estimation: modes, badMs }): Promise<BadLinkSummary> {
    const all: BadLinkRun[] = [];
    for (let run = 0; run < runs; run += 1) {
      for (const mode of modes) all.push(...(await measureLinks(mode, links, badMs)));
    }
    const rows = links.flatMap((link) =>
      modes.map((mode) =>
        rowOf(
          all.filter((run) => run.link === link && run.estimation === mode),
          link,
          mode,
        ),
      ),
    );
    return { ...provenance('bad-link'), rows };
  },
  outputs: (summary) => [
    { file: 'docs/benchmarks.md', marker: 'bad-link', markdown: markdown(summary) },
  ],
});

function rowOf(runs: readonly BadLinkRun[], link: LinkName, estimation: Estimation): BadLinkRow {
  const median = (pick: (run: BadLinkRun) => number) => medianOf(runs.map(pick));
  return {
    link,
    estimation,
    runs: runs.length,
    frozenMs: median(({ frozenMs }) => frozenMs),
    longestMs: median(({ longestMs }) => longestMs),
    framesPerSecond: median(({ framesPerSecond }) => framesPerSecond),
    settledHeight: median(({ settledHeight }) => settledHeight),
    recoveredMs: median(({ recoveredMs }) => recoveredMs),
  };
}

async function measureLinks(
  estimation: Estimation,
  links: readonly LinkName[],
  badMs: number,
): Promise<BadLinkRun[]> {
  const env = { BANDWIDTH_ESTIMATION: estimation };
  return withBroadcast(
    { room: ROOM, env, link: GOOD, busyCamera: true },
    async ({ server, viewerBrowser, viewerLink }) => {
      const all: BadLinkRun[] = [];
      for (const link of links) {
        const watched = await watch(viewerBrowser, server.url, viewerLink, link, badMs);
        all.push({ link, estimation, ...watched });
        const { frozenMs, longestMs, settledHeight, recoveredMs } = watched;
        console.log(
          `${link}, ${estimation}: frozen ${frozenMs} ms, longest ${longestMs} ms, ` +
            `settled at ${settledHeight}, recovered after ${recoveredMs} ms`,
        );
      }
      return all;
    },
  );
}

async function watch(
  browser: Browser,
  url: string,
  viewerLink: EmulatedLink,
  link: LinkName,
  badMs: number,
): Promise<Omit<BadLinkRun, 'link' | 'estimation'>> {
  const context = await browser.newContext();
  try {
    await recordPages(context);
    const { page } = await openPage(context, `${url}/join/${ROOM}`);
    await waitForStatus(page, 'live');
    await delay(GOOD_MS);
    const heightBefore = await heightOf(page);
    const from = await wallClock(page);
    await viewerLink.set(LINKS[link].quality);
    const heights: number[] = [];
    for (let ms = 0; ms < badMs; ms += 1_000) {
      await delay(1_000);
      heights.push(await heightOf(page));
    }
    const to = await wallClock(page);
    await viewerLink.set(GOOD);
    const goodSince = performance.now();
    const elapsed = () => performance.now() - goodSince;
    while ((await heightOf(page)) < heightBefore && elapsed() < RECOVERY_DEADLINE_MS) {
      await delay(100);
    }
    const recoveredMs = Math.round(elapsed());
    const gaps = await gapsBetween(page, from, to);
    return {
      frozenMs: Math.round(
        gaps.filter((gap) => gap > FROZEN_MS).reduce((sum, gap) => sum + gap - FRAME_MS, 0),
      ),
      longestMs: Math.round(Math.max(0, ...gaps)),
      framesPerSecond: Math.round((gaps.length / (to - from)) * 10_000) / 10,
      settledHeight: mostFrequent(heights.slice(Math.floor(heights.length / 2))),
      recoveredMs,
    };
  } finally {
    await context.close();
  }
}

/** Height of the shown video, pixels. */
function heightOf(page: Page): Promise<number> {
  return page.locator('#video').evaluate((video: HTMLVideoElement) => video.videoHeight);
}

/** The page's clock, ms since 1970. */
function wallClock(page: Page): Promise<number> {
  return page.evaluate(() => performance.timeOrigin + performance.now());
}

/** Times between the frames that were shown from `from` to `to`, including the time that was open at `to`. */
function gapsBetween(page: Page, from: number, to: number): Promise<number[]> {
  return page.evaluate(
    ([first, last]) => {
      const within = recording.frames.filter((at) => at >= first && at <= last);
      return [...within, last].map((at, i) => at - (within[i - 1] ?? first));
    },
    [from, to] as const,
  );
}

function mostFrequent(all: readonly number[]): number {
  const occurrences = (value: number) => all.filter((one) => one === value).length;
  return all.toSorted((a, b) => occurrences(b) - occurrences(a))[0] ?? 0;
}

function markdown({ rows, ...summary }: BadLinkSummary): string {
  return [
    `${measuredBy(summary, ' that also ran both browsers')} Medians.`,
    '',
    '| link | estimation | runs | frozen, s | longest, s | frames/s | settled at | back up after, s |',
    '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map((row) => {
      const cells = [
        row.runs,
        (row.frozenMs / 1000).toFixed(1),
        (row.longestMs / 1000).toFixed(1),
        row.framesPerSecond,
        row.settledHeight,
        (row.recoveredMs / 1000).toFixed(1),
      ];
      return `| ${LINKS[row.link].title} | ${row.estimation} | ${cells.join(' | ')} |`;
    }),
  ].join('\n');
}
