import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Browser, Frame, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goLive, launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { freePorts } from '#testkit/server/ports.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';

/** Another site: a page of another origin that shows the room in a frame. */
async function serveSite(
  port: number,
  content: (query: URLSearchParams) => string,
): Promise<Server> {
  const http = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://site');
    response.setHeader('Content-Type', 'text/html');
    response.end(`<!doctype html><title>A site</title>${content(searchParams)}`);
  });
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  return http;
}

describe('SEC-13 a room in a page of another site', () => {
  let server: ServerProcess;
  let browser: Browser;
  const sites: Server[] = [];
  let allowed = '';
  let stranger = '';

  beforeAll(async () => {
    const [allowedPort, strangerPort] = [await freePorts(), await freePorts()];
    allowed = `http://127.0.0.1:${allowedPort}`;
    stranger = `http://127.0.0.1:${strangerPort}`;
    server = await ServerProcess.start({ env: { EMBED_ORIGINS: allowed } });
    for (const port of [allowedPort, strangerPort]) {
      sites.push(
        await serveSite(
          port,
          (query) =>
            `<iframe id="room" src="${server.url}/${query.get('page')}" width="480" height="270" allow="autoplay; camera; microphone"></iframe>`,
        ),
      );
    }
    browser = await launchBrowser();
    const publisher = await openPage(await browser.newContext(), `${server.url}/publish/embedded`);
    await publisher.page.selectOption('#overlay-source', 'demo');
    await publisher.page.click('#microphone');
    await goLive(publisher.page);
  });

  afterAll(async () => {
    await browser?.close();
    for (const http of sites) http.close();
    await server?.stop();
  });

  async function show(origin: string, path: string): Promise<{ page: Page; logged: string[] }> {
    const page = await (await browser.newContext()).newPage();
    const logged: string[] = [];
    page.on('console', (message) => logged.push(message.text()));
    await page.goto(`${origin}/?page=${path}`, { waitUntil: 'load' });
    return { page, logged };
  }

  function frameOf(page: Page): Frame {
    const frame = page.frames()[1];
    if (!frame) throw new Error('no frame');
    return frame;
  }

  test('an embedded room shows video, overlay and sound and nothing else', async () => {
    const { page, logged } = await show(allowed, 'embed/embedded');
    const frame = frameOf(page);
    await frame.waitForSelector('#status[data-status="live"]', { state: 'attached' });
    await frame.waitForFunction(() => {
      const video = document.querySelector('video');
      return video !== null && video.getVideoPlaybackQuality().totalVideoFrames > 20;
    });
    const drawn = () => {
      const canvas = document.querySelector('canvas');
      const data = canvas?.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height).data;
      return data?.some((value, i) => i % 4 === 3 && value > 0) ?? false;
    };
    await frame.waitForFunction(drawn);
    await frame.click('#sound');
    await frame.waitForFunction(() => document.querySelector('video')?.muted === false);
    const seen = await frame
      .locator('main :is(a, button, p, h1, h2, aside, onecast-status):visible')
      .evaluateAll((all) =>
        all
          .filter((element) => {
            const { clipPath } = getComputedStyle(element);
            return clipPath === 'none';
          })
          .map(({ id }) => id),
      );
    expect(seen).toEqual(['sound']);
    expect(logged.filter((text) => /Content Security Policy|Trusted|Error/.test(text))).toEqual([]);
    await page.context().close();
  });

  test('SEC-14 an embedded room can’t use the camera, whatever the site allows', async () => {
    const { page } = await show(allowed, 'embed/embedded');
    const frame = frameOf(page);
    await frame.waitForSelector('html[data-ready="true"]', { state: 'attached' });
    const refused = await frame.evaluate(() =>
      navigator.mediaDevices.getUserMedia({ video: true }).then(
        () => 'let in',
        (error: DOMException) => error.name,
      ),
    );
    expect(refused).toBe('NotAllowedError');
    await page.context().close();
  });

  test.each([
    ['a room on a site that the operator does not allow', () => stranger, 'embed/embedded'],
    ['the viewer’s own page', () => allowed, 'join/embedded'],
    ['the publisher’s page', () => allowed, 'publish/embedded'],
  ])('the browser does not show %s', async (_what, origin, path) => {
    const { page, logged } = await show(origin(), path);
    await expect.poll(() => logged.join(), { timeout: 30_000 }).toContain('frame-ancestors');
    await expect
      .poll(() => frameOf(page).url(), { timeout: 30_000 })
      .toBe('chrome-error://chromewebdata/');
    await page.context().close();
  });
});
