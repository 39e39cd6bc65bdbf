/** A room that has done nothing: a publisher, viewers in a browser, and pages that only ask and wait. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { recordPages } from '#testkit/browser/page-recorder.ts';
import { join } from '#testkit/signalling/requests.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';

const ROOM = 'innocent';
const VIEWERS = 3;
const ASKERS = 4;
/** Of each asker; half of what a socket may send. */
const ASKS_PER_S = 5;

export interface InnocentFigures {
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
  readonly #askers: readonly SignalClient[];

  static async open(url: string): Promise<InnocentRoom> {
    const browsers = [await launchBrowser(), await launchBrowser()] as const;
    const [publishing, watching] = browsers;
    const publisher = await openPage(await publishing.newContext(), `${url}/publish/${ROOM}`);
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    const viewers: Page[] = [];
    for (let i = 0; i < VIEWERS; i += 1) {
      // A window of its own: a tab in the back is shown one frame a second.
      const context = await watching.newContext();
      await recordPages(context);
      const { page } = await openPage(context, `${url}/join/${ROOM}`);
      await waitForStatus(page, 'live');
      viewers.push(page);
    }
    await Promise.all(viewers.map((page) => waitForFrames(page, 60)));
    const askers = await Promise.all(
      Array.from({ length: ASKERS }, () => SignalClient.connect(url)),
    );
    for (const asker of askers) await join(asker, ROOM);
    return new InnocentRoom(browsers, viewers, askers);
  }

  private constructor(
    browsers: readonly Browser[],
    viewers: readonly Page[],
    askers: readonly SignalClient[],
  ) {
    this.#browsers = browsers;
    this.#viewers = viewers;
    this.#askers = askers;
  }

  async measure(ms: number): Promise<InnocentFigures> {
    const from = Date.now();
    const before = await this.#counts();
    const asked = await Promise.all(this.#askers.map(async (asker) => askFor(asker, ms)));
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
      ackMs: asked.flatMap(({ ackMs }) => ackMs),
      unanswered: asked.reduce((sum, { unanswered }) => sum + unanswered, 0),
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
    for (const asker of this.#askers) asker.close();
    for (const browser of this.#browsers) await browser.close();
  }
}

/** Asks at its pace whether answers come or not. */
async function askFor(asker: SignalClient, ms: number) {
  const ackMs: number[] = [];
  let unanswered = 0;
  const running: Promise<void>[] = [];
  const until = performance.now() + ms;
  while (performance.now() < until) {
    const asked = performance.now();
    running.push(
      asker.errorCode('stateSnapshot').then(
        (code) => {
          if (code === undefined) ackMs.push(performance.now() - asked);
          else unanswered += 1;
        },
        () => {
          unanswered += 1;
        },
      ),
    );
    await delay(1_000 / ASKS_PER_S);
  }
  await Promise.all(running);
  return { ackMs, unanswered };
}
