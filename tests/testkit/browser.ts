import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { cameraFile } from './camera.ts';
import { FLAGS } from './browser-flags.ts';
import type { Host } from './network.ts';

export interface LaunchOptions {
  readonly flags?: readonly string[];
  /** The y4m file that is its camera; the tests' own where left out. */
  readonly camera?: string;
  /** The host of a test network that it runs on; this machine where left out. */
  readonly on?: Host;
}

export async function launchBrowser({
  flags = [],
  camera = cameraFile(),
  on,
}: LaunchOptions = {}): Promise<Browser> {
  const chromiumPath = process.env['CHROMIUM_PATH'];
  if (!chromiumPath) throw new Error('CHROMIUM_PATH is not set: run the tests with `npm test`');
  return chromium.launch({
    executablePath: on?.wrap(chromiumPath) ?? chromiumPath,
    args: [...FLAGS, `--use-file-for-fake-video-capture=${camera}`, ...flags],
  });
}

/** What a page has said that it should not have: errors, and refusals by the security policy. */
export interface Watched {
  readonly page: Page;
  readonly faults: string[];
}

export async function openPage(context: BrowserContext, url: string): Promise<Watched> {
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
