import type { AnalyserWants, Picture, ToAnalyser } from './messages.ts';
import { onVideoFrames } from './frame-clock.ts';

/**
 * Passes the frames that a preview shows to an analyser's port, with their time and no number.
 * Returns what ends it.
 */
export function passPreviewFrames(
  video: HTMLVideoElement,
  port: MessagePort,
  wants: AnalyserWants,
): () => void {
  let idle = true;
  let lastAt = -Infinity;
  port.addEventListener('message', () => {
    idle = true;
  });
  port.start();

  const pass = async (capturedAt: number) => {
    const now = performance.now();
    if (!idle || now - lastAt < wants.everyMs || video.videoWidth === 0) return;
    idle = false;
    lastAt = now;
    try {
      const picture = wants.frames ? await pictureOf(video) : undefined;
      const name = { capturedAt: performance.timeOrigin + capturedAt };
      const message: ToAnalyser = { picture, name };
      port.postMessage(message, picture ? [picture] : []);
    } catch {
      // The picture went away meanwhile: the next one will do.
      idle = true;
    }
  };
  const stop = onVideoFrames(video, (capturedAt) => void pass(capturedAt));
  return () => {
    stop();
    port.close();
  };
}

async function pictureOf(video: HTMLVideoElement): Promise<Picture> {
  if (typeof VideoFrame === 'undefined') return createImageBitmap(video);
  // A frame of a stream has no time of its own in every browser, and the constructor wants one.
  return new VideoFrame(video, { timestamp: Math.round(performance.now() * 1000) });
}
