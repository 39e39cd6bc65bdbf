import { beforeAll, describe, expect, test } from 'vitest';
import { JOIN_STEPS } from '#protocol/join-trace.ts';
import { goLive } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';

describe('joining', () => {
  const site = sharedSite();

  beforeAll(async () => {
    const { page } = await site.open('/publish/joining');
    await page.selectOption('#overlay-source', 'note');
    await page.fill('#note', 'a note for late viewers');
    await goLive(page);
  });

  test('JOIN-1 a viewer joins in one round trip and shows video before its socket works', async () => {
    const page = await (await site.browser.newContext()).newPage();
    const joins: string[] = [];
    page.on('request', (request) => {
      if (request.method() === 'POST') joins.push(new URL(request.url()).pathname);
    });
    // The socket opens, but nothing that the page sends over it arrives.
    await page.routeWebSocket(/socket\.io/, () => undefined);
    await page.goto(`${site.server.url}/join/joining`);
    await waitForFrames(page, 10);
    await waitForStatus(page, 'live');
    expect(joins).toEqual(['/api/join']);
    await page.close();
  });

  test('JOIN-1 CONN-1 the socket takes over the session of a viewer that joined ahead of it', async () => {
    const page = await (await site.browser.newContext()).newPage();
    const sent: string[] = [];
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => {
        const name = /^42\d+\["(\w+)"/.exec(String(payload))?.[1];
        if (name) sent.push(name);
      });
    });
    await page.goto(`${site.server.url}/join/joining`);
    await waitForFrames(page, 10);
    await expect.poll(() => sent, { timeout: 30_000 }).toContain('attach');
    expect(sent).not.toContain('join');
    expect(sent).not.toContain('connectTransport');
    await page.close();
  });

  test('JOIN-1 a page that can’t join ahead joins over its socket, also in one round trip', async () => {
    const page = await (await site.browser.newContext()).newPage();
    await page.route('**/api/join', (route) => route.abort());
    /** Requests sent and acks passed on, in the order of the wire. */
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
        // Only the first answer passes: a page that needs a second one never shows video.
        if (name && name !== 'join') return;
        if (name) wire.push(`acked ${name}`);
        socket.send(message);
      });
    });
    await page.goto(`${site.server.url}/join/joining`);
    await waitForFrames(page, 10);
    expect(wire.slice(0, 2)).toEqual(['sent join', 'acked join']);
    expect(wire).toContain('sent resumeConsumers');
    expect(wire.filter((entry) => entry.startsWith('acked'))).toEqual(['acked join']);
    await page.close();
  });

  test('JOIN-5 a viewer’s page shows its join trace, and the metrics count the trace once', async () => {
    const series = 'onecast_join_step_seconds_count{step="frame",way="ahead"}';
    const before = await site.server.metric(series);
    const page = await (await site.browser.newContext()).newPage();
    await page.goto(`${site.server.url}/join/joining`);
    await waitForStatus(page, 'live');
    await page.click('#stats-toggle');
    const steps = page.locator('#join-steps [data-step]');
    const names = () =>
      steps.evaluateAll((rows) => rows.map((row) => row.getAttribute('data-step')));
    await expect
      .poll(async () => new Set(await names()), { timeout: 30_000 })
      .toEqual(new Set(JOIN_STEPS));
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
    expect(shown).toHaveLength(JOIN_STEPS.length);
    expect(shown[0]?.step).toBe('asked');
    expect(shown.at(-1)?.step).toBe('frame');
    // Each bar begins where the one before ends, and the times add up to the total.
    const ends = shown.slice(0, -1).map(({ right }) => right);
    for (const [i, end] of ends.entries()) expect(shown[i + 1]?.left).toBeCloseTo(end, 0);
    const total = Number.parseFloat((await page.textContent('#join-total')) ?? '');
    const sum = shown.reduce((all, { ms }) => all + ms, 0);
    expect(Math.abs(sum - total)).toBeLessThanOrEqual(shown.length);
    await expect.poll(() => site.server.metric(series), { timeout: 30_000 }).toBe(before + 1);
    await page.reload();
    await waitForStatus(page, 'live');
    await expect.poll(() => site.server.metric(series), { timeout: 30_000 }).toBe(before + 2);
    await page.close();
  });

  test('JOIN-5 a page that found no live broadcast has no join trace', async () => {
    const context = await site.browser.newContext();
    const viewer = await site.open('/join/later', context);
    await waitForStatus(viewer.page, 'waiting');
    const publisher = await site.open('/publish/later');
    await publisher.page.click('#start');
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 10);
    expect(await viewer.page.textContent('#join-total')).toBe('–');
    await context.close();
    await publisher.page.context().close();
  });

  test('OVL-5 a viewer that joins late gets the latest overlay in the answer to its first request', async () => {
    const page = await (await site.browser.newContext()).newPage();
    const answers: string[] = [];
    page.on('websocket', (socket) => {
      socket.on('framereceived', ({ payload }) => {
        if (String(payload).startsWith('43')) answers.push(String(payload));
      });
    });
    await page.goto(`${site.server.url}/join/joining`);
    await waitForStatus(page, 'live');
    expect(answers[0]).toContain('a note for late viewers');
    await page.close();
  });

  test('ROOM-5 a viewer that comes first waits, and is live when the publisher starts', async () => {
    const viewer = await site.open('/join/early-bird');
    await waitForStatus(viewer.page, 'waiting');
    const publisher = await site.open('/publish/early-bird');
    await goLive(publisher.page);
    await waitForStatus(viewer.page, 'live');
    await waitForFrames(viewer.page, 20);
    expect([...viewer.faults, ...publisher.faults]).toEqual([]);
    await viewer.page.context().close();
    await publisher.page.context().close();
  });

  test('MEDIA-5 the publisher turns sound on and off while the video goes on', async () => {
    const publisher = await site.open('/publish/sound');
    await goLive(publisher.page);
    const viewer = await site.open('/join/sound');
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

  test('ROOM-1 ROOM-2 another browser can’t take over the room, but a second tab of the same browser can', async () => {
    const stranger = await site.open('/publish/taken');
    const owner = await site.browser.newContext();
    const first = await site.open('/publish/taken', owner);
    await goLive(first.page);

    await stranger.page.click('#start');
    await waitForStatus(stranger.page, 'failed');
    expect(await first.page.getAttribute('#status', 'data-status')).toBe('live');

    const second = await site.open('/publish/taken', owner);
    await goLive(second.page);
    await waitForStatus(first.page, 'superseded');
    await stranger.page.context().close();
    await owner.close();
  });
});
