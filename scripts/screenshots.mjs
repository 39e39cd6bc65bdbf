// `npm run screenshots [-- wide|phone|film]`: writes docs/images/{home,publish,join}-{wide,phone}.png and
// docs/images/watch.webp from the real pages of a real server, with a real Chromium whose camera plays
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
import { say } from './progress.mjs';
import { animatedWebp } from './screenshots/animated-webp.mjs';
import { palettePng } from './screenshots/palette-png.mjs';
import { drawFrames, SCENE } from './screenshots/scene.mjs';

const IMAGES = inRoot('docs', 'images');
const ORIGIN = 'http://onecast.example';
const PATIENCE_MS = 30_000;
/** The estimate of the line and the figures on the pages have settled by then. */
const SETTLE_MS = 8_000;

const FORMATS = {
  wide: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true },
};

/** The moving picture of the README: a viewer's page that is nothing but video and overlay. */
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
  // Only loopback need exist: candidates are 127.0.0.1, unhidden.
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

const launch = (...flags) =>
  chromium.launch({ executablePath: process.env.CHROMIUM_PATH, args: [...FLAGS, ...flags] });

/** Media ports can't be left to the system. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
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

async function opened(context, path) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => say(`${path}: ${error.message}`));
  await page.goto(`${ORIGIN}${path}`);
  await page.waitForSelector('html[data-ready]');
  return page;
}

async function picture(page, name) {
  const full = await page.screenshot();
  // A page of its own: those of the project allow no foreign script.
  const reader = await page.context().browser().newPage();
  const { width, height, rgba } = await reader.evaluate(readPixels, full.toString('base64'));
  await reader.close();
  const png = palettePng(Buffer.from(rgba, 'base64'), width, height);
  writeFileSync(join(IMAGES, `${name}.png`), png);
  say(`docs/images/${name}.png  ${Math.round(png.length / 1024)} kB`);
}

async function readPixels(png) {
  const picture = await createImageBitmap(new Blob([Uint8Array.fromBase64(png)]));
  const { width, height } = picture;
  const canvas = new OffscreenCanvas(width, height).getContext('2d');
  canvas.drawImage(picture, 0, 0);
  const { data } = canvas.getImageData(0, 0, width, height);
  return { width, height, rgba: new Uint8Array(data.buffer).toBase64() };
}

/** The three pages in one format, while a broadcast runs between two of them. */
async function takePictures(browser, format) {
  // A context of its own has no secret of the room before.
  const room = `lakeside-${format}`;
  const context = await browser.newContext(FORMATS[format]);
  try {
    await picture(await opened(context, '/'), `home-${format}`);

    const publish = await opened(context, `/publish/${room}`);
    await publish.selectOption('#overlay-source', 'motion');
    await publish.click('#start');
    await publish.waitForSelector('#status[data-status="live"]');
    const watch = await opened(context, `/join/${room}`);
    await watch.waitForSelector('#status[data-status="live"]');
    await watch.waitForFunction(
      (width) => document.querySelector('video').videoWidth === width,
      SCENE.width,
    );
    await watch.waitForTimeout(SETTLE_MS);

    // A key wakes the controls without leaving a mark on the page.
    await watch.bringToFront();
    await watch.keyboard.press('Shift');
    await watch.waitForTimeout(500);
    await picture(watch, `join-${format}`);
    await publish.bringToFront();
    await publish.waitForTimeout(500);
    await picture(publish, `publish-${format}`);
    await publish.click('#stop');
    await publish.waitForSelector('#status[data-status="idle"]');
  } finally {
    await context.close();
  }
}

/** docs/images/watch.webp: ten seconds of a viewer's page. */
async function takeFilm(browser) {
  const { width, height, seconds, framesPerSecond, quality } = FILM;
  const context = await browser.newContext({ viewport: { width, height } });
  try {
    const publish = await opened(context, '/publish/lakeside-film');
    await publish.selectOption('#overlay-source', 'motion');
    await publish.click('#start');
    await publish.waitForSelector('#status[data-status="live"]');
    const watch = await opened(context, '/join/lakeside-film');
    await watch.waitForSelector('#status[data-status="live"]');
    // By then the controls are gone too: nobody has moved.
    await watch.waitForTimeout(SETTLE_MS);
    await watch.bringToFront();

    const shots = [];
    const start = performance.now();
    for (let i = 0; i < seconds * framesPerSecond; i += 1) {
      const wait = start + (i * 1_000) / framesPerSecond - performance.now();
      if (wait > 0) await watch.waitForTimeout(wait);
      const at = performance.now();
      // A PNG takes too long to keep the pace.
      shots.push({ at, jpeg: await watch.screenshot({ type: 'jpeg', quality: 95 }) });
    }
    const end = performance.now();
    const reader = await browser.newPage();
    const frames = [];
    for (const [i, { at, jpeg }] of shots.entries()) {
      const still = await reader.evaluate(stillWebp, { jpeg: jpeg.toString('base64'), quality });
      const ms = Math.round((shots[i + 1]?.at ?? end) - at);
      frames.push({ webp: Buffer.from(still, 'base64'), ms });
    }
    await reader.close();
    const film = animatedWebp(frames, width, height);
    writeFileSync(join(IMAGES, 'watch.webp'), film);
    say(`docs/images/watch.webp  ${Math.round(film.length / 1024)} kB`);
  } finally {
    await context.close();
  }
}

async function stillWebp({ jpeg, quality }) {
  const picture = await createImageBitmap(new Blob([Uint8Array.fromBase64(jpeg)]));
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext('2d', { alpha: false }).drawImage(picture, 0, 0);
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality });
  return new Uint8Array(await blob.arrayBuffer()).toBase64();
}

mkdirSync(IMAGES, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), 'onecast-scene-'));
const app = await startServer();
try {
  // The camera's name on the page is the file's, so it is opened from its folder.
  process.chdir(folder);
  const camera = 'Lake.mjpeg';
  say('drawing the scene');
  await drawScene(camera);
  const browser = await launch(
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-video-capture=${camera}`,
    `--host-resolver-rules=MAP onecast.example 127.0.0.1:${app.port}`,
    // Cameras are for https and localhost only.
    `--unsafely-treat-insecure-origin-as-secure=${ORIGIN}`,
  );
  try {
    const wanted = process.argv.slice(2);
    const all = wanted.length === 0;
    for (const format of Object.keys(FORMATS)) {
      if (all || wanted.includes(format)) await takePictures(browser, format);
    }
    if (all || wanted.includes('film')) await takeFilm(browser);
  } finally {
    await browser.close();
  }
} finally {
  await app.close();
  process.chdir(inRoot());
  rmSync(folder, { recursive: true, force: true });
}
