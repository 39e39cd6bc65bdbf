import type { OverlaySource, OverlaySourceContext } from '../types.ts';
import { onVideoFrames } from './frame-clock.ts';
import { MotionDetector, toGrey, type MotionBox } from './motion-detector.ts';
import { clearTopic, once, sendShapes } from './shapes.ts';

const topic = 'motion';
const ttlMs = 1000;
/** Enough to find a hand, and 1 ms of work per frame. */
const detectorWidth = 160;

export const motion: OverlaySource = {
  id: 'motion',
  name: 'Motion',
  description: 'Boxes around whatever moves in your picture.',
  start(context) {
    const watch = motionWatcher(context.video);
    const stop = onVideoFrames(context.video, (captured) => {
      const boxes = watch();
      if (!boxes) return;
      const shapes = boxes.map((box) => ({ type: 'box' as const, ...box }));
      sendShapes(context, topic, shapes, { ttlMs, capturedAt: wallClock(context, captured) });
    });
    return once(() => {
      stop();
      clearTopic(context, topic);
    });
  },
};

/** From the `performance.now()` scale to ms since 1970. */
function wallClock(context: OverlaySourceContext, at: number): number {
  return context.now() - (performance.now() - at);
}

/** Looks at the video's current frame; undefined while there is none. */
function motionWatcher(video: HTMLVideoElement): () => MotionBox[] | undefined {
  const canvas = document.createElement('canvas');
  // Read back every frame: kept in memory rather than on the graphics card.
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  if (!context) throw new Error('This browser gives no 2D canvas.');
  let detector: MotionDetector | undefined;
  let grey = new Uint8Array(0);
  return () => {
    const { videoWidth, videoHeight, readyState } = video;
    if (videoWidth === 0 || readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return undefined;
    const width = Math.min(detectorWidth, videoWidth);
    const height = Math.max(1, Math.round((width * videoHeight) / videoWidth));
    if (detector?.width !== width || detector.height !== height) {
      canvas.width = width;
      canvas.height = height;
      // Setting the size resets the context.
      context.imageSmoothingQuality = 'medium';
      detector = new MotionDetector(width, height);
      grey = new Uint8Array(width * height);
    }
    context.drawImage(video, 0, 0, width, height);
    toGrey(context.getImageData(0, 0, width, height).data, grey);
    return detector.detect(grey);
  };
}
