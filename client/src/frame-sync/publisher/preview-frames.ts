/** Frames of the preview's <video>, for browsers that give no captured frames. */
import type { AnalyserWants, FrameImage } from '../messages.ts';
import { wallTime } from '../wall-time.ts';
import { onTicks } from '../../media/ticks.ts';
import { AnalyserPort } from './analyser-port.ts';

/** Every second frame of a camera at 30/s, and every frame of one at 15/s. */
const MIN_INTERVAL_MS = 55;
/** How often a hidden page looks whether a frame is due. */
const TICK_MS = 40;
/** Above the distance of frames at 15/s; together with the worker's tick still below 100 ms. */
const PATIENCE_MS = 75;

/**
 * Passes the frames that a preview shows to an analyser's port, with their time and no number.
 * Returns a function that stops it.
 */
export function passPreviewFrames(
  video: HTMLVideoElement,
  messagePort: MessagePort,
  wants: AnalyserWants,
): () => void {
  const port = new AnalyserPort(messagePort, wants);
  const pass = async (capturedAt: number) => {
    if (video.videoWidth === 0 || !port.reserve(performance.now())) return;
    try {
      const image = wants.images ? await imageOf(video) : undefined;
      port.send(image, { capturedAt: wallTime(capturedAt) });
    } catch {
      // The video has lost its frame in the meantime.
      port.release();
    }
  };
  const stop = onVideoFrames(video, (capturedAt) => void pass(capturedAt));
  return () => {
    stop();
    port.close();
  };
}

async function imageOf(video: HTMLVideoElement): Promise<FrameImage> {
  if (typeof VideoFrame === 'undefined') return createImageBitmap(video);
  // Not every browser gives the frame of a stream a time of its own, and the constructor needs one.
  return new VideoFrame(video, { timestamp: Math.round(performance.now() * 1000) });
}

/**
 * Calls back about 10 to 15 times a second with the time at which the video's current frame was
 * captured (`performance.now()` scale), also while the tab is hidden. Returns a function that stops it.
 *
 * A visible page gets a callback for each new frame (`requestVideoFrameCallback`). A hidden one does
 * not, and its timers run once a second; there a worker's ticks take over when no frame was reported
 * for a while. The video element itself goes on and can still be drawn to a canvas.
 */
function onVideoFrames(
  video: HTMLVideoElement,
  listener: (capturedAt: number) => void,
): () => void {
  let lastAt = -Infinity;
  const report = (capturedAt: number, atLeastMs: number) => {
    const now = performance.now();
    if (now - lastAt < atLeastMs) return;
    lastAt = now;
    listener(capturedAt);
  };

  let handle: number | undefined;
  const awaitFrame = () => {
    handle = video.requestVideoFrameCallback?.((_now, metadata) => {
      awaitFrame();
      report(captureTimeOf(metadata), MIN_INTERVAL_MS);
    });
  };
  awaitFrame();
  const stopTicks = onTicks(TICK_MS, () => report(performance.now(), PATIENCE_MS));

  return () => {
    stopTicks();
    if (handle !== undefined) video.cancelVideoFrameCallback(handle);
  };
}

/** Only some browsers report when a local camera's frame was captured; an impossible time is ignored. */
function captureTimeOf({ captureTime }: VideoFrameCallbackMetadata): number {
  const now = performance.now();
  const isPlausible = captureTime !== undefined && captureTime <= now && now - captureTime < 1000;
  return isPlausible ? captureTime : now;
}
