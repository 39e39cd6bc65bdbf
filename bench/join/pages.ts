/** Joins of the real page in Chromium over links with different round-trip times, each with an empty cache. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, BrowserContext } from 'playwright-core';
import * as v from 'valibot';
import { LIMITS } from '#config/limits.ts';
import { type JoinTrace, JoinTraceSchema } from '#protocol/join-trace.ts';
import type { LinkQuality } from '#testkit/network/emulated-link.ts';
import { withBroadcast } from '../stages/hosts.ts';

const ROOM = 'join';
const TRACE_DEADLINE_MS = 30_000;

export type JoinWay = JoinTrace['way'];

export interface PageJoin {
  readonly rttMs: number;
  /** The way that the bench chose; the trace has the way that the page used. */
  readonly way: JoinWay;
  readonly trace: JoinTrace;
  /** Measured from outside, ms from navigation: the last script has arrived, the first frame is shown. */
  readonly scriptsMs: number;
  readonly frameMs: number;
}

export interface PagesOptions {
  readonly runs: number;
  readonly rttsMs: readonly number[];
  readonly log: (line: string) => void;
}

/** In every run: each round-trip time, and for each of them both ways to join. */
export async function measurePages({ runs, rttsMs, log }: PagesOptions): Promise<PageJoin[]> {
  // The tests' log level would cost time.
  const env = { LOG_LEVEL: 'info' };
  return withBroadcast(
    { room: ROOM, env, link: linkOf(0) },
    async ({ server, viewerBrowser, viewerLink }) => {
      const url = `${server.url}/join/${ROOM}`;
      const joins: PageJoin[] = [];
      const measure = async (rttMs: number, way: JoinWay) => {
        // Two joins within this time share a key frame, and the second one would wait for it.
        await delay(2 * LIMITS.keyFrameRequestDelayMs);
        await viewerLink.set(linkOf(rttMs));
        return { rttMs, way, ...(await joinOnce(viewerBrowser, url, way)) };
      };
      // The first page of a browser fills caches that all later pages use.
      await measure(0, 'ahead');
      for (let run = 1; run <= runs; run += 1) {
        for (const rttMs of rttsMs) {
          for (const way of ['ahead', 'socket'] as const) {
            const join = await measure(rttMs, way);
            joins.push(join);
            log(`run ${run}, ${rttMs} ms, ${way}: ${JSON.stringify(join.trace.steps)}`);
          }
        }
      }
      return joins;
    },
  );
}

function linkOf(rttMs: number): LinkQuality {
  return { delayMs: rttMs / 2, jitterMs: 0, lossPercent: 0 };
}

async function joinOnce(
  browser: Browser,
  url: string,
  way: JoinWay,
): Promise<Omit<PageJoin, 'rttMs' | 'way'>> {
  const context = await browser.newContext();
  try {
    await recordFirstFrame(context);
    if (way === 'socket') await withoutJoinAhead(context);
    const page = await context.newPage();
    const reported = new Promise<JoinTrace>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the page sent no trace')), TRACE_DEADLINE_MS);
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
    if (trace.way !== way) throw new Error(`joined by ${trace.way} instead of ${way}`);
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

/** Notes the time of the first frame independently of the page's own trace. */
async function recordFirstFrame(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    document.addEventListener('DOMContentLoaded', () => {
      document.querySelector('video')?.requestVideoFrameCallback((now) => {
        Object.assign(globalThis, { firstFrameAt: now });
      });
    });
  });
}

/** Makes the page's HTTP join fail at once, so that it joins over its socket. */
async function withoutJoinAhead(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const real = globalThis.fetch.bind(globalThis);
    globalThis.fetch = async (input, init) => {
      if (input === '/api/join') throw new TypeError('switched off by the bench');
      return real(input, init);
    };
  });
}
