import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

describe('joining', () => {
  let server: ServerProcess;
  let browser: Browser;

  beforeAll(async () => {
    server = await ServerProcess.start();
    browser = await launchBrowser();
    const { page } = await openPage(await browser.newContext(), `${server.url}/publish/joining`);
    await page.selectOption('#overlay-source', 'note');
    await page.fill('#note', 'a note for those who come late');
    await page.click('#start');
    await waitForStatus(page, 'live');
  });

  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test('JOIN-1 one round trip: the picture is there before a socket is', async () => {
    const page = await (await browser.newContext()).newPage();
    const joins: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') joins.push(new URL(request.url()).pathname);
    });
    // It opens, and nothing that is sent over it arrives anywhere.
    await page.routeWebSocket(/socket\.io/, () => undefined);
    await page.goto(`${server.url}/join/joining`);
    await waitForFrames(page, 10);
    await waitForStatus(page, 'live');
    expect(joins).toEqual(['/api/join']);
    await page.close();
  });

  test('JOIN-1 CONN-1 the socket takes the session up that was joined ahead of it', async () => {
    const page = await (await browser.newContext()).newPage();
    const sent: string[] = [];
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => {
        const name = /^42\d+\["(\w+)"/.exec(String(payload))?.[1];
        if (name) sent.push(name);
      });
    });
    await page.goto(`${server.url}/join/joining`);
    await waitForFrames(page, 10);
    await expect.poll(() => sent).toContain('attach');
    expect(sent).not.toContain('join');
    expect(sent).not.toContain('connectTransport');
    await page.close();
  });

  test('JOIN-1 a page that can’t join ahead joins over its socket, in one round trip too', async () => {
    const page = await (await browser.newContext()).newPage();
    await page.route('**/api/join', (route) => route.abort());
    /** What went over the socket, in order: requests sent, and acks that were let through. */
    const wire: string[] = [];
    const names = new Map<string, string>();
    await page.routeWebSocket(/socket\.io/, (socket) => {
      const upstream = socket.connectToServer();
      socket.onMessage((message) => {
        // Socket.IO: 42<ack id>["name", {...}]
        const request = /^42(\d+)\["(\w+)"/.exec(String(message));
        if (request?.[1] && request[2]) {
          names.set(request[1], request[2]);
          wire.push(`sent ${request[2]}`);
        }
        upstream.send(message);
      });
      upstream.onMessage((message) => {
        const ack = /^43(\d+)\[/.exec(String(message));
        const name = ack?.[1] && names.get(ack[1]);
        // All answers but the first are held back: who waits for a second one never gets a picture.
        if (name && name !== 'join') return;
        if (name) wire.push(`acked ${name}`);
        socket.send(message);
      });
    });
    await page.goto(`${server.url}/join/joining`);
    await waitForFrames(page, 10);
    expect(wire.slice(0, 2)).toEqual(['sent join', 'acked join']);
    expect(wire).toContain('sent resumeConsumers');
    expect(wire.filter((entry) => entry.startsWith('acked'))).toEqual(['acked join']);
    await page.close();
  });

  test('JOIN-5 the trace of a join is drawn in the figures and counted once', async () => {
    const series = 'onecast_join_step_seconds_count{step="frame",way="ahead"}';
    const before = await server.metric(series);
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${server.url}/join/joining`);
    await waitForStatus(page, 'live');
    await page.click('#stats-toggle');
    const steps = page.locator('#join-steps [data-step]');
    await expect.poll(() => steps.count()).toBe(7);
    const shown = await steps.evaluateAll((rows) =>
      rows.map((row) => {
        const bar = row.querySelector('.join-bar')?.getBoundingClientRect();
        return {
          step: row.getAttribute('data-step'),
          ms: Number.parseFloat(row.querySelector('dd')?.textContent ?? ''),
          left: bar?.left ?? Number.NaN,
          right: bar?.right ?? Number.NaN,
        };
      }),
    );
    expect(shown[0]?.step).toBe('asked');
    expect(shown.at(-1)?.step).toBe('frame');
    // Each bar begins where the one before ends, and the times add up to what is said of the whole.
    const ends = shown.slice(0, -1).map(({ right }) => right);
    for (const [i, end] of ends.entries()) expect(shown[i + 1]?.left).toBeCloseTo(end, 0);
    const total = Number.parseFloat((await page.textContent('#join-total')) ?? '');
    const sum = shown.reduce((all, { ms }) => all + ms, 0);
    expect(Math.abs(sum - total)).toBeLessThanOrEqual(shown.length);
    await expect.poll(() => server.metric(series)).toBe(before + 1);
    await page.reload();
    await waitForStatus(page, 'live');
    await expect.poll(() => server.metric(series)).toBe(before + 2);
    await page.close();
  });

  test('JOIN-5 no trace comes of a page that found nothing on air', async () => {
    const context = await browser.newContext();
    const viewer = await openPage(context, `${server.url}/join/later`);
    await waitForStatus(viewer.page, 'waiting');
    const publisher = await openPage(await browser.newContext(), `${server.url}/publish/later`);
    await publisher.page.click('#start');
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 10);
    expect(await viewer.page.textContent('#join-total')).toBe('–');
    await context.close();
    await publisher.page.context().close();
  });

  test('OVL-5 who joins late gets the latest overlay in the answer to join', async () => {
    const page = await (await browser.newContext()).newPage();
    const answers: string[] = [];
    page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => {
        if (String(payload).startsWith('43')) answers.push(String(payload));
      });
    });
    await page.goto(`${server.url}/join/joining`);
    await waitForStatus(page, 'live');
    expect(answers[0]).toContain('a note for those who come late');
    await page.close();
  });

  test('ROOM-5 a viewer who comes first waits, and is live when the publisher starts', async () => {
    const viewer = await openPage(await browser.newContext(), `${server.url}/join/early-bird`);
    await waitForStatus(viewer.page, 'waiting');
    const publisher = await openPage(
      await browser.newContext(),
      `${server.url}/publish/early-bird`,
    );
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
    expect([...viewer.faults, ...publisher.faults]).toEqual([]);
    await viewer.page.context().close();
    await publisher.page.context().close();
  });

  test('MEDIA-5 sound is off, then on, then off again, without a break in the picture', async () => {
    const publisher = await openPage(await browser.newContext(), `${server.url}/publish/sound`);
    await publisher.page.click('#start');
    await waitForStatus(publisher.page, 'live');
    const viewer = await openPage(await browser.newContext(), `${server.url}/join/sound`);
    await waitForStatus(viewer.page, 'live');
    const audioTracks = () =>
      viewer.page
        .locator('#video')
        .evaluate((video: HTMLVideoElement) =>
          video.srcObject instanceof MediaStream ? video.srcObject.getAudioTracks().length : -1,
        );
    expect(await audioTracks()).toBe(0);
    await publisher.page.locator('#microphone').click();
    await expect.poll(audioTracks, { timeout: 30_000 }).toBe(1);
    await waitForFrames(viewer.page, 10);
    await publisher.page.locator('#microphone').click();
    await expect.poll(audioTracks, { timeout: 30_000 }).toBe(0);
    await waitForFrames(viewer.page, 10);
    await viewer.page.context().close();
    await publisher.page.context().close();
  });

  test('ROOM-1 ROOM-2 another browser can not take the room; a second tab of the same one can', async () => {
    const stranger = await openPage(await browser.newContext(), `${server.url}/publish/taken`);
    const owner = await browser.newContext();
    const first = await openPage(owner, `${server.url}/publish/taken`);
    await first.page.click('#start');
    await waitForStatus(first.page, 'live');

    await stranger.page.click('#start');
    await waitForStatus(stranger.page, 'failed');
    expect(await first.page.getAttribute('#status', 'data-status')).toBe('live');

    const second = await openPage(owner, `${server.url}/publish/taken`);
    await second.page.click('#start');
    await waitForStatus(second.page, 'live');
    await waitForStatus(first.page, 'superseded');
    await stranger.page.context().close();
    await owner.close();
  });
});
