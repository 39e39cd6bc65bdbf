import type { Shape } from '#protocol/overlay.ts';
import type { FromSourceWorker, Picture, ToAnalyser, ToSourceWorker } from './messages.ts';

/**
 * To be called in the worker of an overlay source: `analyse` gets one captured frame at a time and
 * returns what is to be drawn on that very frame, or nothing. Frames that come while it is at work
 * are left out. The picture is closed afterwards.
 */
export function analyseFrames(
  analyse: (picture: Picture) => Shape[] | undefined | Promise<Shape[] | undefined>,
): void {
  addEventListener('message', ({ data: { port } }: MessageEvent<ToSourceWorker>) => {
    const look = async ({ picture, name }: ToAnalyser) => {
      try {
        const shapes = picture && (await analyse(picture));
        const answer: FromSourceWorker | undefined = shapes && { shapes, name };
        if (answer) postMessage(answer);
      } catch (error) {
        console.warn('onecast: a frame could not be analysed:', error);
      } finally {
        picture?.close();
        port.postMessage('next');
      }
    };
    port.addEventListener('message', ({ data }: MessageEvent<ToAnalyser>) => void look(data));
    port.start();
  });
}

/** Width and height in pixels. */
export function sizeOf(picture: Picture): { width: number; height: number } {
  return 'displayWidth' in picture
    ? { width: picture.displayWidth, height: picture.displayHeight }
    : picture;
}
