/** Turns frames upright: their pixels, so that nobody has to know about the angle. */
import type { PageToUprightWorker } from '../messages.ts';
import { isTurned } from './turned.ts';

const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext('2d', { alpha: false });

/** Drawing a frame applies its angle. */
function upright(frame: VideoFrame): VideoFrame {
  if (!context || !isTurned(frame)) return frame;
  const { displayWidth, displayHeight, timestamp } = frame;
  if (canvas.width !== displayWidth) canvas.width = displayWidth;
  if (canvas.height !== displayHeight) canvas.height = displayHeight;
  context.drawImage(frame, 0, 0, displayWidth, displayHeight);
  frame.close();
  return new VideoFrame(canvas, { timestamp, alpha: 'discard' });
}

addEventListener('message', ({ data: { frames, to } }: MessageEvent<PageToUprightWorker>) => {
  const turn = new TransformStream<VideoFrame, VideoFrame>({
    transform: (frame, controller) => controller.enqueue(upright(frame)),
  });
  // The pipe ends with the camera's track, or with the track that it writes to.
  frames
    .pipeThrough(turn)
    .pipeTo(to)
    .catch(() => undefined);
});
