// `npm run screenshots [-- wide|phone|film]`: writes docs/images/{home,publish,join}-{wide,phone}.webp and
// docs/images/watch.webp from the real pages of a real server, in a real Chromium whose camera plays
// a drawn scene.

import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { createApp } from '#backend/app.ts';
import { createLog } from '#backend/observability/log.ts';
import { readConfig } from '#config/env.ts';
import { LIMITS } from '#config/limits.ts';
import { inRoot } from './host.mjs';
import { say } from './output.mjs';
import { animatedWebp } from './screenshots/animated-webp.mjs';
import { drawFrames, SCENE } from './screenshots/scene.mjs';

const IMAGES = inRoot('docs', 'images');
const ORIGIN = 'http://onecast.example';
const TIMEOUT_MS = 30_000;
const SCREENSHOT_QUALITY = 90;
/** By then the bandwidth estimate and the stats on the pages are steady. */
const SETTLE_MS = 8_000;

const FORMATS = {
  wide: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true },
};

/** The animation for the README: a viewer's page that shows nothing but video and overlay. */
const FILM = { width: 800, height: 450, seconds: 10, framesPerSecond: 6, quality: 0.7 };

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-dev-shm-usage',
  '--mute-audio',
  '--hide-scrollbars',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // So that it works without a network: the candidates are 127.0.0.1, not hidden by mDNS.
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

const launch = (...flags) =>
  chromium.launch({ executablePath: process.env.CHROMIUM_PATH, args: [...FLAGS, ...flags] });

/** The server can't let the system choose its media port. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

async function startServer() {
  const config = readConfig({
    HOST: '127.0.0.1',
    PORT: '0',
    MEDIA_PORT: String(await freePort()),
    METRICS: 'off',
    ANNOUNCED_ADDRESS: '127.0.0.1',
    WORKERS: '1',
    MEDIASOUP_WORKER_BIN: process.env.MEDIASOUP_WORKER_BIN,
    LOG_LEVEL: 'warn',
  });
  return createApp(config, LIMITS, createLog(config, process.stdout.isTTY));
}

async function drawScene(file) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    const count = SCENE.framesPerSecond * SCENE.seconds;
    const frames = [];
    for (let from = 0; from < count; from += 60) {
      frames.push(...(await page.evaluate(drawFrames, { ...SCENE, from, to: from + 60 })));
    }
    writeFileSync(file, Buffer.concat(frames.map((frame) => Buffer.from(frame, 'base64'))));
  } finally {
    await browser.close();
  }
}

async function openPage(context, path) {
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on('pageerror', (error) => say(`${path}: ${error.message}`));
  await page.goto(`${ORIGIN}${path}`);
  await page.waitForSelector('html[data-ready]');
  return page;
}

function writeImage(name, image) {
  writeFileSync(join(IMAGES, name), image);
  say(`docs/images/${name}  ${Math.round(image.length / 1024)} kB`);
}

async function takeScreenshot(page, name) {
  // Through DevTools, because Playwright can't write WebP.
  const devTools = await page.context().newCDPSession(page);
  const options = { format: 'webp', quality: SCREENSHOT_QUALITY };
  const { data } = await devTools.send('Page.captureScreenshot', options);
  writeImage(`${name}.webp`, Buffer.from(data, 'base64'));
}

/** Takes screenshots of the three pages in one format, while a broadcast runs between two of them. */
async function takeScreenshots(browser, format) {
  // A new context, which has no secret of the previous room.
  const room = `lakeside-${format}`;
  const context = await browser.newContext(FORMATS[format]);
  try {
    await takeScreenshot(await openPage(context, '/'), `home-${format}`);

    const publish = await openPage(context, `/publish/${room}`);
    await publish.selectOption('#overlay-source', 'motion');
    await publish.click('#start');
    await publish.waitForSelector('#status[data-status="live"]');
    const watch = await openPage(context, `/join/${room}`);
    await watch.waitForSelector('#status[data-status="live"]');
    await watch.waitForFunction(
      (width) => document.querySelector('video').videoWidth === width,
      SCENE.width,
    );
    await watch.waitForTimeout(SETTLE_MS);

    // A key shows the controls without changing the page.
    await watch.bringToFront();
    await watch.keyboard.press('Shift');
    await watch.waitForTimeout(500);
    await takeScreenshot(watch, `join-${format}`);
    await publish.bringToFront();
    await publish.waitForTimeout(500);
    await takeScreenshot(publish, `publish-${format}`);
    await publish.click('#stop');
    await publish.waitForSelector('#status[data-status="idle"]');
  } finally {
    await context.close();
  }
}

/** Writes docs/images/watch.webp: ten seconds of a viewer's page. */
async function takeFilm(browser) {
  const { width, height, seconds, framesPerSecond, quality } = FILM;
  const context = await browser.newContext({ viewport: { width, height } });
  try {
    const publish = await openPage(context, '/publish/lakeside-film');
    await publish.selectOption('#overlay-source', 'motion');
    await publish.click('#start');
    await publish.waitForSelector('#status[data-status="live"]');
    const watch = await openPage(context, '/join/lakeside-film');
    await watch.waitForSelector('#status[data-status="live"]');
    // By then the page has also hidden its controls.
    await watch.waitForTimeout(SETTLE_MS);
    await watch.bringToFront();

    const shots = [];
    const start = performance.now();
    for (let i = 0; i < seconds * framesPerSecond; i += 1) {
      const wait = start + (i * 1_000) / framesPerSecond - performance.now();
      if (wait > 0) await watch.waitForTimeout(wait);
      const time = performance.now();
      // JPEG, because Chromium needs too long for a PNG at this frame rate.
      shots.push({ time, jpeg: await watch.screenshot({ type: 'jpeg', quality: 95 }) });
    }
    const end = performance.now();
    const reader = await browser.newPage();
    const frames = [];
    for (const [i, { time, jpeg }] of shots.entries()) {
      const still = await reader.evaluate(stillWebp, { jpeg: jpeg.toString('base64'), quality });
      const ms = Math.round((shots[i + 1]?.time ?? end) - time);
      frames.push({ webp: Buffer.from(still, 'base64'), ms });
    }
    await reader.close();
    writeImage('watch.webp', animatedWebp(frames, width, height));
  } finally {
    await context.close();
  }
}

async function stillWebp({ jpeg, quality }) {
  const image = await createImageBitmap(new Blob([Uint8Array.fromBase64(jpeg)]));
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext('2d', { alpha: false }).drawImage(image, 0, 0);
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality });
  return new Uint8Array(await blob.arrayBuffer()).toBase64();
}

mkdirSync(IMAGES, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'onecast-scene-'));
const app = await startServer();
try {
  // The page shows the camera's path as its name, so Chromium runs in the folder of the file.
  process.chdir(folder);
  const camera = 'Lake.mjpeg';
  say('drawing the scene');
  await drawScene(camera);
  const browser = await launch(
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${camera}`,
    `--host-resolver-rules=MAP onecast.example 127.0.0.1:${app.port}`,
    // Otherwise only https and localhost may use a camera.
    `--unsafely-treat-insecure-origin-as-secure=${ORIGIN}`,
  );
  try {
    const requested = process.argv.slice(2);
    const all = requested.length === 0;
    for (const format of Object.keys(FORMATS)) {
      if (all || requested.includes(format)) await takeScreenshots(browser, format);
    }
    if (all || requested.includes('film')) await takeFilm(browser);
  } finally {
    await browser.close();
  }
} finally {
  await app.close();
  process.chdir(inRoot());
  rmSync(folder, { recursive: true, force: true });
}
