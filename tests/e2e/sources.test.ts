import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { goLive } from '#testkit/browser/browser.ts';
import { simulateDevices, type SimulatedDevices } from '#testkit/browser/device-simulator.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';

const site = sharedSite();
let rooms = 0;

const CAMERA = { kind: 'videoinput', id: 'camera-a', label: 'Built-in camera' } as const;
const MICROPHONE = { kind: 'audioinput', id: 'mic-a', label: 'Built-in microphone' } as const;

interface Stage {
  readonly room: string;
  readonly publisher: Page;
  readonly viewer: Page;
  readonly openViewer: () => Promise<Page>;
  readonly close: () => Promise<void>;
}

/** A publisher with simulated devices that is on air, with sound and a note, and a viewer. */
async function onAir(devices: Partial<SimulatedDevices> = {}): Promise<Stage> {
  const room = `sources-${(rooms += 1)}`;
  const context = await site.browser.newContext();
  await simulateDevices(context, { devices: [CAMERA, MICROPHONE], ...devices });
  const publisher = (await site.open(`/publish/${room}?debug`, context)).page;
  await publisher.check('#microphone');
  await publisher.selectOption('#overlay-source', 'note');
  await publisher.fill('#note', 'still here');
  await goLive(publisher);
  const viewing = await site.browser.newContext();
  const openViewer = async () => (await site.open(`/join/${room}?debug`, viewing)).page;
  const viewer = await openViewer();
  await waitForFrames(viewer, 10);
  const close = async () => {
    await context.close();
    await viewing.close();
  };
  return { room, publisher, viewer, openViewer, close };
}

const words = (page: Page) => page.textContent('#slate-title');
const reads = async (page: Page, text: string, withinMs = 2_000) =>
  expect.poll(() => words(page), { timeout: withinMs, interval: 20 }).toContain(text);

/** Pixels of the overlay that are not transparent. */
const overlayInk = (page: Page) =>
  page.locator('#overlay').evaluate((canvas: HTMLCanvasElement) => {
    const image = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height);
    let ink = 0;
    for (let i = 3; i < (image?.data.length ?? 0); i += 4) ink += image?.data[i] ? 1 : 0;
    return ink;
  });

const audioPackets = (page: Page) =>
  page.evaluate(async () => {
    const { stats } = await (onecast?.diagnostics() ?? { stats: [] });
    return stats
      .filter((entry) => entry['type'] === 'inbound-rtp' && entry['kind'] === 'audio')
      .reduce((sum, entry) => sum + Number(entry['packetsReceived'] ?? 0), 0);
  });

async function expectSoundAndOverlay(page: Page): Promise<void> {
  await page.waitForSelector('#sound:not([hidden])', { timeout: 15_000 });
  const before = await audioPackets(page);
  await expect.poll(() => audioPackets(page), { timeout: 15_000 }).toBeGreaterThan(before);
  await expect.poll(() => overlayInk(page), { timeout: 15_000 }).toBeGreaterThan(0);
}

const REPAIRS = ['ice-restarted', 'consumers-renewed', 'transport-renewed'] as const;
const repairs = () =>
  Promise.all(
    REPAIRS.map((kind) => site.server.metric(`onecast_recoveries_total{kind="${kind}"}`)),
  );

describe('a camera that the system mutes', () => {
  test('SRC-2 both sides read it within 2 s, and no page repairs anything', async () => {
    const { publisher, viewer, openViewer, close } = await onAir();
    const before = await repairs();
    const remedies: string[] = [];
    viewer.on('console', (message) => {
      if (message.text().includes('remedy')) remedies.push(message.text());
    });
    await publisher.evaluate(() => simulated.mute('camera-a', true));
    await reads(viewer, 'camera is paused');
    expect(await publisher.textContent('#preview-title')).toContain('switched the camera off');
    expect(await publisher.textContent('#status')).toBe('On air, no picture');
    // Without the rule the first remedy follows 3 s after the last frame.
    const mutedAt = Date.now();
    await expect.poll(() => Date.now() - mutedAt, { timeout: 10_000 }).toBeGreaterThan(4_000);
    expect(remedies).toEqual([]);
    expect(await viewer.getAttribute('#status', 'data-status')).toBe('live');
    expect(await repairs()).toEqual(before);
    const late = await openViewer();
    await waitForStatus(late, 'live', 10_000);
    await reads(late, 'camera is paused');
    await expectSoundAndOverlay(late);

    await publisher.evaluate(() => simulated.mute('camera-a', false));
    await Promise.all([waitForFrames(viewer, 5), waitForFrames(late, 5)]);
    await expect.poll(() => viewer.isVisible('#slate')).toBe(false);
    expect(await publisher.isVisible('#preview-slate')).toBe(false);
    expect(await repairs()).toEqual(before);
    await close();
  });
});

