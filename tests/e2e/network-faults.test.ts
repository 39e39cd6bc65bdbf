import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser, openPage, type OpenedPage } from '#testkit/browser/browser.ts';
import { type Host, networkUnavailable, TestNetwork } from '#testkit/network/test-network.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import {
  transportCcNegotiated,
  firstFrameAfter,
  pathProtocol,
  peerConnectionCount,
  recordPages,
  shownSsrc,
  firstStatusSince,
} from '#testkit/browser/page-recorder.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

const unavailable = networkUnavailable();
if (unavailable) console.warn(`SKIPPED: the network faults. ${unavailable}`);

const ROOM = 'network-faults';

describe.skipIf(unavailable !== undefined)('network faults, with real packets', () => {
  let network: TestNetwork;
  let server: ServerProcess;
  let browsers: Browser[];
  let publisher: OpenedPage;
  let viewer: OpenedPage;
  let publisherHost: Host;
  let viewerHost: Host;

  async function launchOn(host: Host): Promise<Browser> {
    return launchBrowser({
      on: host,
      // The camera is for secure origins only, and there is no certificate here.
      flags: [`--unsafely-treat-insecure-origin-as-secure=${server.url}`],
    });
  }

  async function openViewer(): Promise<OpenedPage> {
    const context = await (browsers[1] as Browser).newContext();
    await recordPages(context);
    return openPage(context, `${server.url}/join/${ROOM}`);
  }

  beforeAll(async () => {
    network = new TestNetwork(2);
    [publisherHost, viewerHost] = network.hosts as [Host, Host];
    server = await ServerProcess.start({
      prefix: network.serverPrefix,
      address: network.serverAddress,
    });
    browsers = [await launchOn(publisherHost), await launchOn(viewerHost)];
    const context = await (browsers[0] as Browser).newContext();
    await recordPages(context);
    publisher = await openPage(context, `${server.url}/publish/${ROOM}`);
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    viewer = await openViewer();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
  });

  afterAll(async () => {
    for (const browser of browsers ?? []) await browser.close();
    await server?.stop();
    network?.close();
  });

  /** Frames run, the publisher is on air, and one viewer is there. */
  async function allIsWell(): Promise<void> {
    await waitForStatus(publisher.page, 'live');
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 30);
    await expect
      .poll(() => publisher.page.textContent('#viewers'), { timeout: 60_000 })
      .toMatch(/\b1\b/);
  }

  const told = (what: string) => server.output.split(what).length - 1;
  const answered = (request: string) => told(`"request":"${request}","msg":"answered"`);
  const socketsClosed = () => told('"msg":"socket closed"');

  test.each([['viewer'], ['publisher']] as const)(
    'CONN-7 the %s’s socket is reset: the session is taken up, no new transport, live throughout',
    async (who) => {
      const [page, host] =
        who === 'viewer' ? [viewer.page, viewerHost] : [publisher.page, publisherHost];
      const peers = await peerConnectionCount(page);
      const before = { resumes: answered('resume'), closed: socketsClosed() };
      const since = Date.now();
      host.resetTcp(server.port);
      await expect.poll(socketsClosed, { timeout: 30_000 }).toBeGreaterThan(before.closed);
      host.heal();
      await expect
        .poll(() => answered('resume'), { timeout: 60_000 })
        .toBeGreaterThan(before.resumes);
      await allIsWell();
      expect(await peerConnectionCount(page)).toBe(peers);
      expect(
        await firstStatusSince(viewer.page, since, 'connecting', 'failed', 'ended'),
      ).toBeUndefined();
    },
  );

  test('MEDIA-3 CONN-9 UDP is dropped in mid-broadcast: the viewer goes on over TCP', async () => {
    expect(await pathProtocol(viewer.page)).toBe('udp');
    viewerHost.blockUdp();
    await firstFrameAfter(viewer.page, Date.now() + 1_000);
    expect(await pathProtocol(viewer.page)).toBe('tcp');
    viewerHost.heal();
    await allIsWell();
  });

  test('MEDIA-3 CONN-9 UDP is dropped in mid-broadcast: the publisher goes on over TCP', async () => {
    publisherHost.blockUdp();
    await firstFrameAfter(viewer.page, Date.now() + 2_000);
    await expect.poll(() => pathProtocol(publisher.page), { timeout: 60_000 }).toBe('tcp');
    publisherHost.heal();
    await allIsWell();
  });

  test('MEDIA-3 UDP is blocked from the start: the viewer joins over TCP', async () => {
    await viewer.page.context().close();
    viewerHost.blockUdp();
    viewer = await openViewer();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
    expect(await pathProtocol(viewer.page)).toBe('tcp');
    viewerHost.heal();
    await allIsWell();
  });

  test('CONN-9 UI-1 the viewer is cut off both ways: told so, and back by itself', async () => {
    const since = Date.now();
    const closed = socketsClosed();
    viewerHost.cut();
    await waitForStatus(viewer.page, 'reconnecting');
    await expect.poll(socketsClosed, { timeout: 60_000 }).toBeGreaterThan(closed);
    viewerHost.heal();
    await firstFrameAfter(viewer.page, Date.now());
    await allIsWell();
    expect(await firstStatusSince(viewer.page, since, 'failed', 'ended')).toBeUndefined();
  });

  test('ROOM-4 UI-2 the publisher is cut off both ways: viewers are told, and it is back by itself', async () => {
    const since = Date.now();
    publisherHost.cut();
    await waitForStatus(viewer.page, 'waiting');
    publisherHost.heal();
    await firstFrameAfter(viewer.page, Date.now());
    await allIsWell();
    expect(await firstStatusSince(viewer.page, since, 'failed', 'ended')).toBeUndefined();
  });

  test('CONN-9 the viewer’s address changes: same session, one viewer', async () => {
    const before = answered('join');
    viewerHost.changeAddress();
    await firstFrameAfter(viewer.page, Date.now());
    await allIsWell();
    expect(answered('join')).toBe(before);
  });

  test('CONN-9 the publisher’s address changes: same epoch, viewers see it go on', async () => {
    const before = answered('publish');
    publisherHost.changeAddress();
    await firstFrameAfter(viewer.page, Date.now() + 1_000);
    await allIsWell();
    expect(answered('publish')).toBe(before);
  });

  test('no page has raised an error', () => {
    expect([...publisher.faults, ...viewer.faults]).toEqual([]);
  });

  test('BWE-2 a line that loses packets is estimated from then on, and the picture goes on', async () => {
    await viewer.page.context().close();
    viewer = await openViewer();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
    const before = await shownSsrc(viewer.page);
    const troubled = () => server.output.split('lossy path').length;
    const troubles = troubled();
    const peers = await peerConnectionCount(viewer.page);
    expect(await transportCcNegotiated(viewer.page)).toEqual({ video: false, probes: true });
    viewerHost.loseUdp(0.3);
    let now = before;
    while (now === before) {
      await waitForFrames(viewer.page, 1);
      now = await shownSsrc(viewer.page);
    }
    expect(troubled()).toBe(troubles + 1);
    expect(await transportCcNegotiated(viewer.page)).toEqual({ video: true, probes: true });
    expect(await peerConnectionCount(viewer.page), 'the transport is the same').toBe(peers);
    viewerHost.heal();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 30);
  });
});
