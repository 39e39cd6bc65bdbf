/** Looks for motion in captured frames. */
import { analyseFrames, sizeOf } from '#client/frame-sync/analyse-frames.ts';
import { MotionDetector, toGrey } from './motion-detector.ts';

/** Enough to find a hand, and 1 ms of work per frame. */
const DETECTOR_WIDTH = 160;
/**
 * The detector is made for 15 frames a second, where things have moved from one to the next. Two of
 * them, each for every second frame, and every frame of a camera at 30/s gets its own boxes.
 */
const DETECTORS = 2;

const canvas = new OffscreenCanvas(1, 1);
// Read back every frame: kept in memory rather than on the graphics card.
const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
let detectors: MotionDetector[] = [];
let grey = new Uint8Array(0);
let turn = 0;

analyseFrames((picture) => {
  if (!context) return undefined;
  const size = sizeOf(picture);
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
  context.drawImage(picture, 0, 0, width, height);
  toGrey(context.getImageData(0, 0, width, height).data, grey);
  turn = (turn + 1) % DETECTORS;
  return detectors[turn]?.detect(grey).map((box) => ({ type: 'box' as const, ...box }));
});
