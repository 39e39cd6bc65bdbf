/** A room that attacks nothing: a publisher, viewers in a browser, and sockets that send requests. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { recordPages } from '#testkit/browser/page-recorder.ts';
import { join } from '#testkit/signalling/requests.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';

const ROOM = 'innocent';
const VIEWERS = 3;
const REQUESTERS = 4;
/** Of each requester; half of what a socket may send. */
const REQUESTS_PER_S = 5;

/** What an innocent room experienced. */
export interface InnocentStats {
  readonly ackMs: readonly number[];
  readonly unanswered: number;
  /** Over all viewers. */
  readonly frames: number;
  readonly packetsLost: number;
  readonly framesDropped: number;
  readonly longestGapMs: number;
}

export class InnocentRoom {
  readonly #browsers: readonly Browser[];
  readonly #viewers: readonly Page[];
  readonly #requesters: readonly SignalClient[];

  static async open(url: string): Promise<InnocentRoom> {
    const browsers = [await launchBrowser(), await launchBrowser()] as const;
    const [publishing, watching] = browsers;
    const publisher = await openPage(await publishing.newContext(), `${url}/publish/${ROOM}`);
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    const viewers: Page[] = [];
    for (let i = 0; i < VIEWERS; i += 1) {
      // Its own window, because a tab in the background shows one frame a second.
      const context = await watching.newContext();
      await recordPages(context);
      const { page } = await openPage(context, `${url}/join/${ROOM}`);
      await waitForStatus(page, 'live');
      viewers.push(page);
    }
    await Promise.all(viewers.map((page) => waitForFrames(page, 60)));
    const requesters = await Promise.all(
      Array.from({ length: REQUESTERS }, () => SignalClient.connect(url)),
    );
    for (const requester of requesters) await join(requester, ROOM);
    return new InnocentRoom(browsers, viewers, requesters);
  }

  private constructor(
    browsers: readonly Browser[],
    viewers: readonly Page[],
    requesters: readonly SignalClient[],
  ) {
    this.#browsers = browsers;
    this.#viewers = viewers;
    this.#requesters = requesters;
  }

  async measure(ms: number): Promise<InnocentStats> {
    const from = Date.now();
    const before = await this.#counts();
    const answers = await Promise.all(
      this.#requesters.map(async (requester) => sendRequests(requester, ms)),
    );
    const after = await this.#counts();
    const shown = await Promise.all(
      this.#viewers.map(async (page) =>
        page.evaluate((since) => {
          const { frames } = recording;
          const own = frames.filter((at) => at >= since);
          const gaps = own.map((at, i) => at - (own[i - 1] ?? at));
          return { frames: own.length, gap: Math.max(0, ...gaps) };
        }, from),
      ),
    );
    return {
      ackMs: answers.flatMap(({ ackMs }) => ackMs),
      unanswered: answers.reduce((sum, { unanswered }) => sum + unanswered, 0),
      frames: shown.reduce((sum, { frames }) => sum + frames, 0),
      packetsLost: after.lost - before.lost,
      framesDropped: after.dropped - before.dropped,
      longestGapMs: Math.max(...shown.map(({ gap }) => gap)),
    };
  }

  async #counts(): Promise<{ lost: number; dropped: number }> {
    const all = await Promise.all(
      this.#viewers.map(async (page) =>
        page.evaluate(async () => {
          const report = await recording.peers.at(-1)?.getStats();
          const counts = { lost: 0, dropped: 0 };
          report?.forEach((stats: Record<string, unknown>) => {
            if (stats['type'] !== 'inbound-rtp' || stats['kind'] !== 'video') return;
            counts.lost += Number(stats['packetsLost'] ?? 0);
            counts.dropped += Number(stats['framesDropped'] ?? 0);
          });
          return counts;
        }),
      ),
    );
    const sum = (pick: 'lost' | 'dropped') => all.reduce((total, one) => total + one[pick], 0);
    return { lost: sum('lost'), dropped: sum('dropped') };
  }

  async close(): Promise<void> {
    for (const requester of this.#requesters) requester.close();
    for (const browser of this.#browsers) await browser.close();
  }
}

/** Sends requests at a fixed rate, without waiting for answers. */
async function sendRequests(requester: SignalClient, ms: number) {
  const ackMs: number[] = [];
  let unanswered = 0;
  const running: Promise<void>[] = [];
  const until = performance.now() + ms;
  while (performance.now() < until) {
    const sent = performance.now();
    running.push(
      requester.errorCode('stateSnapshot').then(
        (code) => {
          if (code === undefined) ackMs.push(performance.now() - sent);
          else unanswered += 1;
        },
        () => {
          unanswered += 1;
        },
      ),
    );
    await delay(1_000 / REQUESTS_PER_S);
  }
  await Promise.all(running);
  return { ackMs, unanswered };
}
