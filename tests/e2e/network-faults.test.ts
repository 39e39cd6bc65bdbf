import { beforeAll, describe, expect, test } from 'vitest';
import { goLive, openPage, type OpenedPage } from '#testkit/browser/browser.ts';
import { sharedNetwork } from '#testkit/browser/shared-site.ts';
import { type Host, networkUnavailable } from '#testkit/network/test-network.ts';
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

const unavailable = networkUnavailable();
if (unavailable) console.warn(`SKIPPED: the network faults. ${unavailable}`);

const ROOM = 'network-faults';

describe.skipIf(unavailable !== undefined)('network faults', () => {
  const net = sharedNetwork(2);
  let publisher: OpenedPage;
  let viewer: OpenedPage;
  let publisherHost: Host;
  let viewerHost: Host;

  async function openViewer(): Promise<OpenedPage> {
    const context = await net.browser(1).newContext();
    await recordPages(context);
    return openPage(context, `${net.server.url}/join/${ROOM}`);
  }

  beforeAll(async () => {
    [publisherHost, viewerHost] = [net.host(0), net.host(1)];
    const context = await net.browser(0).newContext();
    await recordPages(context);
    publisher = await openPage(context, `${net.server.url}/publish/${ROOM}`);
    await goLive(publisher.page);
    viewer = await openViewer();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
  });

  /** Expects that both pages are live, the viewer shows new frames, and the publisher counts one viewer. */
  async function expectLive(): Promise<void> {
    await waitForStatus(publisher.page, 'live');
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 30);
    await expect
      .poll(() => publisher.page.textContent('#viewers'), { timeout: 60_000 })
      .toMatch(/\b1\b/);
  }

  const answered = (request: string) =>
    net.server.printed(`"request":"${request}","msg":"answered"`);
  const socketsClosed = () => net.server.printed('"msg":"socket closed"');

  test.each([['viewer'], ['publisher']] as const)(
    'CONN-7 ROOM-6 the %s resumes its session on the same transport when its socket is reset',
    async (who) => {
      const [page, host] =
        who === 'viewer' ? [viewer.page, viewerHost] : [publisher.page, publisherHost];
      const peers = await peerConnectionCount(page);
      const before = { resumes: answered('resume'), closed: socketsClosed() };
      const since = Date.now();
      host.resetTcp(net.server.port);
      await expect.poll(socketsClosed, { timeout: 30_000 }).toBeGreaterThan(before.closed);
      host.heal();
      await expect
        .poll(() => answered('resume'), { timeout: 60_000 })
        .toBeGreaterThan(before.resumes);
      await expectLive();
      expect(await peerConnectionCount(page)).toBe(peers);
      expect(
        await firstStatusSince(viewer.page, since, 'connecting', 'waiting', 'failed', 'ended'),
      ).toBeUndefined();
    },
  );

  test('MEDIA-3 CONN-9 a viewer goes on over TCP when UDP is dropped during a broadcast', async () => {
    expect(await pathProtocol(viewer.page)).toBe('udp');
    viewerHost.blockUdp();
    await firstFrameAfter(viewer.page, Date.now() + 1_000);
    expect(await pathProtocol(viewer.page)).toBe('tcp');
    viewerHost.heal();
    await expectLive();
  });

  test('MEDIA-3 CONN-9 a publisher goes on over TCP when UDP is dropped during a broadcast', async () => {
    publisherHost.blockUdp();
    await firstFrameAfter(viewer.page, Date.now() + 2_000);
    await expect.poll(() => pathProtocol(publisher.page), { timeout: 60_000 }).toBe('tcp');
    publisherHost.heal();
    await expectLive();
  });

  test('MEDIA-3 a viewer joins over TCP when UDP is blocked', async () => {
    await viewer.page.context().close();
    viewerHost.blockUdp();
    viewer = await openViewer();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
    expect(await pathProtocol(viewer.page)).toBe('tcp');
    viewerHost.heal();
    await expectLive();
  });

  test('CONN-9 UI-1 a viewer that loses its network shows reconnecting and recovers automatically', async () => {
    const since = Date.now();
    const closed = socketsClosed();
    viewerHost.cut();
    await waitForStatus(viewer.page, 'reconnecting');
    await expect.poll(socketsClosed, { timeout: 60_000 }).toBeGreaterThan(closed);
    viewerHost.heal();
    await firstFrameAfter(viewer.page, Date.now());
    await expectLive();
    expect(await firstStatusSince(viewer.page, since, 'failed', 'ended')).toBeUndefined();
  });

  test('ROOM-4 UI-2 viewers wait while the publisher has no network, and the publisher recovers automatically', async () => {
    const since = Date.now();
    publisherHost.cut();
    await waitForStatus(viewer.page, 'waiting');
    publisherHost.heal();
    await firstFrameAfter(viewer.page, Date.now());
    await expectLive();
    expect(await firstStatusSince(viewer.page, since, 'failed', 'ended')).toBeUndefined();
  });

  test('CONN-9 a viewer whose address changes keeps its session and counts once', async () => {
    const before = answered('join');
    viewerHost.changeAddress();
    await firstFrameAfter(viewer.page, Date.now());
    await expectLive();
    expect(answered('join')).toBe(before);
  });

  test('CONN-9 a publisher whose address changes goes on with the same epoch', async () => {
    const before = answered('publish');
    publisherHost.changeAddress();
    await firstFrameAfter(viewer.page, Date.now() + 1_000);
    await expectLive();
    expect(answered('publish')).toBe(before);
  });

  test('REACH-1 REACH-2 while the media ports are blocked both pages and the log name them, and both pages go live afterwards', async () => {
    await viewer.page.context().close();
    const { mediaPort } = net.server;
    viewerHost.blockPorts(mediaPort, 2);
    viewer = await openViewer();
    const context = await net.browser(1).newContext();
    const second = await openPage(context, `${net.server.url}/publish/${ROOM}-2`);
    await second.page.click('#start');
    const words = new RegExp(`[Oo]pen port (${mediaPort}|${mediaPort + 1}) \\(UDP and TCP\\)`);
    await viewer.page.locator('#slate').getByText(words).waitFor({ timeout: 60_000 });
    await second.page.locator('#notice').getByText(words).waitFor({ timeout: 60_000 });
    await expect
      .poll(() => net.server.printed('nothing arrives from it at the media port'))
      .toBe(1);
    expect(net.server.output).toMatch(/"addresses":"10\.77\.0\.1","ports":"\d+\/udp, \d+\/tcp"/);
    viewerHost.heal();
    await waitForStatus(second.page, 'live');
    expect(await second.page.isVisible('#notice')).toBe(false);
    await context.close();
    await expectLive();
    expect(await viewer.page.isVisible('#slate')).toBe(false);
  });

  test('no page has a script error', () => {
    expect([...publisher.faults, ...viewer.faults]).toEqual([]);
  });

  test('BWE-2 the server estimates a viewer that loses packets from then on, and the video goes on', async () => {
    await viewer.page.context().close();
    viewer = await openViewer();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
    const before = await shownSsrc(viewer.page);
    const lossyPaths = () => net.server.printed('lossy path');
    const lossyBefore = lossyPaths();
    const peers = await peerConnectionCount(viewer.page);
    expect(await transportCcNegotiated(viewer.page)).toEqual({ video: false, probes: true });
    viewerHost.loseUdp(0.3);
    let now = before;
    while (now === before) {
      await waitForFrames(viewer.page, 1);
      now = await shownSsrc(viewer.page);
    }
    expect(lossyPaths()).toBe(lossyBefore + 1);
    expect(await transportCcNegotiated(viewer.page)).toEqual({ video: true, probes: true });
    expect(await peerConnectionCount(viewer.page), 'the transport is the same').toBe(peers);
    viewerHost.heal();
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 30);
  });
});
