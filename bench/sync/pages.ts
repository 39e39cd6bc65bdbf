/** Chromium and Firefox pages behind one interface. */
import type { Page as ChromiumPage } from 'playwright-core';
import type { Page as FirefoxPage } from 'puppeteer-core';
import { launchBrowser } from '#testkit/browser/browser.ts';
import type { Host } from '#testkit/network/test-network.ts';
import { childrenOf } from '#testkit/processes.ts';
import { launchFirefox } from './firefox.ts';

export type BrowserName = 'chromium' | 'firefox';

export interface BenchPage {
  /** Runs `work` in the page; its argument and its result are copied. */
  evaluate<A, T>(work: (argument: A) => T | Promise<T>, argument: A): Promise<T>;
  click(selector: string): Promise<void>;
  close(): Promise<void>;
}

export interface BenchBrowser {
  readonly name: BrowserName;
  readonly version: string;
  /** The root processes; the others are their children. */
  readonly pids: readonly number[];
  /** Opens a page that runs `script` before its own scripts. */
  open(url: string, script: string): Promise<BenchPage>;
  close(): Promise<void>;
}

/** Longest time for anything in a page. */
const DEADLINE_MS = 60_000;
const POLL_MS = 50;

/**
 * A browser on a host of a test network that treats `origin` as secure, like https. `camera` is a y4m
 * file; Firefox can't play it.
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

/** Resolves with the first result of `work` that is not undefined. @throws at the deadline, naming `what` */
export async function until<A, T>(
  page: BenchPage,
  what: string,
  work: (argument: A) => T | undefined,
  argument: A,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await page.evaluate(work, argument);
    if (answer !== undefined && answer !== null) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function chromiumPage(page: ChromiumPage): BenchPage {
  return {
    // Playwright has its own type for what can be copied into a page.
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
    // A click by the protocol needs a window in front; for the page this click is the same.
    click: (selector) =>
      page.$eval(selector, (element) => {
        (element as HTMLElement).click();
      }),
    close: () => page.close(),
  };
}

/** So that a promise in a page that never settles does not block the bench. */
async function within<T>(answer: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('the page does not answer')), DEADLINE_MS);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
