/** Script code wherever a page shows text from others: none of it runs, all of it is shown as text. */
import type { BrowserContext, Page } from 'playwright-core';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import payloads from '../corpus/payloads.json' with { type: 'json' };
import { readAddress } from '#protocol/room-link.ts';
import { goLive, type OpenedPage } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';

/** What a page has noticed; `channel` is the publisher's overlay channel. */
interface Trap {
  ran: string[];
  violations: string[];
  channel?: RTCDataChannel;
}
declare global {
  var trap: Trap;
}

/** Must be called before the context opens a page. */
async function setTrap(context: BrowserContext): Promise<void> {
  await context.addInitScript((labels) => {
    const seen: Trap = { ran: [], violations: [] };
    globalThis.trap = seen;
    const run = (what: unknown) => seen.ran.push(String(what));
    Object.assign(globalThis, { pwned: run, alert: run, confirm: run, prompt: run });
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      seen.violations.push(`${violatedDirective} ${blockedURI}`);
    });
    const { prototype } = RTCPeerConnection;
    // oxlint-disable-next-line typescript/unbound-method -- called with its own object below
    const { createDataChannel } = prototype;
    prototype.createDataChannel = function channel(...args) {
      const made = createDataChannel.apply(this, args);
      seen.channel = made;
      return made;
    };
    // Devices with hostile labels.
    const { mediaDevices } = navigator;
    if (!mediaDevices) return;
    const enumerateDevices = mediaDevices.enumerateDevices.bind(mediaDevices);
    mediaDevices.enumerateDevices = async () => {
      const devices = await enumerateDevices();
      return devices.flatMap((device) =>
        labels.map((label) => ({ ...device.toJSON(), kind: device.kind, label })),
      );
    };
  }, payloads);
}

