import type { OverlaySource } from './types.ts';
import { clearTopic, once, sendShapes } from './shapes.ts';

const topic = 'motion';
const ttlMs = 1000;
/** Every frame of a camera at 30/s, every second one at 60/s. */
const everyMs = 25;

export const motion: OverlaySource = {
  id: 'motion',
  name: 'Motion',
  description: 'Boxes around whatever moves in your picture.',
  start(context) {
    const stop = context.analyse(
      () => new Worker(new URL('./motion-worker.ts', import.meta.url), { type: 'module' }),
      everyMs,
      ({ shapes, name }) => sendShapes(context, topic, shapes, { ttlMs, frame: name }),
    );
    return once(() => {
      stop();
      clearTopic(context, topic);
    });
  },
};
