import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { colourCameraFile } from '../media/cameras.ts';
import type { Host } from '../network/test-network.ts';
import { waitForStatus } from './shown-video.ts';

/** Headless, as root, with a fake camera, and without connections to anything outside this machine. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  '--mute-audio',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--use-fake-device-for-media-stream=fps=30',
  '--use-fake-ui-for-media-stream',
  // Where only loopback exists there would be no candidate otherwise.
  '--allow-loopback-in-peer-connection',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

export const cameraFlag = (y4mFile: string): string =>
  `--use-file-for-fake-video-capture=${y4mFile}`;

/** Browsers allow the camera on secure origins only, and test networks have no certificates. */
export const insecureOriginFlag = (origin: string): string =>
  `--unsafely-treat-insecure-origin-as-secure=${origin}`;

export interface LaunchOptions {
  readonly flags?: readonly string[];
  /** The y4m file that the fake camera plays; the colour camera by default. */
  readonly camera?: string;
  /** The host of a test network that the browser runs on; this machine by default. */
  readonly on?: Host;
}

export async function launchBrowser({
  flags = [],
  camera = colourCameraFile(),
  on,
}: LaunchOptions = {}): Promise<Browser> {
  const chromiumPath = process.env['CHROMIUM_PATH'];
  if (!chromiumPath) throw new Error('CHROMIUM_PATH is not set: run the tests with `npm test`');
  return chromium.launch({
    executablePath: on?.commandFor(chromiumPath) ?? chromiumPath,
    args: [...CHROMIUM_FLAGS, cameraFlag(camera), ...flags],
  });
}

/**
 * A browser with a profile in `folder`, as a person has one.
 * @param preferences of Chromium's own settings; only for a new profile
 */
export async function launchProfile(
  folder: string,
  { flags = [], preferences }: { flags?: readonly string[]; preferences?: object } = {},
): Promise<BrowserContext> {
  const executablePath = process.env['CHROMIUM_PATH'];
  if (!executablePath) throw new Error('CHROMIUM_PATH is not set: run the tests with `npm test`');
  if (preferences) {
    mkdirSync(join(folder, 'Default'), { recursive: true });
    writeFileSync(join(folder, 'Default/Preferences'), JSON.stringify(preferences));
  }
  const features = '--disable-features=';
  return chromium.launchPersistentContext(folder, {
    executablePath,
    ignoreDefaultArgs: ['--disable-extensions'],
    args: [
      // Of several such flags only the last counts.
      ...CHROMIUM_FLAGS.map((flag) =>
        flag.startsWith(features) ? `${flag},DisableLoadExtensionCommandLineSwitch` : flag,
      ),
      cameraFlag(colourCameraFile()),
      ...flags,
    ],
  });
}

export interface OpenedPage {
  readonly page: Page;
  /** Script errors and violations of the security policy, as the page reports them. */
  readonly faults: string[];
}

/** Resolves when the page's own script is ready. */
export async function openPage(context: BrowserContext, url: string): Promise<OpenedPage> {
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (text.includes('Content Security Policy') || text.includes('Trusted')) faults.push(text);
  });
  await page.goto(url);
  await page.waitForSelector('html[data-ready="true"]', { state: 'attached' });
  return { page, faults };
}

/** Starts the broadcast on a publisher's page; resolves when the page is live. */
export async function goLive(page: Page): Promise<void> {
  await page.click('#start');
  await waitForStatus(page, 'live');
}

/** The text on the clipboard. Our own pages may not read it, so another page pastes it. */
export async function pasted(page: Page): Promise<string> {
  const other = await page.context().newPage();
  await other.setContent('<textarea></textarea>');
  await other.focus('textarea');
  await other.keyboard.press('Control+V');
  const text = await other.inputValue('textarea');
  await other.close();
  return text;
}

/** Presses "Copy diagnostics" with the keyboard, and returns what is on the clipboard then. */
export async function copiedDiagnostics(page: Page): Promise<string> {
  await page.bringToFront();
  await page.focus('#copy-diagnostics');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  return pasted(page);
}