describe('SEC-8 text from others in a real browser', () => {
  const site = sharedSite();
  let context: BrowserContext;
  let publisher: OpenedPage;
  let viewer: OpenedPage;

  beforeAll(async () => {
    context = await site.browser.newContext();
    await setTrap(context);
    publisher = await site.open('/publish/payloads', context);
    await goLive(publisher.page);
    viewer = await site.open('/join/payloads', context);
    await waitForStatus(viewer.page, 'live');
  });
  afterEach(async () => {
    for (const { page, faults } of [publisher, viewer]) await expectNothingRan(page, faults);
    await waitForFrames(viewer.page, 5);
  });

  async function expectNothingRan(page: Page, faults: readonly string[]): Promise<void> {
    const seen = await page.evaluate(() => ({
      ran: trap.ran,
      violations: trap.violations,
      elements: [...document.querySelectorAll('.poison')].map(({ outerHTML }) => outerHTML),
      polluted: 'polluted' in {},
    }));
    expect(seen).toEqual({ ran: [], violations: [], elements: [], polluted: false });
    expect(faults).toEqual([]);
  }

  /** The status of the viewer's page after this many more frames. */
  async function statusAfter(frames: number): Promise<string | null> {
    await waitForFrames(viewer.page, frames);
    return viewer.page.getAttribute('#status', 'data-status');
  }

  /** Sends messages directly on the publisher's data channel, without its page. */
  async function sendOverlay(messages: readonly unknown[]): Promise<void> {
    await publisher.page.evaluate(
      (texts) => {
        const { channel } = trap;
        if (!channel) throw new Error('the publisher has no data channel');
        for (const text of texts) channel.send(text);
      },
      messages.map((message) => JSON.stringify(message)),
    );
  }

  test('the trap notices code that runs and what the policy blocks', async () => {
    const { page } = await site.open('/', context);
    await page.evaluate(() => {
      const { pwned } = globalThis as unknown as { pwned: (what: string) => void };
      pwned('trap');
      const image = document.createElement('img');
      image.className = 'poison';
      image.src = 'https://evil.example/x.png';
      document.body.append(image);
    });
    await page.waitForFunction(() => trap.violations.length > 0);
    await expect(expectNothingRan(page, [])).rejects.toThrow('trap');
    await page.close();
  });

  test('OVL-7 the viewer’s page shows data literally', async () => {
    await viewer.page.click('#data-toggle');
    await sendOverlay([
      { kind: 'data', topic: 'payloads', seq: 1_000, capturedAt: 0, data: payloads },
      {
        kind: 'data',
        topic: 'names',
        seq: 1_000,
        capturedAt: 0,
        data: Object.fromEntries(payloads.map((payload) => [payload, payload])),
      },
      // Topics named like members of every object.
      { kind: 'data', topic: 'constructor', seq: 1_000, capturedAt: 0, data: 'a' },
      { kind: 'data', topic: '__proto__', seq: 1_000, capturedAt: 0, data: { polluted: 1 } },
    ]);
    const shown = viewer.page.locator('#topics');
    await expect.poll(() => shown.textContent(), { timeout: 30_000 }).toContain('__proto__');
    const text = (await shown.textContent()) ?? '';
    const [first = ''] = payloads;
    expect(text).toContain(JSON.stringify(first).slice(1, -1));
  });

  test('the viewer’s page draws hostile labels and text', async () => {
    await sendOverlay(
      payloads.flatMap((payload, i) => {
        const word = payload.slice(0, 200);
        const common = { kind: 'shapes', capturedAt: 0, seq: 2_000 + i };
        const at = { x: 0.1, y: (i % 10) / 10 };
        return [
          { ...common, topic: 'a', shapes: [{ type: 'label', ...at, text: word }] },
          { ...common, topic: 'b', shapes: [{ type: 'text', ...at, text: payload, size: 0.05 }] },
          {
            ...common,
            topic: 'c',
            shapes: [{ type: 'box', ...at, width: 0.2, height: 0.1, label: word }],
          },
          // Invalid colours and topics never reach the canvas.
          { ...common, topic: 'd', shapes: [{ type: 'label', ...at, text: 'x', color: payload }] },
          { ...common, topic: payload, shapes: [] },
        ];
      }),
    );
    expect(await statusAfter(30)).toBe('live');
  });

  test('the viewer’s page ignores what is no message', async () => {
    await publisher.page.evaluate((texts) => {
      for (const text of texts) trap.channel?.send(text);
      trap.channel?.send(new Uint8Array([0, 159, 146, 150]));
      trap.channel?.send('{"__proto__":{"polluted":1},"kind":"shapes"}');
      trap.channel?.send(
        '{"kind":"data","topic":"p","seq":9000,"capturedAt":0,"data":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}',
      );
    }, payloads);
    expect(await statusAfter(10)).toBe('live');
  });

  test('both pages show the publisher’s hostile note as text', async () => {
    await publisher.page.selectOption('#overlay-source', 'note');
    for (const payload of payloads) {
      await publisher.page.fill('#note', payload.replaceAll('\0', '').slice(0, 200));
      expect(await statusAfter(2)).toBe('live');
    }
  });

  test('the publisher’s page shows hostile device labels as text', async () => {
    const options = publisher.page.locator('#camera option');
    const labels = await options.allTextContents();
    for (const payload of payloads.slice(0, 4)) expect(labels).toContain(payload);
  });

  test.each(['join', 'publish', 'embed'])(
    'pages and errors show invalid room names as text: /%s/…',
    async (where) => {
      const page = await context.newPage();
      const faults: string[] = [];
      page.on('pageerror', ({ message }) => faults.push(message));
      for (const payload of payloads) {
        // Half a surrogate pair can't be part of an address.
        const name = encodeURIComponent(payload.toWellFormed());
        const address = `${site.server.url}/${where}/${name}`;
        const response = await page.goto(address);
        // A text that begins like a name leads to that room, as a link with a full stop at its end does.
        const { room } = readAddress({ pathname: `/${where}/${name}`, search: '', hash: '' });
        const isRoom = room !== undefined;
        expect([payload, response?.status()]).toEqual([payload, isRoom ? 200 : 404]);
        if (isRoom) await page.waitForURL(`${site.server.url}/${where}/${room}`);
        // The error page does not repeat the name.
        expect(isRoom || !(await (await fetch(address)).text()).includes(payload)).toBe(true);
        await expectNothingRan(page, faults);
      }
      // In the query and the fragment, which only the page itself reads.
      await page.goto(
        `${site.server.url}/${where}/payloads-hash?x=<img src=x onerror=pwned(1)>#<img src=x onerror=pwned(1)>`,
      );
      await page.waitForSelector('html[data-ready="true"]', { state: 'attached' });
      await expectNothingRan(page, faults);
      await page.close();
    },
  );
});
