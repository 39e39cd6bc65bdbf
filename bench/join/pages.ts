/** Joins of the real page in Chromium over a line of some round trip time, each with an empty cache. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, BrowserContext } from 'playwright-core';
import * as v from 'valibot';
import { LIMITS } from '#config/limits.ts';
import { type JoinTrace, JoinTraceSchema } from '#protocol/join-trace.ts';
import { launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { networkUnavailable, TestNetwork } from '#testkit/network/test-network.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';
import { EmulatedLink } from '#testkit/network/emulated-link.ts';

const ROOM = 'join';
const TRACE_DEADLINE_MS = 30_000;

export type Way = JoinTrace['way'];

export interface PageJoin {
  readonly rttMs: number;
  /** What was wanted. The trace tells what came of it. */
  readonly way: Way;
  readonly trace: JoinTrace;
  /** Seen from outside, ms from navigation: the last script is there, the first frame is shown. */
  readonly scriptsMs: number;
  readonly frameMs: number;
}

export interface PagesOptions {
  readonly runs: number;
  readonly rttsMs: readonly number[];
  readonly say: (line: string) => void;
}

/** Run by run, each with every line and either way. */
export async function measurePages({ runs, rttsMs, say }: PagesOptions): Promise<PageJoin[]> {
  const unavailable = networkUnavailable();
  if (unavailable) throw new Error(unavailable);
  const closers: (() => unknown)[] = [];
  try {
    const network = new TestNetwork(2);
    closers.push(() => network.close());
    const server = await ServerProcess.start({
      prefix: network.serverPrefix,
      address: network.serverAddress,
      // As an operator has it: what tests read from the log is not wanted here.
      env: { LOG_LEVEL: 'info' },
    });
    closers.push(() => server.stop());
    const [publisherHost, viewerHost] = network.hosts;
    if (!publisherHost || !viewerHost) throw new Error('no hosts');
    const line = await EmulatedLink.between(network, viewerHost);
    closers.push(() => line.close());
    const flags = [`--unsafely-treat-insecure-origin-as-secure=${server.url}`];
    const publishing = await launchBrowser({ on: publisherHost, flags });
    closers.push(() => publishing.close());
    const watching = await launchBrowser({ on: viewerHost, flags });
    closers.push(() => watching.close());
    const { page } = await openPage(await publishing.newContext(), `${server.url}/publish/${ROOM}`);
    await page.click('#start');
    await waitForStatus(page, 'live');

    const joins: PageJoin[] = [];
    const measure = async (rttMs: number, way: Way) => {
      // Two joins within this share a key frame, and the second one waits for it.
      await delay(2 * LIMITS.keyFrameRequestDelayMs);
      await line.set({ delayMs: rttMs / 2, jitterMs: 0, lossPercent: 0 });
      return { rttMs, way, ...(await joinOnce(watching, `${server.url}/join/${ROOM}`, way)) };
    };
    // A browser's first page pays for what all later ones find there.
    await measure(0, 'ahead');
    for (let run = 1; run <= runs; run += 1) {
      for (const rttMs of rttsMs) {
        for (const way of ['ahead', 'socket'] as const) {
          const join = await measure(rttMs, way);
          joins.push(join);
          say(`run ${run}, ${rttMs} ms, ${way}: ${JSON.stringify(join.trace.steps)}`);
        }
      }
    }
    return joins;
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

async function joinOnce(
  browser: Browser,
  url: string,
  way: Way,
): Promise<Omit<PageJoin, 'rttMs' | 'way'>> {
  const context = await browser.newContext();
  try {
    await watchFromOutside(context);
    if (way === 'socket') await withoutJoinAhead(context);
    const page = await context.newPage();
    const reported = new Promise<JoinTrace>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('no trace came')), TRACE_DEADLINE_MS);
      page.on('websocket', (socket) => {
        socket.on('framesent', ({ payload }) => {
          const trace = traceIn(String(payload));
          if (!trace) return;
          clearTimeout(late);
          resolve(trace);
        });
      });
    });
    await page.goto(url, { waitUntil: 'commit' });
    const trace = await reported;
    if (trace.way !== way) throw new Error(`joined by ${trace.way}, not by ${way}`);
    const seen = await page.evaluate(() => {
      const scripts = performance
        .getEntriesByType('resource')
        .filter((entry) => entry instanceof PerformanceResourceTiming)
        .filter(({ name }) => name.endsWith('.js') && !name.includes('worker'));
      return {
        scriptsMs: Math.max(...scripts.map(({ responseEnd }) => responseEnd)),
        frameMs: Number(Reflect.get(globalThis, 'firstFrameAt')),
      };
    });
    return { trace, ...seen };
  } finally {
    await context.close();
  }
}

/** The trace of a join that the page reports to the server (`42<ack id>["report",{…}]`). */
function traceIn(packet: string): JoinTrace | undefined {
  const payload = /^42\d+(\["report",.*\])$/s.exec(packet)?.[1];
  if (payload === undefined) return undefined;
  const [, { join }] = JSON.parse(payload) as [string, { join?: unknown }];
  return join === undefined ? undefined : v.parse(JoinTraceSchema, join);
}

/** The first frame by another clock than the page's own. */
async function watchFromOutside(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    document.addEventListener('DOMContentLoaded', () => {
      document.querySelector('video')?.requestVideoFrameCallback((now) => {
        Object.assign(globalThis, { firstFrameAt: now });
      });
    });
  });
}

/** As a page whose request ahead fails at once. */
async function withoutJoinAhead(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const real = globalThis.fetch.bind(globalThis);
    globalThis.fetch = async (input, init) => {
      if (input === '/api/join') throw new TypeError('switched off');
      return real(input, init);
    };
  });
}
