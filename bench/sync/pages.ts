/** What the bench asks of a page, whichever browser shows it. */
import type { Page as ChromiumPage } from 'playwright-core';
import type { Page as FirefoxPage } from 'puppeteer-core';
import { launchBrowser } from '#testkit/browser/browser.ts';
import type { Host } from '#testkit/network/test-network.ts';
import { childrenOf } from '#testkit/processes.ts';
import { launchFirefox } from './firefox.ts';

export type BrowserName = 'chromium' | 'firefox';

export interface BenchPage {
  /** Runs `work` in the page; what it takes and gives is copied. */
  evaluate<A, T>(work: (argument: A) => T | Promise<T>, argument: A): Promise<T>;
  click(selector: string): Promise<void>;
  close(): Promise<void>;
}

export interface BenchBrowser {
  readonly name: BrowserName;
  readonly version: string;
  /** Its own process; the others are below it. */
  readonly pids: readonly number[];
  /** Opens a page that has run `script` before any of its own. */
  open(url: string, script: string): Promise<BenchPage>;
  close(): Promise<void>;
}

/** How long anything in a page may take before the row has failed. */
const PATIENCE_MS = 60_000;
const POLL_MS = 50;

/**
 * A browser on a host of a test network, for which `origin` is as good as https. `camera` is a y4m
 * file, for those that can play one.
 */
export async function launch(
  name: BrowserName,
  on: Host,
  origin: string,
  camera: string,
): Promise<BenchBrowser> {
  const before = childrenOf(process.pid);
  const started = () => childrenOf(process.pid).filter((pid) => !before.includes(pid));
  if (name === 'firefox') {
    const firefox = await launchFirefox(on, new URL(origin).hostname);
    const { browser } = firefox;
    return {
      name,
      version: (await browser.version()).replace('firefox/', 'Firefox '),
      pids: started(),
      async open(url, script) {
        const page = await browser.newPage();
        await page.evaluateOnNewDocument(script);
        await page.goto(url);
        return firefoxPage(page);
      },
      close: () => firefox.close(),
    };
  }
  const browser = await launchBrowser({
    on,
    camera,
    flags: [`--unsafely-treat-insecure-origin-as-secure=${origin}`],
  });
  return {
    name,
    version: `Chromium ${browser.version()}`,
    pids: started(),
    async open(url, script) {
      const context = await browser.newContext();
      await context.addInitScript(script);
      const page = await context.newPage();
      await page.goto(url);
      return chromiumPage(page);
    },
    close: () => browser.close(),
  };
}

/** Resolves with the first answer that is not undefined. @throws at the deadline */
export async function until<A, T>(
  page: BenchPage,
  what: string,
  work: (argument: A) => T | undefined,
  argument: A,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const answer = await page.evaluate(work, argument);
    if (answer !== undefined && answer !== null) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patienceMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function chromiumPage(page: ChromiumPage): BenchPage {
  return {
    // Playwright's type of what can be copied into a page is its own.
    evaluate: (work, argument) =>
      within(page.evaluate(work as (argument: unknown) => never, argument)),
    click: (selector) => page.click(selector),
    close: () => page.context().close(),
  };
}

function firefoxPage(page: FirefoxPage): BenchPage {
  return {
    evaluate: (work, argument) =>
      within(page.evaluate(work as (argument: unknown) => never, argument)),
    // A click of the protocol needs a window in front; what the page does on it is the same.
    click: (selector) =>
      page.$eval(selector, (element) => {
        (element as HTMLElement).click();
      }),
    close: () => page.close(),
  };
}

/** A promise in a page that is never settled must not hold up the bench for ever. */
async function within<T>(answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('the page does not answer')), PATIENCE_MS);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
