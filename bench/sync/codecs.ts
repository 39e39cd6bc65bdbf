/**
 * Which codecs tolerate a frame tag, and in which browser: a page sends itself frames with a tag
 * appended and reads the number in each decoded frame, once with a receiver that strips the tag and
 * once with a receiver that can't.
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
  /**
   * Decoded frames in the same time: without a tag, with the tag stripped, and with the tag left on.
   * `untagged` is 0 where the browser does not send or decode this codec.
   */
  readonly untagged: number;
  readonly stripped: number;
  readonly unstripped: number;
  /** Frames that arrived with their tag, where the receiver strips it. */
  readonly tags: number;
}

/** Counted from the first decoded frame. */
const READ_MS = 3_000;
/** By then even a slow machine has decoded its first AV1 frame. */
const FIRST_FRAME_MS = 8_000;

interface LoopbackOptions {
  readonly codec: Codec;
  /** Bytes that the sender appends to each frame. */
  readonly trailer: readonly number[];
  /** Whether the receiver removes the trailer; otherwise it has no transform. */
  readonly strips: boolean;
  readonly readMs: number;
  readonly firstFrameMs: number;
}

interface LoopbackResult {
  /** Frames in which the number could be read. */
  readonly frames: number;
  readonly tags: number;
}

export async function measureCodecs(log: (line: string) => void): Promise<CodecRow[]> {
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
          log(`codecs: ${JSON.stringify(row)}`);
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
  const times = { readMs: READ_MS, firstFrameMs: FIRST_FRAME_MS };
  const read = async (trailer: readonly number[], strips: boolean) =>
    page.evaluate(countFrames, { codec, trailer, strips, ...times });
  const trailer = [...new Uint8Array(tag)];
  const untagged = await read([], false);
  const { frames, tags } = await read(trailer, true);
  const left = await read(trailer, false);
  return {
    codec,
    browser,
    untagged: untagged.frames,
    stripped: frames,
    unstripped: left.frames,
    tags,
  };
}

/** Runs in the page. */
async function countFrames(loop: LoopbackOptions): Promise<LoopbackResult> {
  const { codec, trailer, strips, readMs, firstFrameMs } = loop;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [320, 180];
  const context = canvas.getContext('2d', { alpha: false });
  const track = canvas.captureStream().getVideoTracks()[0];
  const known = RTCRtpReceiver.getCapabilities('video')?.codecs ?? [];
  const wanted = known.filter(({ mimeType }) => mimeType.toUpperCase() === `VIDEO/${codec}`);
  if (!context || !track || wanted.length === 0) return { frames: 0, tags: 0 };
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
      if (options === 'append') {
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
  let frames = 0;
  let tags = 0;
  worker.addEventListener('message', () => {
    if (frames > 0) tags += 1;
  });
  const [from, to] = [new RTCPeerConnection(), new RTCPeerConnection()];
  /** The description with all candidates. */
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
      transceiver.sender.transform = new RTCRtpScriptTransform(worker, 'append');
    }
    to.addEventListener('track', ({ receiver }) => {
      if (strips) receiver.transform = new RTCRtpScriptTransform(worker, 'strip');
      video.srcObject = new MediaStream([receiver.track]);
      void video.play();
    });
    await to.setRemoteDescription(await describe(from));
    await from.setRemoteDescription(await describe(to));
    await new Promise<void>((resolve) => {
      let last: number | undefined;
      setTimeout(() => frames === 0 && resolve(), firstFrameMs);
      const look = () => {
        video.requestVideoFrameCallback(look);
        const shown = barcode.readFrom(video);
        if (shown === undefined || shown === last) return;
        if (frames === 0) setTimeout(resolve, readMs);
        last = shown;
        frames += 1;
      };
      video.requestVideoFrameCallback(look);
    });
  } catch {
    // The browser lists the codec but can't send it.
  } finally {
    clearInterval(painting);
    from.close();
    to.close();
    worker.terminate();
    URL.revokeObjectURL(url);
    track.stop();
    video.remove();
  }
  return { frames, tags };
}