describe('a camera that ends', () => {
  test.each(['transport-loss', 'server-restart'] as const)(
    'SRC-1 the broadcast goes on without it over %s, and shows it again when it is back',
    async (fault) => {
      const { publisher, viewer, openViewer, close } = await onAir();
      await publisher.evaluate(() => {
        simulated.remove('camera-a');
        simulated.end('camera-a');
        simulated.reportList();
      });
      await reads(viewer, 'camera is off');
      expect(await publisher.textContent('#preview-title')).toContain('is gone');
      if (fault === 'server-restart') {
        await site.server.stop('SIGKILL');
        await site.server.start();
      } else {
        await publisher.evaluate((name) => onecast?.simulate(name), fault);
        await waitForStatus(publisher, 'reconnecting');
      }
      await waitForStatus(publisher, 'live');
      await waitForStatus(viewer, 'live');
      await reads(viewer, 'camera is off', 10_000);
      await expectSoundAndOverlay(viewer);
      const late = await openViewer();
      await waitForStatus(late, 'live');
      await reads(late, 'camera is off');
      await expectSoundAndOverlay(late);

      await publisher.evaluate((camera) => {
        simulated.add(camera);
        simulated.reportList();
      }, CAMERA);
      await Promise.all([waitForFrames(viewer, 5), waitForFrames(late, 5)]);
      expect(await publisher.textContent('#status')).toBe('On air');
      await close();
    },
  );
});

describe('devices that come and go', () => {
  const USB = { kind: 'videoinput', id: 'usb-1', label: 'USB camera' } as const;
  const OTHER = { kind: 'videoinput', id: 'built-in', label: 'Built-in camera' } as const;

  test('SRC-4 a camera is taken again in every order of events, and from another port', async () => {
    const { publisher, viewer, close } = await onAir({ devices: [USB, OTHER, MICROPHONE] });
    const orders: Record<string, (id: string, camera: typeof USB) => void> = {
      'ended, list without, list with': (id, camera) => {
        simulated.remove(id);
        simulated.end(id);
        simulated.reportList();
        setTimeout(() => {
          simulated.add(camera);
          simulated.reportList();
        }, 300);
      },
      'list without, ended, list with': (id, camera) => {
        simulated.remove(id);
        simulated.reportList();
        setTimeout(() => simulated.end(id), 100);
        setTimeout(() => {
          simulated.add(camera);
          simulated.reportList();
        }, 300);
      },
      'ended, list unchanged': (id) => {
        simulated.end(id);
        setTimeout(() => simulated.reportList(), 300);
      },
      'ended, another port': (id, camera) => {
        simulated.remove(id);
        simulated.end(id);
        simulated.reportList();
        setTimeout(() => {
          simulated.add({ ...camera, id: 'usb-2' });
          simulated.reportList();
        }, 300);
      },
      'ended and nothing more': () => simulated.end('usb-2'),
    };
    for (const [order, unplug] of Object.entries(orders)) {
      const before = await publisher.evaluate(() => simulated.opened.length);
      await publisher.evaluate(
        ([code, id, camera]) => {
          // oxlint-disable-next-line typescript/no-implied-eval, typescript/no-unsafe-call -- the test's own function
          (new Function(`return (${code})`)() as typeof unplug)(id, camera);
        },
        [unplug.toString(), USB.id, USB] as const,
      );
      await expect
        .poll(() => publisher.evaluate(() => simulated.opened.length), { timeout: 10_000 })
        .toBeGreaterThan(before);
      await expect
        .poll(() => publisher.isVisible('#preview-slate'), { message: order, timeout: 10_000 })
        .toBe(false);
      await waitForFrames(viewer, 3);
    }
    await close();
  });

  test('SRC-5 after a reload without its camera the page takes the next one, and says so', async () => {
    const { publisher, viewer, close } = await onAir({ devices: [USB, OTHER, MICROPHONE] });
    await publisher.evaluate(() => simulated.remove('usb-1'));
    await publisher.reload();
    await waitForStatus(publisher, 'live');
    await waitForFrames(viewer, 3);
    expect(await publisher.textContent('#device-notice')).toMatch(
      /USB camera is not there.*Built-in camera is on air instead/s,
    );
    await close();
  });

  test('SRC-5 without any camera the broadcast goes on, and the camera is taken when it is back', async () => {
    const { publisher, viewer, close } = await onAir({ devices: [USB, MICROPHONE] });
    await publisher.evaluate(() => simulated.remove('usb-1'));
    await publisher.reload();
    await waitForStatus(publisher, 'live');
    await reads(viewer, 'camera is off', 10_000);
    await expectSoundAndOverlay(viewer);
    expect(await publisher.textContent('#preview-title')).toBe('USB camera is gone');
    await publisher.evaluate((camera) => {
      simulated.add({ ...camera, id: 'usb-2' });
      simulated.reportList();
    }, USB);
    await waitForFrames(viewer, 3);
    expect(await publisher.textContent('#status')).toBe('On air');
    await close();
  });
});

