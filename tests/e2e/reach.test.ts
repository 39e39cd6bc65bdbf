/** Pages that can't connect, or only in part. They wait at the same time, each for its own words. */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goLive, openPage } from '#testkit/browser/browser.ts';
import { sharedSite } from '#testkit/browser/shared-site.ts';
import { waitForFrames, waitForStatus } from '#testkit/browser/shown-video.ts';
import { HttpProxy } from '#testkit/network/http-proxy.ts';

const ROOM = 'reach';

/** What privacy settings and extensions do to a page, as a script that runs before the page's own. */
const RESTRICTIONS = {
  'no-webrtc': 'delete window.RTCPeerConnection; window.RTCPeerConnection = undefined;',
  'relay-only': `{
    const Original = RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
      constructor(options = {}) { super({ ...options, iceTransportPolicy: 'relay' }); }
    };
  }`,
  'no-data-channel':
    'RTCPeerConnection.prototype.createDataChannel = () => { throw new DOMException("blocked", "OperationError"); };',
  'no-websocket':
    'window.WebSocket = class { constructor() { throw new DOMException("blocked", "SecurityError"); } };',
} as const;

describe('pages that can not connect', () => {
  const site = sharedSite();
  const proxies: HttpProxy[] = [];
  const pages = new Map<string, Promise<Page>>();

  /** The page of this kind; all are opened at the beginning, and publishers are started. */
  const page = (kind: string): Promise<Page> => {
    const found = pages.get(kind);
    if (!found) throw new Error(`there is no page ${kind}`);
    return found;
  };

  async function open(url: string, script: string, start: boolean): Promise<Page> {
    const context = await site.browser.newContext();
    if (script !== '') await context.addInitScript(script);
    const { page: opened } = await openPage(context, url);
    if (start) await opened.click('#start');
    return opened;
  }

  beforeAll(async () => {
    const publisher = await site.open(`/publish/${ROOM}`);
    await goLive(publisher.page);
    pages.set('publisher none', Promise.resolve(publisher.page));
    pages.set('viewer none', open(`${site.server.url}/join/${ROOM}`, '', false));
    const { port } = site.server;
    const hostChanged = await HttpProxy.start({ to: port, host: 'without-port', upgrade: true });
    const noUpgrade = await HttpProxy.start({ to: port, host: 'kept', upgrade: false });
    proxies.push(hostChanged, noUpgrade);
    const places = [
      ...Object.entries(RESTRICTIONS).map(([name, script]) => [name, site.server.url, script]),
      ['host-changed', hostChanged.url, ''],
      ['no-upgrade', noUpgrade.url, ''],
    ] as const;
    for (const [name = '', url = '', script = ''] of places) {
      pages.set(`viewer ${name}`, open(`${url}/join/${ROOM}`, script, false));
      pages.set(`publisher ${name}`, open(`${url}/publish/${ROOM}-${name}`, script, true));
    }
    await Promise.all(pages.values());
  });

  afterAll(() => {
    for (const proxy of proxies) proxy.close();
  });

  /** Waits until the place for words on this page says that, and returns all that it says. */
  const says = async (kind: string, place: string, words: RegExp): Promise<string> => {
    const opened = (await page(kind)).locator(place);
    let text = '';
    // On a busy machine a probe of the server may fail once, and other words stand there for a moment.
    await expect
      .poll(async () => (text = (await opened.isVisible()) ? await opened.innerText() : ''), {
        timeout: 60_000,
      })
      .toMatch(words);
    return text;
  };

  test.each([
    ['no-webrtc', /it has no WebRTC/],
    ['relay-only', /lets WebRTC use relays only/],
    ['host-changed', /is from 127\.0\.0\.1:\d+, but the server was asked for 127\.0\.0\.1\./],
  ] as const)('REACH-1 both pages say what the matter is: %s', async (kind, words) => {
    expect(await says(`viewer ${kind}`, '#slate', words)).toMatch(words);
    expect(await says(`publisher ${kind}`, '#notice', words)).toMatch(words);
  });

  test.each(['no-websocket', 'no-upgrade'])(
    'REACH-1 REACH-3 without a websocket (%s) a viewer has its video and reads what is missing, a publisher reads why it waits',
    async (kind) => {
      const words = /no websocket opens/;
      expect(await says(`publisher ${kind}`, '#notice', words)).toContain('keeps trying');
      await waitForStatus(await page(`viewer ${kind}`), 'live');
      const missing = await says(`viewer ${kind}`, '#limit', /No websocket gets through/);
      expect(missing).not.toBe('');
    },
  );

  test('REACH-3 without data channels both pages are live, and say that the overlay is missing', async () => {
    const viewer = await page('viewer no-data-channel');
    await waitForStatus(viewer, 'live');
    await waitForFrames(viewer, 10);
    expect(await says('viewer no-data-channel', '#limit', /The overlay is missing/)).not.toBe('');
    const publisher = 'publisher no-data-channel';
    await waitForStatus(await page(publisher), 'live');
    const words = await says(publisher, '#limit-notice', /The overlay is not sent/);
    expect(words).toContain('data channel');
  });

  test('REACH-3 a page without restrictions says nothing of the kind', async () => {
    for (const role of ['viewer', 'publisher']) {
      const opened = await page(`${role} none`);
      await waitForStatus(opened, 'live');
      const notes = opened.locator('#limit, #limit-notice, #notice').filter({ visible: true });
      expect(await notes.count()).toBe(0);
    }
  });

  test('REACH-4 the log names both hosts of a refused page, and reports blocked websockets', async () => {
    expect(site.server.output).toMatch(
      /"host":"127\.0\.0\.1","origin":"http:\/\/127\.0\.0\.1:\d+","msg":"refused a page/,
    );
    expect(site.server.output).toContain('a plain request arrived');
    expect(await site.server.metric('onecast_websockets_blocked_total')).toBeGreaterThan(0);
  });
});
