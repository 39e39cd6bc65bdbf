/** Where a fault is caused: a real server, a real publisher and a real viewer, on one host or three. */
import type { Browser, BrowserContext, Page, WebSocket } from 'playwright-core';
import { launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { type Host, TestNetwork } from '#testkit/network/test-network.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { recordPages } from '#testkit/browser/page-recorder.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

const ROOM = 'recovery';

export interface Stage {
  readonly server: ServerProcess;
  readonly publisher: Page;
  readonly viewer: Page;
  /** A viewer's page like `viewer`, opened now; the one before is closed. */
  newViewer(): Promise<Page>;
  /** Only on a network stage. */
  readonly publisherHost: Host | undefined;
  readonly viewerHost: Host | undefined;
  readonly url: string;
  /** Resolves when the socket that `page` has now is closed. */
  socketClosed(page: Page): Promise<void>;
  close(): Promise<void>;
}

/** All on this machine's loopback. */
export async function localStage(): Promise<Stage> {
  const server = await ServerProcess.start();
  const browser = await launchBrowser({
    flags: ['--use-fake-device-for-media-stream=fps=30,device-count=2'],
  });
  return openStage(server, [browser, browser], undefined);
}

/** Publisher, viewer and server each on a host of their own. */
export async function networkStage(): Promise<Stage> {
  const network = new TestNetwork(2);
  const server = await ServerProcess.start({
    prefix: network.serverPrefix,
    address: network.serverAddress,
  });
  const flags = [`--unsafely-treat-insecure-origin-as-secure=${server.url}`];
  const browsers: Browser[] = [];
  for (const on of network.hosts) browsers.push(await launchBrowser({ on, flags }));
  return openStage(server, browsers, network);
}

async function openStage(
  server: ServerProcess,
  browsers: readonly Browser[],
  network: TestNetwork | undefined,
): Promise<Stage> {
  const sockets = new WeakMap<Page, WebSocket>();
  const context = async (browser: Browser | undefined): Promise<BrowserContext> => {
    if (!browser) throw new Error('no browser');
    const made = await browser.newContext();
    await recordPages(made);
    made.on('page', (page) => page.on('websocket', (socket) => sockets.set(page, socket)));
    return made;
  };
  const publisher = await openPage(
    await context(browsers[0]),
    `${server.url}/publish/${ROOM}?debug`,
  );
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
    publisherHost: network?.hosts[0],
    viewerHost: network?.hosts[1],
    async close() {
      for (const browser of new Set(browsers)) await browser.close();
      await server.stop();
      network?.close();
    },
  };
}

/** Everybody is live and the picture has run for a while: where every run begins. */
export async function settled({ publisher, viewer }: Stage): Promise<void> {
  await waitForStatus(publisher, 'live');
  await waitForStatus(viewer, 'live');
  await waitForFrames(viewer, 45);
}
