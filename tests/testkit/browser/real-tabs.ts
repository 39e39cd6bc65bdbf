/**
 * A browser whose tabs can be duplicated, reopened and restored with their session, as a
 * person does. DevTools have no commands for that, so a small extension calls the browser's own.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page, Worker } from 'playwright-core';
import { launchProfile } from './browser.ts';

/** The part of the extension API that is used here. Evaluated in the extension, not here. */
interface TabsApi {
  readonly tabs: {
    query(of: object): Promise<{ id: number; url: string; title: string }[]>;
    duplicate(id: number): Promise<void>;
    reload(id: number): Promise<void>;
    remove(id: number): Promise<void>;
  };
  readonly sessions: { restore(): Promise<void> };
}
declare const chrome: TabsApi;

const MANIFEST = {
  manifest_version: 3,
  name: 'Tabs',
  version: '1',
  permissions: ['tabs', 'sessions'],
  background: { service_worker: 'background.js' },
};

export class RealTabs {
  readonly #folder = mkdtempSync(join(tmpdir(), 'onecast-real-tabs-'));
  #context: BrowserContext | undefined;

  static async launch(): Promise<RealTabs> {
    const tabs = new RealTabs();
    writeFileSync(join(tabs.#folder, 'manifest.json'), JSON.stringify(MANIFEST));
    writeFileSync(join(tabs.#folder, 'background.js'), '');
    await tabs.#start([]);
    return tabs;
  }

  get context(): BrowserContext {
    if (!this.#context) throw new Error('the browser does not run');
    return this.#context;
  }

  /** Quits the browser and starts it again with its tabs. */
  async restoreSession(): Promise<void> {
    await this.#context?.close();
    await this.#start(['--restore-last-session']);
  }

  async #start(flags: readonly string[]): Promise<void> {
    this.#context = await launchProfile(join(this.#folder, 'profile'), {
      flags: [`--load-extension=${this.#folder}`, ...flags],
    });
  }

  /** @returns the page that came with it */
  async duplicate(path: string): Promise<Page> {
    return this.#newPage(
      async (api, id) => api.evaluate((tab) => chrome.tabs.duplicate(tab), id),
      path,
    );
  }

  /** Closes the tab and reopens it, like Ctrl+W and Ctrl+Shift+T. */
  async closeAndReopen(path: string): Promise<Page> {
    return this.#newPage(async (api, id) => {
      await api.evaluate((tab) => chrome.tabs.remove(tab), id);
      // The list of closed tabs is written a moment after the tab has gone.
      await api.evaluate(async () => {
        for (let i = 0; ; i += 1) {
          try {
            await chrome.sessions.restore();
            return;
          } catch (error) {
            if (i === 100) throw error;
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        }
      });
    }, path);
  }

  /** The reload button. It also works on a tab that has crashed. */
  async reload(path: string): Promise<void> {
    const api = await this.#api();
    await api.evaluate((id) => chrome.tabs.reload(id), await this.#tabId(path));
  }

  /** Resolves when the tab has a title that begins like this. */
  async waitForTitle(path: string, start: string): Promise<void> {
    const api = await this.#api();
    await api.evaluate(
      async ([part, wanted]) => {
        for (let i = 0; ; i += 1) {
          const titles = (await chrome.tabs.query({}))
            .filter(({ url }) => url.endsWith(part))
            .map(({ title }) => title);
          if (titles.some((title) => title.startsWith(wanted))) return;
          if (i === 300) throw new Error(`not "${wanted}" but ${JSON.stringify(titles)}`);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      },
      [path, start] as const,
    );
  }

  async close(): Promise<void> {
    await this.#context?.close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  async #newPage(act: (api: Worker, tab: number) => Promise<void>, path: string): Promise<Page> {
    const api = await this.#api();
    const tab = await this.#tabId(path);
    const [page] = await Promise.all([this.context.waitForEvent('page'), act(api, tab)]);
    await page.waitForSelector('html[data-ready="true"]', { state: 'attached' });
    return page;
  }

  async #tabId(path: string): Promise<number> {
    const api = await this.#api();
    const id = await api.evaluate(
      async (part) => (await chrome.tabs.query({})).find(({ url }) => url.endsWith(part))?.id,
      path,
    );
    if (id === undefined) throw new Error(`no tab shows ${path}`);
    return id;
  }

  async #api(): Promise<Worker> {
    return this.context.serviceWorkers()[0] ?? this.context.waitForEvent('serviceworker');
  }
}
