/**
 * Cameras whose every frame carries its number as a barcode: a y4m file for Chromium, and a canvas
 * in the page for browsers whose pretended camera can't play a file.
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BARCODE, barcodeCells, barcodeScript } from './barcode.ts';

/** As large as three simulcast layers need. */
export const BARCODE_CAMERA = { width: 960, height: 540, fps: 30 } as const;

export interface CameraSize {
  readonly width: number;
  readonly height: number;
}

const BACKGROUND = 128;

/** The file's path; made once per machine and size, 140 MB for the usual one. */
export function barcodeCameraFile({ width, height }: CameraSize = BARCODE_CAMERA): string {
  const { fps } = BARCODE_CAMERA;
  const square = Math.round(height / 6);
  const folder = join(tmpdir(), 'onecast-tests');
  const path = join(folder, `barcode-v1-${width}x${height}-${BARCODE.cycle}.y4m`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const partial = `${path}.${process.pid}`;
  const file = openSync(partial, 'w');
  writeSync(file, `YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`);
  const frame = Buffer.alloc((width * height * 3) / 2, BACKGROUND);
  for (let number = 0; number < BARCODE.cycle; number += 1) {
    frame.fill(BACKGROUND, 0, width * height);
    const rect = (left: number, top: number, wide: number, high: number, level: number) => {
      for (let y = top; y < top + high; y += 1) {
        frame.fill(level, y * width + left, y * width + left + wide);
      }
    };
    barcodeCells(number).forEach((isLight, i) => {
      rect(
        Math.round((BARCODE.left + (i % BARCODE.columns) * BARCODE.cellWidth) * width),
        Math.round((BARCODE.top + Math.floor(i / BARCODE.columns) * BARCODE.cellHeight) * height),
        Math.round(BARCODE.cellWidth * width),
        Math.round(BARCODE.cellHeight * height),
        isLight ? BARCODE.light : BARCODE.dark,
      );
    });
    // Something that moves smoothly below it, as most of a real picture does.
    const way = Math.abs((number / BARCODE.cycle) * 2 - 1);
    rect(Math.round(way * (width - square)), Math.round(height * 0.75), square, square, 200);
    writeSync(file, 'FRAME\n');
    writeSync(file, frame);
  }
  closeSync(file);
  renameSync(partial, path);
  return path;
}

/** To be run in a page before its own scripts: cameras it opens are a canvas with the barcode. */
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
  // A canvas does not say its size as a camera does, and the simulcast layers are chosen by it.
  const settings = track.getSettings.bind(track);
  track.getSettings = () => ({ ...settings(), width, height, frameRate: fps });
  return stream;
}
