/**
 * Which codecs bear a tag, and in which browser: a page sends itself frames with the tag behind them
 * and reads the number on each picture that comes out, once with a viewer that takes the tag off and
 * once with one that can't.
 */
import { appendTag } from '#client/frame-sync/tag.ts';
import { barcodeCameraFile } from '#testkit/media/barcode-camera.ts';
import { TestNetwork } from '#testkit/network/test-network.ts';
import { barcodeScript } from '#testkit/media/barcode.ts';
import { type BenchPage, type BrowserName, launch } from './pages.ts';

export const CODECS = ['VP8', 'VP9', 'H264', 'AV1'] as const;
export type Codec = (typeof CODECS)[number];

export interface CodecRow {
  readonly codec: Codec;
  readonly browser: BrowserName;
  /** Pictures read in the same time; 0 without a tag: the browser does not send or decode this codec. */
  readonly untagged: number;
  readonly takenOff: number;
  readonly leftOn: number;
  /** Frames that came with their tag, where it was taken off. */
  readonly tags: number;
}

/** After the first picture. */
const READ_MS = 3_000;
/** A slow machine has its first picture of AV1 by then. */
const FIRST_PICTURE_MS = 8_000;

interface Loop {
  readonly codec: Codec;
  /** Put behind each frame by the sender. */
  readonly trailer: readonly number[];
  /** Whether the receiver takes it off where it finds it; else it has no transform. */
  readonly takesOff: boolean;
  readonly readMs: number;
  readonly firstPictureMs: number;
}

interface Read {
  readonly pictures: number;
  readonly tags: number;
}

export async function measureCodecs(say: (line: string) => void): Promise<CodecRow[]> {
  const network = new TestNetwork(1);
  const rows: CodecRow[] = [];
  try {
    const [host] = network.hosts;
    if (!host) throw new Error('no host');
    for (const name of ['chromium', 'firefox'] as const) {
      const browser = await launch(name, host, 'http://127.0.0.1', barcodeCameraFile());
      try {
        const page = await browser.open('about:blank', barcodeScript());
        for (const codec of CODECS) {
          const row = await measure(page, name, codec);
          rows.push(row);
          say(`codecs: ${JSON.stringify(row)}`);
        }
      } finally {
        await browser.close();
      }
    }
  } finally {
    network.close();
  }
  return rows;
}

async function measure(page: BenchPage, browser: BrowserName, codec: Codec): Promise<CodecRow> {
  const tag = appendTag(new ArrayBuffer(0), { number: 7, capturedAt: Date.now() });
  const times = { readMs: READ_MS, firstPictureMs: FIRST_PICTURE_MS };
  const read = async (trailer: readonly number[], takesOff: boolean) =>
    page.evaluate(readPictures, { codec, trailer, takesOff, ...times });
  const trailer = [...new Uint8Array(tag)];
  const untagged = await read([], false);
  const { pictures, tags } = await read(trailer, true);
  const left = await read(trailer, false);
  return {
    codec,
    browser,
    untagged: untagged.pictures,
    takenOff: pictures,
    leftOn: left.pictures,
    tags,
  };
}

/** Runs in the page. */
async function readPictures(loop: Loop): Promise<Read> {
  const { codec, trailer, takesOff, readMs, firstPictureMs } = loop;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [320, 180];
  const context = canvas.getContext('2d', { alpha: false });
  const track = canvas.captureStream().getVideoTracks()[0];
  const known = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const wanted = known.filter(({ mimeType }) => mimeType.toUpperCase() === `VIDEO/${codec}`);
  if (!context || !track || wanted.length === 0) return { pictures: 0, tags: 0 };
  let number = 0;
  const painting = setInterval(() => {
    context.fillStyle = 'rgb(128 128 128)';
    context.fillRect(0, 0, canvas.width, canvas.height);
    number = (number + 1) % barcode.cycle;
    barcode.paint(context, number);
  }, 33);
  const script = `onrtctransform = ({ transformer: { readable, writable, options } }) => {
    const trailer = ${JSON.stringify(trailer)};
    const transform = (frame, controller) => {
      const data = new Uint8Array(frame.data);
      const end = data.length - trailer.length;
      if (options === 'put') {
        const made = new Uint8Array(data.length + trailer.length);
        made.set(data);
        made.set(trailer, data.length);
        frame.data = made.buffer;
      } else if (end > 0 && trailer.every((byte, i) => data[end + i] === byte)) {
        frame.data = data.slice(0, end).buffer;
        postMessage('tag');
      }
      controller.enqueue(frame);
    };
    readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {});
  };`;
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = new Worker(url);
  let pictures = 0;
  let tags = 0;
  worker.addEventListener('message', () => {
    if (pictures > 0) tags += 1;
  });
  const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
  /** With all its candidates in it. */
  const describe = async (end: RTCPeerConnection) => {
    const gathered = new Promise<void>((resolve) => {
      end.addEventListener('icecandidate', ({ candidate }) => candidate ?? resolve());
    });
    await end.setLocalDescription();
    await gathered;
    if (!end.localDescription) throw new Error('no description');
    return end.localDescription;
  };
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  try {
    const transceiver = from.addTransceiver(track, { direction: 'sendonly' });
    transceiver.setCodecPreferences(wanted);
    if (trailer.length > 0) {
      transceiver.sender.transform = new RTCRtpScriptTransform(worker, 'put');
    }
    to.addEventListener('track', ({ receiver }) => {
      if (takesOff) receiver.transform = new RTCRtpScriptTransform(worker, 'take');
      video.srcObject = new MediaStream([receiver.track]);
      void video.play();
    });
    await to.setRemoteDescription(await describe(from));
    await from.setRemoteDescription(await describe(to));
    await new Promise<void>((resolve) => {
      let last: number | undefined;
      setTimeout(() => pictures === 0 && resolve(), firstPictureMs);
      const look = () => {
        video.requestVideoFrameCallback(look);
        const shown = barcode.readFrom(video);
        if (shown === undefined || shown === last) return;
        if (pictures === 0) setTimeout(resolve, readMs);
        last = shown;
        pictures += 1;
      };
      video.requestVideoFrameCallback(look);
    });
  } catch {
    // The browser names the codec and can't send it.
  } finally {
    clearInterval(painting);
    from.close();
    to.close();
    worker.terminate();
    URL.revokeObjectURL(url);
    track.stop();
    video.remove();
  }
  return { pictures, tags };
}
