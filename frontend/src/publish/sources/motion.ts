import { clearTopic, once, type OverlaySource, sendShapes } from './source.ts';

const topic = 'motion';
const ttlMs = 1000;
/** Analyses every frame of a camera with 30 frames/s, and every second frame at 60 frames/s. */
const everyMs = 25;

export const motion: OverlaySource = {
  id: 'motion',
  name: 'Motion',
  description: 'A box around everything that moves in your picture.',
  start(context) {
    const stop = context.analyse(
      () => new Worker(new URL('./motion-worker.ts', import.meta.url), { type: 'module' }),
      everyMs,
      ({ shapes, frameId }) => sendShapes(context, topic, shapes, { ttlMs, frame: frameId }),
    );
    return once(() => {
      stop();
      clearTopic(context, topic);
    });
  },
};
