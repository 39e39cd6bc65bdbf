/** Server, publisher and viewer each on a host, with a network link of any quality to the viewer. */
import { BARCODE_CAMERA, barcodeCameraFile } from '#testkit/media/barcode-camera.ts';
import { EmulatedLink, type LinkQuality } from '#testkit/network/emulated-link.ts';
import { ObservedServer } from '#testkit/server/observed-server.ts';
import { openHosts } from '../stages/hosts.ts';
import { type BenchBrowser, type BenchPage, type BrowserName, launch, until } from './pages.ts';
import { publisherScript } from './publisher.ts';
import { viewerScript } from './viewer.ts';

const ROOM = 'sync';

/**
 * - `single`: a video so small that it is sent in one layer
 * - `switching`: three layers; the viewer is switched to the next layer every two seconds
 */
export type Layers = 'single' | 'switching';

export interface SyncStageOptions {
  readonly publisher: BrowserName;
  readonly viewer: BrowserName;
  readonly layers: Layers;
  /** The viewer's link; undefined: without added delay or loss. */
  readonly link: LinkQuality | undefined;
  /** If false, the browsers appear to have no interfaces for encoded and captured frames. */
  readonly transforms?: boolean;
}

export interface SyncStage {
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

export async function openSyncStage(options: SyncStageOptions): Promise<SyncStage> {
  const first = options.transforms === false ? WITHOUT_TRANSFORMS : '';
  const hosts = await openHosts((host) => ObservedServer.start(host));
  const { server, network, publisherHost, viewerHost, closers } = hosts;
  try {
    if (options.link) {
      const link = await EmulatedLink.between(network, viewerHost);
      closers.add(() => link.close());
      await link.set(options.link);
    }
    const size = SIZES[options.layers];
    const camera = barcodeCameraFile(size);
    const open = async (name: BrowserName, on: typeof viewerHost) => {
      const browser = await launch(name, on, server.url, camera);
      closers.add(() => browser.close());
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
    return { server, publisher, viewer, browsers, close: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function ready(page: BenchPage): Promise<void> {
  await until(
    page,
    'the scripts to run',
    () => document.documentElement.dataset['ready'],
    undefined,
  );
}

async function live(page: BenchPage): Promise<void> {
  const look = () =>
    document.querySelector<HTMLElement>('#status')?.dataset['status'] === 'live' || undefined;
  await until(page, 'live', look, undefined);
}
