/** Servers and browsers that Vitest starts before the tests of a `describe` and stops after them. */
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { type Host, TestNetwork } from '../network/test-network.ts';
import { ServerProcess, type ServerProcessOptions } from '../server/server-process.ts';
import {
  insecureOriginFlag,
  type LaunchOptions,
  launchBrowser,
  type OpenedPage,
  openPage,
} from './browser.ts';

/** A server in a process of its own and one browser; both exist from `beforeAll` on. */
export class SharedSite {
  #server: ServerProcess | undefined;
  #browser: Browser | undefined;

  constructor(server: ServerProcessOptions, browser: LaunchOptions) {
    beforeAll(async () => {
      this.#server = await ServerProcess.start(server);
      this.#browser = await launchBrowser(browser);
    });
    afterAll(async () => {
      await this.#browser?.close();
      await this.#server?.stop();
    });
  }

  get server(): ServerProcess {
    if (!this.#server) throw new Error('the server does not run');
    return this.#server;
  }

  get browser(): Browser {
    if (!this.#browser) throw new Error('the browser does not run');
    return this.#browser;
  }

  /** Opens a path of the server; without `context` in a browser context of its own. */
  async open(path: string, context?: BrowserContext): Promise<OpenedPage> {
    return openPage(context ?? (await this.browser.newContext()), `${this.server.url}${path}`);
  }
}

export const sharedSite = (
  server: ServerProcessOptions = {},
  browser: LaunchOptions = {},
): SharedSite => new SharedSite(server, browser);

/** A test network with a server on its host and one browser on each other host. */
export class SharedNetwork {
  #network: TestNetwork | undefined;
  #server: ServerProcess | undefined;
  #browsers: readonly Browser[] = [];

  constructor(hosts: number) {
    beforeAll(async () => {
      const network = new TestNetwork(hosts);
      this.#network = network;
      const { serverPrefix: prefix, serverAddress: address } = network;
      const server = await ServerProcess.start({ prefix, address });
      this.#server = server;
      const flags = [insecureOriginFlag(server.url)];
      this.#browsers = await Promise.all(network.hosts.map((on) => launchBrowser({ on, flags })));
    });
    afterAll(async () => {
      for (const browser of this.#browsers) await browser.close();
      await this.#server?.stop();
      this.#network?.close();
    });
  }

  get server(): ServerProcess {
    if (!this.#server) throw new Error('the server does not run');
    return this.#server;
  }

  /** The host with this index, from 0. @throws when there is none */
  host(index: number): Host {
    const host = this.#network?.hosts[index];
    if (!host) throw new Error(`there is no host ${index}`);
    return host;
  }

  /** The browser on the host with this index, from 0. @throws when there is none */
  browser(index: number): Browser {
    const browser = this.#browsers[index];
    if (!browser) throw new Error(`there is no browser ${index}`);
    return browser;
  }
}

export const sharedNetwork = (hosts: number): SharedNetwork => new SharedNetwork(hosts);