describe('sources that stand still or change their size', () => {
  test('SRC-7 a viewer that joins late or reloads sees a still source, and nothing is repaired', async () => {
    const { publisher, viewer, openViewer, close } = await onAir({
      fps: 0,
      width: 1280,
      height: 720,
    });
    const before = await repairs();
    const remedies: string[] = [];
    viewer.on('console', (message) => {
      if (message.text().includes('remedy')) remedies.push(message.text());
    });
    const late = await openViewer();
    await waitForFrames(late, 2);
    await viewer.reload();
    await waitForFrames(viewer, 6);
    expect(remedies).toEqual([]);
    expect(await repairs()).toEqual(before);
    expect(await viewer.getAttribute('#status', 'data-status')).toBe('live');
    // It is still a source that may move again.
    await publisher.evaluate(() => simulated.draw('camera-a'));
    await waitForFrames(late, 2);
    await close();
  });

  test('SRC-6 viewers get the layers for the size that the source has now', async () => {
    const { publisher, viewer, close } = await onAir({ width: 400, height: 250, fps: 10 });
    await publisher.click('#screen');
    const width = () => viewer.evaluate(() => document.querySelector('video')?.videoWidth);
    /** A busy machine encodes fewer layers than it has, and the viewer then sees a lower one. */
    const layers = () =>
      publisher.evaluate(async () => {
        const { stats } = await (onecast?.diagnostics() ?? { stats: [] });
        return stats.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video').length;
      });
    const showsLarge = async () => {
      await expect.poll(layers, { timeout: 15_000 }).toBe(3);
      // The lowest layer of a large source is 240 pixels wide.
      await expect
        .poll(async () => [480, 960].includes((await width()) ?? 0), { timeout: 15_000 })
        .toBe(true);
    };
    const showsSmall = async () => {
      await expect.poll(layers, { timeout: 15_000 }).toBe(1);
      await expect.poll(width, { timeout: 15_000 }).toBe(400);
    };
    await showsSmall();
    await publisher.evaluate(() => simulated.resize('screen', 960, 540));
    await showsLarge();
    await publisher.evaluate(() => simulated.resize('screen', 400, 250));
    await showsSmall();
    await publisher.evaluate(() => simulated.resize('screen', 960, 540));
    await showsLarge();
    // Another source, of another size.
    await publisher.selectOption('#camera', 'camera-a');
    await showsSmall();
    await close();
  });
});
