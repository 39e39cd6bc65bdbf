/** Server, publisher and viewer on a host each, with a line of any quality to the viewer. */
import { BARCODE_CAMERA, barcodeCameraFile } from '#testkit/media/barcode-camera.ts';
import { TestNetwork } from '#testkit/network/test-network.ts';
import { EmulatedLink, type LinkQuality } from '#testkit/network/emulated-link.ts';
import { ObservedServer } from '#testkit/server/observed-server.ts';
import { type BenchBrowser, type BenchPage, type BrowserName, launch, until } from './pages.ts';
import { publisherScript } from './publisher.ts';
import { viewerScript } from './viewer.ts';

const ROOM = 'sync';

/**
 * - `single`: a picture so small that it goes out in one layer
 * - `switching`: three layers; the viewer is put on another one every two seconds
 */
export type Layers = 'single' | 'switching';

export interface StageOptions {
  readonly publisher: BrowserName;
  readonly viewer: BrowserName;
  readonly layers: Layers;
  /** Of the viewer's line; undefined for one without any delay or loss of its own. */
  readonly line: LinkQuality | undefined;
  /** Without them the pages find a browser that knows nothing of encoded and captured frames. */
  readonly transforms?: boolean;
}

export interface Stage {
  readonly server: ObservedServer;
  readonly publisher: BenchPage;
  readonly viewer: BenchPage;
  readonly browsers: { readonly publisher: BenchBrowser; readonly viewer: BenchBrowser };
  close(): Promise<void>;
}

const SIZES = {
  single: { width: 320, height: 180 },
  switching: { width: BARCODE_CAMERA.width, height: BARCODE_CAMERA.height },
} as const;

const WITHOUT_TRANSFORMS = `delete globalThis.RTCRtpScriptTransform;
delete globalThis.MediaStreamTrackProcessor;
`;

export async function openStage(options: StageOptions): Promise<Stage> {
  const first = options.transforms === false ? WITHOUT_TRANSFORMS : '';
  const closers: (() => unknown)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).toReversed()) {
      await Promise.resolve(closer()).catch((error: unknown) => console.error(error));
    }
  };
  try {
    const network = new TestNetwork(2);
    closers.push(() => network.close());
    const [publisherHost, viewerHost] = network.hosts;
    if (!publisherHost || !viewerHost) throw new Error('no hosts');
    const server = await ObservedServer.start({
      prefix: network.serverPrefix,
      address: network.serverAddress,
    });
    closers.push(() => server.stop());
    if (options.line) {
      const line = await EmulatedLink.between(network, viewerHost);
      closers.push(() => line.close());
      await line.set(options.line);
    }
    const size = SIZES[options.layers];
    const camera = barcodeCameraFile(size);
    const open = async (name: BrowserName, on: typeof viewerHost) => {
      const browser = await launch(name, on, server.url, camera);
      closers.push(() => browser.close());
      return browser;
    };
    const browsers = {
      publisher: await open(options.publisher, publisherHost),
      viewer: await open(options.viewer, viewerHost),
    };
    const publisher = await browsers.publisher.open(
      `${server.url}/publish/${ROOM}?debug`,
      first + publisherScript(options.publisher, size),
    );
    await ready(publisher);
    await publisher.click('#start');
    await live(publisher);
    const viewer = await browsers.viewer.open(
      `${server.url}/join/${ROOM}?debug`,
      first + viewerScript(),
    );
    await ready(viewer);
    await live(viewer);
    return { server, publisher, viewer, browsers, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function ready(page: BenchPage): Promise<void> {
  await until(page, 'scripts have run', () => document.documentElement.dataset['ready'], undefined);
}

async function live(page: BenchPage): Promise<void> {
  const look = () =>
    document.querySelector<HTMLElement>('#status')?.dataset['status'] === 'live' || undefined;
  await until(page, 'live', look, undefined);
}
