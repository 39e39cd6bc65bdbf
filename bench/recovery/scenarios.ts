/** All faults: how the bench causes each one, what it measures, and the target. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { waitForStatus } from '#testkit/browser/shown-video.ts';
import {
  captureAt,
  firstFrameAfter,
  longestFrameGap,
  firstStatusSince,
} from '#testkit/browser/page-recorder.ts';
import { TabbedBrowser } from '#testkit/browser/tabbed-browser.ts';
import type { Host } from '#testkit/network/test-network.ts';
import type { RecoveryStage } from './stages.ts';

export interface Scenario {
  readonly id: string;
  readonly fault: string;
  /** What the measured time is. */
  readonly measured: string;
  readonly stage: 'local' | 'network' | 'devices';
  /** ms at p95. */
  readonly targetMs: number;
  /** Share of the requested runs; long scenarios run less often. */
  readonly share?: number;
  /** @returns ms */
  run(stage: RecoveryStage): Promise<number>;
}

export const SCENARIOS: readonly Scenario[] = [
  {
    id: 'join',
    fault: 'none: a viewer opens the link',
    measured: 'navigation to first frame',
    stage: 'local',
    targetMs: 1_000,
    async run(stage) {
      const page = await stage.newViewer();
      return sinceNavigation(page);
    },
  },
  {
    id: 'undisturbed',
    fault: 'none: the video plays for 5 s',
    measured: 'longest time between two frames',
    stage: 'network',
    targetMs: 250,
    async run({ viewer }) {
      const since = Date.now();
      await delay(5_000);
      return longestFrameGap(viewer, since);
    },
  },
  socketReset('viewer', 'video'),
  socketReset('publisher', 'video'),
  socketReset('viewer', 'signalling'),
  {
    id: 'viewer-reload',
    fault: 'viewer reloads',
    measured: 'navigation to first frame',
    stage: 'local',
    targetMs: 1_000,
    async run({ viewer }) {
      await viewer.reload();
      return sinceNavigation(viewer);
    },
  },
  {
    id: 'publisher-reload',
    fault: 'publisher reloads',
    measured: 'the new page has the camera, to the viewer’s first new frame',
    stage: 'local',
    targetMs: 1_500,
    async run({ publisher, viewer }) {
      await publisher.reload();
      const since = await captureAt(publisher);
      return (await firstFrameAfter(viewer, since)) - since;
    },
  },
  {
    id: 'viewer-address',
    fault: 'viewer’s network switch',
    measured: 'longest gap in the video, after the change',
    stage: 'network',
    targetMs: 2_000,
    async run(stage) {
      const host = required(stage.viewerHost);
      const since = Date.now();
      host.changeAddress();
      // Frames that arrived by the old path are shown first; only a frame seconds later ends the gap.
      await firstFrameAfter(stage.viewer, since + 3_000);
      const took = await longestFrameGap(stage.viewer, since);
      await settle(stage);
      host.changeAddressBack();
      await firstFrameAfter(stage.viewer, Date.now());
      return took;
    },
  },
  cut('publisher', 5, 1_500),
  cut('publisher', 30, 2_000, 0.25),
  cut('publisher', 120, 3_000, 0.15),
  cut('viewer', 5, 1_500),
  {
    id: 'ice-fails',
    fault: 'only ICE fails: UDP dropped permanently, socket up',
    measured: 'longest gap in the video, until it plays over TCP',
    stage: 'network',
    targetMs: 5_000,
    async run(stage) {
      const host = required(stage.viewerHost);
      const since = Date.now();
      host.blockUdp();
      await firstFrameAfter(stage.viewer, since + 1_000);
      const gap = await longestFrameGap(stage.viewer, since);
      host.heal();
      await stage.newViewer();
      return gap;
    },
  },
  {
    id: 'udp-blocked',
    fault: 'UDP blocked from the start',
    measured: 'navigation to first frame, over TCP',
    stage: 'network',
    targetMs: 3_000,
    async run(stage) {
      const host = required(stage.viewerHost);
      host.blockUdp();
      const took = await sinceNavigation(await stage.newViewer());
      host.heal();
      await stage.newViewer();
      return took;
    },
  },
  {
    id: 'tab-frozen',
    fault: 'tab frozen 60 s',
    measured: 'unfrozen, to first frame',
    stage: 'local',
    targetMs: 1_000,
    share: 0.15,
    run: frozenTab,
  },
  workerFault('worker-kill', 'media workers kill -9', 'SIGKILL', 1_500),
  workerFault('worker-stop', 'media workers SIGSTOP', 'SIGSTOP', 6_000),
  restart('server-kill', 'server kill -9 and restart', 'SIGKILL'),
  restart('server-drain', 'rolling restart with drain', 'SIGTERM'),
  {
    id: 'camera-loss',
    fault: 'camera unplugged',
    measured: 'track ended, to a message on the page',
    stage: 'local',
    targetMs: 1_000,
    async run(stage) {
      const took = await stage.publisher.evaluate(async () => {
        const begun = performance.now();
        const shown = new Promise<number>((resolve) => {
          const look = () => {
            const title = document.querySelector<HTMLElement>('#preview-title');
            if (title?.checkVisibility() && title.textContent?.includes('is gone')) {
              resolve(performance.now() - begun);
            } else requestAnimationFrame(look);
          };
          look();
        });
        onecast?.simulate('camera-loss');
        return shown;
      });
      const chosen = await stage.publisher.inputValue('#camera').catch(() => '');
      const options = await stage.publisher
        .locator('#camera option')
        .evaluateAll((all) => all.map((option) => (option as HTMLOptionElement).value));
      const other = options.find((value) => value !== '' && value !== chosen);
      await stage.publisher.selectOption('#camera', other ?? '');
      await firstFrameAfter(stage.viewer, Date.now());
      return took;
    },
  },
];

