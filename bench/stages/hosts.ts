/** A server, a publisher and a viewer, each on its own host (network namespace) of a test network. */
import type { Browser, Page } from 'playwright-core';
import { busyCameraFile } from '#testkit/media/cameras.ts';
import { launchBrowser, openPage } from '#testkit/browser/browser.ts';
import { EmulatedLink, type LinkQuality } from '#testkit/network/emulated-link.ts';
import { type Host, networkUnavailable, TestNetwork } from '#testkit/network/test-network.ts';
import { ServerProcess } from '#testkit/server/server-process.ts';
import { waitForStatus } from '#testkit/browser/shown-video.ts';

/** Runs what was registered in reverse order, once. A failure is logged and does not stop the rest. */
export class Closers {
  readonly #closers: (() => unknown)[] = [];

  add(closer: () => unknown): void {
    this.#closers.push(closer);
  }

  async close(): Promise<void> {
    for (const closer of this.#closers.splice(0).toReversed()) {
      await Promise.resolve()
        .then(closer)
        .catch((error: unknown) => console.error(error));
    }
  }
}

interface Server {
  readonly url: string;
  stop(): unknown;
}

export interface Hosts<S extends Server> {
  readonly server: S;
  readonly publisherHost: Host;
  readonly viewerHost: Host;
  readonly closers: Closers;
}

/**
 * @param startServer starts the server on its host
 * @throws where this machine has no network namespaces
 */
export async function openHosts<S extends Server>(
  startServer: (host: { prefix: readonly string[]; address: string }) => Promise<S>,
): Promise<Hosts<S> & { readonly network: TestNetwork }> {
  const unavailable = networkUnavailable();
  if (unavailable) throw new Error(`this part needs a network of its own: ${unavailable}`);
  const closers = new Closers();
  try {
    const network = new TestNetwork(2);
    closers.add(() => network.close());
    const [publisherHost, viewerHost] = network.hosts;
    if (!publisherHost || !viewerHost) throw new Error('the network has no hosts');
    const { serverPrefix: prefix, serverAddress: address } = network;
    const server = await startServer({ prefix, address });
    closers.add(() => server.stop());
    return { server, network, publisherHost, viewerHost, closers };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

/** Chromium treats pages of `url` as secure, as it does https. */
export function secureOriginFlag(url: string): string {
  return `--unsafely-treat-insecure-origin-as-secure=${url}`;
}

export interface BroadcastOptions {
  readonly room: string;
  readonly env: Readonly<Record<string, string>>;
  /** At the start; it can be changed while it runs. */
  readonly link: LinkQuality;
  /** The camera shows a video that is hard to encode. */
  readonly busyCamera?: boolean;
}

/** A live publisher in Chromium, and a second Chromium for viewers behind an emulated link. */
export interface Broadcast {
  readonly server: ServerProcess;
  readonly publisher: Page;
  readonly viewerBrowser: Browser;
  readonly viewerLink: EmulatedLink;
}

/** Opens a broadcast for `work` and closes it afterwards. */
export async function withBroadcast<T>(
  { room, env, link, busyCamera = false }: BroadcastOptions,
  work: (broadcast: Broadcast) => Promise<T>,
): Promise<T> {
  const hosts = await openHosts((host) => ServerProcess.start({ ...host, env }));
  const { server, network, publisherHost, viewerHost, closers } = hosts;
  try {
    const viewerLink = await EmulatedLink.between(network, viewerHost);
    closers.add(() => viewerLink.close());
    await viewerLink.set(link);
    const launch = async (on: Host) => {
      const browser = await launchBrowser({
        on,
        flags: [secureOriginFlag(server.url)],
        ...(busyCamera && { camera: busyCameraFile() }),
      });
      closers.add(() => browser.close());
      return browser;
    };
    const publisherBrowser = await launch(publisherHost);
    const viewerBrowser = await launch(viewerHost);
    const { page: publisher } = await openPage(
      await publisherBrowser.newContext(),
      `${server.url}/publish/${room}`,
    );
    await publisher.click('#start');
    await waitForStatus(publisher, 'live');
    return await work({ server, publisher, viewerBrowser, viewerLink });
  } finally {
    await closers.close();
  }
}
