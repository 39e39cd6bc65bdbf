/** A worker that finds motion in captured frames. */
import { analyseFrames, sizeOf } from '#client/frame-sync/publisher/analyser-port.ts';
import { MotionDetector, toGrey } from './motion-detector.ts';

/** Enough pixels to find a hand; costs 1 ms per frame. */
const DETECTOR_WIDTH = 160;
/**
 * The detector is tuned for 15 frames per second, at which objects visibly move from frame to frame.
 * Two detectors that alternate give every frame of a camera with 30 frames/s its own boxes.
 */
const DETECTORS = 2;

const canvas = new OffscreenCanvas(1, 1);
// Every frame is read back, so the canvas is kept in memory and not on the graphics card.
const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
let detectors: MotionDetector[] = [];
let grey = new Uint8Array(0);
let turn = 0;

analyseFrames((image) => {
  if (!context) return undefined;
  const size = sizeOf(image);
  const width = Math.min(DETECTOR_WIDTH, size.width);
  const height = Math.max(1, Math.round((width * size.height) / size.width));
  if (detectors[0]?.width !== width || detectors[0].height !== height) {
    canvas.width = width;
    canvas.height = height;
    // Setting the size resets the context.
    context.imageSmoothingQuality = 'medium';
    detectors = Array.from({ length: DETECTORS }, () => new MotionDetector(width, height));
    grey = new Uint8Array(width * height);
  }
  context.drawImage(image, 0, 0, width, height);
  toGrey(context.getImageData(0, 0, width, height).data, grey);
  turn = (turn + 1) % DETECTORS;
  return detectors[turn]?.detect(grey).map((box) => ({ type: 'box' as const, ...box }));
});
