/** Where faults are caused: a real server, publisher and viewer, on one host or on three. */
import type { Browser, BrowserContext, Page, WebSocket } from 'playwright-core';
import { launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { simulateDevices } from '#testkit/browser/device-simulator.ts';
import type { Host } from '#testkit/network/test-network.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { recordPages } from '#testkit/browser/page-recorder.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';
import { Closers, openHosts, secureOriginFlag } from '../stages/hosts.ts';

const ROOM = 'recovery';

export interface RecoveryStage {
  readonly server: ServerProcess;
  readonly publisher: Page;
  readonly viewer: Page;
  /** Replaces `viewer` by a page that is opened now. */
  newViewer(): Promise<Page>;
  /** Only on a network stage; `viewerHost` too. */
  readonly publisherHost: Host | undefined;
  readonly viewerHost: Host | undefined;
  readonly url: string;
  /** Resolves when the socket that `page` has now is closed. */
  socketClosed(page: Page): Promise<void>;
  close(): Promise<void>;
}

/** The camera of the `devices` stage. */
export const CAMERA = { kind: 'videoinput', id: 'camera', label: 'Simulated camera' } as const;

/** Everything on this machine's loopback. */
async function localStage(prepare?: StageParts['prepare']): Promise<RecoveryStage> {
  const closers = new Closers();
  try {
    const server = await ServerProcess.start();
    closers.add(() => server.stop());
    const browser = await launchBrowser({
      flags: ['--use-fake-device-for-media-stream=fps=30,device-count=2'],
    });
    closers.add(() => browser.close());
    return await openStage({
      server,
      closers,
      browsers: [browser, browser],
      ...(prepare && { prepare }),
    });
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** Publisher, viewer and server each on their own host. */
async function networkStage(): Promise<RecoveryStage> {
  const hosts = await openHosts((host) => ServerProcess.start(host));
  const { server, publisherHost, viewerHost, closers } = hosts;
  try {
    const browsers: Browser[] = [];
    for (const on of [publisherHost, viewerHost]) {
      const browser = await launchBrowser({ on, flags: [secureOriginFlag(server.url)] });
      closers.add(() => browser.close());
      browsers.push(browser);
    }
    return await openStage({ server, closers, browsers, publisherHost, viewerHost });
  } catch (error) {
    await closers.close();
    throw error;
  }
}

export const STAGES = {
  local: () => localStage(),
  network: networkStage,
  /** As `local`, with devices that the scenario controls. */
  devices: () => localStage((context) => simulateDevices(context, { devices: [CAMERA], fps: 30 })),
} as const;

interface StageParts {
  /** Called for the publisher's context before its page is opened. */
  readonly prepare?: (context: BrowserContext) => Promise<void>;
  readonly server: ServerProcess;
  readonly closers: Closers;
  /** The publisher's and the viewer's. */
  readonly browsers: readonly Browser[];
  readonly publisherHost?: Host;
  readonly viewerHost?: Host;
}

async function openStage(parts: StageParts): Promise<RecoveryStage> {
  const { server, browsers, closers } = parts;
  const sockets = new WeakMap<Page, WebSocket>();
  const context = async (browser: Browser | undefined): Promise<BrowserContext> => {
    if (!browser) throw new Error('no browser');
    const made = await browser.newContext();
    await recordPages(made);
    made.on('page', (page) => page.on('websocket', (socket) => sockets.set(page, socket)));
    return made;
  };
  const publishing = await context(browsers[0]);
  await parts.prepare?.(publishing);
  const publisher = await openPage(publishing, `${server.url}/publish/${ROOM}?debug`);
  await publisher.page.click('#start');
  await waitForStatus(publisher.page, 'live');
  const url = `${server.url}/join/${ROOM}?debug`;
  const openViewer = async () => (await openPage(await context(browsers[1]), url)).page;
  let viewer = await openViewer();
  return {
    server,
    url,
    publisher: publisher.page,
    get viewer() {
      return viewer;
    },
    async socketClosed(page) {
      const socket = sockets.get(page);
      if (socket && !socket.isClosed()) await socket.waitForEvent('close', { timeout: 60_000 });
    },
    async newViewer() {
      await viewer.context().close();
      viewer = await openViewer();
      return viewer;
    },
    publisherHost: parts.publisherHost,
    viewerHost: parts.viewerHost,
    close: () => closers.close(),
  };
}

/** Both pages are live and the video has run for a while: the start of every run. */
export async function settled({ publisher, viewer }: RecoveryStage): Promise<void> {
  await waitForStatus(publisher, 'live');
  await waitForStatus(viewer, 'live');
  await waitForFrames(viewer, 45);
}
