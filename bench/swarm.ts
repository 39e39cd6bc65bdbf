/**
 * Many viewers that join within a second, in Chromium: built from the product's own modules, they
 * decode what they receive. Their processor time limits their number; light-swarm.ts has no such limit.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { bundle } from './report/bundle.ts';
import { type Spread, spreadOf } from './report/stats.ts';
import {
  type Launched,
  type Measured,
  ROOM,
  MeasuredBroadcast,
} from './swarm/measured-broadcast.ts';
import type { Swarm, SwarmOrder, ViewerSteps } from './swarm/viewers.ts';

export interface SwarmOptions {
  readonly viewers: number;
  /** Their starts are spread evenly over this time. */
  readonly spreadMs?: number;
  /** Chromium processes that they share. */
  readonly browsers?: number;
  /** A viewer without a frame by then has failed. */
  readonly deadlineMs?: number;
}

export interface SwarmResult extends Measured {
  readonly viewers: number;
  readonly errors: readonly string[];
  /** Sockets that a browser opened too late and opened again. */
  readonly socketsLost: number;
  /** Viewers that decoded frames, and viewers that decoded more frames afterwards. */
  readonly withFrames: number;
  readonly advancing: number;
  /** Each viewer's time to its first packet, ms. */
  readonly packetMs: readonly number[];
  /** ms after each viewer's own start, as the viewers measured it. */
  readonly seen: Readonly<Record<SwarmStep, Spread>>;
}

type SwarmStep = Exclude<keyof ViewerSteps, 'error' | 'socketsLost'>;

export async function swarm({
  viewers,
  spreadMs = 1_000,
  browsers = 2,
  deadlineMs = 60_000,
}: SwarmOptions): Promise<SwarmResult> {
  const script = await bundle('swarm/viewers.ts');
  const broadcast = await MeasuredBroadcast.open('tiny');
  try {
    const launched: Launched[] = [];
    const pages: Page[] = [];
    for (let i = 0; i < browsers; i += 1) {
      const one = await broadcast.launch();
      launched.push(one);
      pages.push(await swarmPage(one, broadcast.server.url, script));
    }
    const { value, ...measured } = await broadcast.measure(
      launched.flatMap(({ pids }) => pids),
      () =>
        Promise.all(
          pages.map((page, i) => {
            const share = Math.floor((viewers + i) / browsers);
            return start(page, { room: ROOM, viewers: share, spreadMs, deadlineMs });
          }),
        ),
    );
    const all = value.flat();
    const first = await frameCounts(pages);
    let advancing = 0;
    for (let tries = 0; tries < 20 && advancing < all.length; tries += 1) {
      await delay(1_000);
      const now = await frameCounts(pages);
      advancing = now.filter((count, i) => count > (first[i] ?? 0)).length;
    }
    const times = (step: SwarmStep) =>
      all.flatMap(({ [step]: time }) => (time === undefined ? [] : [time]));
    return {
      viewers: all.length,
      errors: all.flatMap(({ error }) => (error === null ? [] : [error])),
      socketsLost: all.reduce((sum, steps) => sum + steps.socketsLost, 0),
      withFrames: times('frame').length,
      advancing,
      packetMs: times('packet'),
      seen: {
        socket: spreadOf(times('socket')),
        joined: spreadOf(times('joined')),
        connected: spreadOf(times('connected')),
        packet: spreadOf(times('packet')),
        frame: spreadOf(times('frame')),
      },
      ...measured,
    };
  } finally {
    await broadcast.close();
  }
}

/** An empty page of the server's origin, without its security policy, that runs the viewers' script. */
async function swarmPage({ browser }: Launched, url: string, script: string): Promise<Page> {
  const page = await (await browser.newContext({ bypassCSP: true })).newPage();
  await page.goto(`${url}/healthz`);
  await page.addScriptTag({ content: script });
  return page;
}

async function start(page: Page, order: SwarmOrder): Promise<ViewerSteps[]> {
  return page.evaluate(
    (given) => (globalThis as unknown as { swarm: Swarm }).swarm.start(given),
    order,
  );
}

async function frameCounts(pages: readonly Page[]): Promise<number[]> {
  const counts = await Promise.all(
    pages.map((page) =>
      page.evaluate(() => (globalThis as unknown as { swarm: Swarm }).swarm.frames()),
    ),
  );
  return counts.flat();
}