function socketReset(who: 'viewer' | 'publisher', what: 'video' | 'signalling'): Scenario {
  return {
    id: `socket-${who}-${what}`,
    fault: `${who}’s socket reset`,
    measured:
      what === 'video'
        ? 'longest time between two frames, throughout'
        : 'reset noticed, to session resumed',
    stage: 'network',
    // For the video: the value without a fault, plus room for this machine's own pauses.
    targetMs: what === 'video' ? 250 : 1_000,
    async run(stage) {
      const host = required(who === 'viewer' ? stage.viewerHost : stage.publisherHost);
      const page = who === 'viewer' ? stage.viewer : stage.publisher;
      const resumes = () => stage.server.output.split('"request":"resume","msg":"answered"').length;
      const before = resumes();
      const since = Date.now();
      // The browser may send nothing on the socket until the server's next ping.
      const closed = stage.socketClosed(page);
      host.resetTcp(stage.server.port);
      await closed;
      host.heal();
      const closedAt = Date.now();
      while (resumes() === before) await delay(5);
      const back = Date.now() - closedAt;
      if (what === 'signalling') return back;
      await delay(1_000);
      return longestFrameGap(stage.viewer, since);
    },
  };
}

function cut(who: 'viewer' | 'publisher', seconds: number, targetMs: number, share = 1): Scenario {
  return {
    id: `${who}-cut-${seconds}`,
    fault: `${who} cut off ${seconds} s`,
    measured: 'packets pass again, to first frame',
    stage: 'network',
    targetMs,
    share,
    async run(stage) {
      const host = required(who === 'viewer' ? stage.viewerHost : stage.publisherHost);
      host.cut();
      await delay(seconds * 1_000);
      host.heal();
      const since = Date.now();
      return (await firstFrameAfter(stage.viewer, since)) - since;
    },
  };
}

function workerFault(
  id: string,
  fault: string,
  signal: 'SIGKILL' | 'SIGSTOP',
  targetMs: number,
): Scenario {
  return {
    id,
    fault,
    measured: 'longest gap in the video',
    stage: 'local',
    targetMs,
    async run({ server, viewer }) {
      const since = Date.now();
      const before = server.workerPids;
      for (const pid of before) process.kill(pid, signal);
      while (server.workerPids.some((pid) => before.includes(pid))) await delay(5);
      // From here on every frame has come through a new worker.
      await firstFrameAfter(viewer, Date.now());
      return longestFrameGap(viewer, since);
    },
  };
}

function restart(id: string, fault: string, signal: 'SIGKILL' | 'SIGTERM'): Scenario {
  return {
    id,
    fault,
    measured: 'the new server listens, to first frame',
    stage: 'local',
    targetMs: 2_000,
    async run({ server, viewer }) {
      const began = Date.now();
      await server.stop(signal);
      await server.start();
      const since = Date.now();
      const took = (await firstFrameAfter(viewer, since)) - since;
      if (await firstStatusSince(viewer, began, 'failed'))
        throw new Error('the page showed a failure');
      return took;
    },
  };
}

async function frozenTab({ url }: RecoveryStage): Promise<number> {
  const tabs = await TabbedBrowser.launch();
  try {
    const tab = await tabs.open(url);
    await tab.show();
    const frames = () =>
      tab.evaluate<number>(
        'document.querySelector("#video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0',
      );
    while ((await frames()) < 30) await delay(100);
    const other = await tabs.open('about:blank');
    await other.show();
    await tab.freeze();
    await delay(60_000);
    await tab.thaw();
    await tab.show();
    const since = Date.now();
    const before = await frames();
    while ((await frames()) <= before) await delay(10);
    return Date.now() - since;
  } finally {
    await tabs.close();
  }
}

/** Time from navigation to the first frame of a page, ms. */
async function sinceNavigation(page: Page): Promise<number> {
  const first = await firstFrameAfter(page, 0);
  return first - (await page.evaluate(() => performance.timeOrigin));
}

async function settle({ viewer }: RecoveryStage): Promise<void> {
  await waitForStatus(viewer, 'live');
  await delay(1_000);
}

function required(host: Host | undefined): Host {
  if (!host) throw new Error('this scenario needs the network stage');
  return host;
}
