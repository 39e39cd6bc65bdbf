/**
 * Cameras whose every frame carries its number as a barcode: a y4m file for Chromium, and a canvas
 * in the page for browsers whose fake camera can't play a file.
 */
import { BARCODE, barcodeCells, barcodeScript } from './barcode.ts';
import { type CameraSize, fillLuma, greyFrame, y4mFile } from './y4m.ts';

/** The smallest size at which pages send three simulcast layers. */
export const BARCODE_CAMERA = { width: 960, height: 540, fps: 30 } as const;

const BACKGROUND = 128;

/** Path of the file; 140 MB at the usual size. */
export function barcodeCameraFile(size: CameraSize = BARCODE_CAMERA): string {
  const { width, height } = size;
  const { fps } = BARCODE_CAMERA;
  const name = `barcode-v1-${width}x${height}-${BARCODE.cycle}`;
  return y4mFile(name, { width, height, fps }, () => barcodeFrames(size));
}

function* barcodeFrames(size: CameraSize): Generator<Buffer> {
  const { width, height } = size;
  const square = Math.round(height / 6);
  for (let number = 0; number < BARCODE.cycle; number += 1) {
    const frame = greyFrame(size, BACKGROUND);
    barcodeCells(number).forEach((isLight, i) => {
      const rect = {
        left: Math.round((BARCODE.left + (i % BARCODE.columns) * BARCODE.cellWidth) * width),
        top: Math.round(
          (BARCODE.top + Math.floor(i / BARCODE.columns) * BARCODE.cellHeight) * height,
        ),
        width: Math.round(BARCODE.cellWidth * width),
        height: Math.round(BARCODE.cellHeight * height),
      };
      fillLuma(frame, size, rect, isLight ? BARCODE.light : BARCODE.dark);
    });
    // A square below the barcode moves smoothly, as most of a real video does.
    const way = Math.abs((number / BARCODE.cycle) * 2 - 1);
    const left = Math.round(way * (width - square));
    const rect = { left, top: Math.round(height * 0.75), width: square, height: square };
    fillLuma(frame, size, rect, 200);
    yield frame;
  }
}

/** A script to run before a page's own: every camera that the page opens is a canvas with the barcode. */
export function canvasCameraScript({ width, height }: CameraSize = BARCODE_CAMERA): string {
  const camera = { width, height, fps: BARCODE_CAMERA.fps };
  return `${barcodeScript()}
  (() => {
    const { width, height, fps } = ${JSON.stringify(camera)};
    ${openCanvasCamera.toString()}
    const { mediaDevices } = navigator;
    if (!mediaDevices) return;
    const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (constraints) =>
      constraints?.video ? openCanvasCamera(width, height, fps) : getUserMedia(constraints);
  })();`;
}

/** Runs in the page. */
function openCanvasCamera(width: number, height: number, fps: number): MediaStream {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) throw new Error('no canvas');
  const stream = canvas.captureStream();
  const track = stream.getVideoTracks()[0];
  if (!track) throw new Error('no track');
  const began = performance.now();
  let last = -1;
  const paint = () => {
    if (track.readyState === 'ended') return;
    const number = Math.floor(((performance.now() - began) * fps) / 1000);
    if (number !== last) {
      last = number;
      context.fillStyle = 'rgb(128 128 128)';
      context.fillRect(0, 0, width, height);
      barcode.paint(context, number % barcode.cycle);
      const way = Math.abs(((number % barcode.cycle) / barcode.cycle) * 2 - 1);
      context.fillStyle = 'rgb(200 200 200)';
      const square = height / 6;
      context.fillRect(way * (width - square), height * 0.75, square, square);
    }
    setTimeout(paint, Math.max(1, began + ((number + 1) * 1000) / fps - performance.now()));
  };
  paint();
  // A canvas track does not report its size as a camera does, and pages choose their simulcast
  // layers by it.
  const settings = track.getSettings.bind(track);
  track.getSettings = () => ({ ...settings(), width, height, frameRate: fps });
  return stream;
}
