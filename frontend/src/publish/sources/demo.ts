import type { FrameId, Shape } from '#protocol/overlay.ts';
import { clearTopic, once, type OverlaySource, sendShapes } from './source.ts';

const topic = 'demo';
const intervalMs = 1000;
const ttlMs = 3000;
/** A captured frame older than this is not the present one. */
const freshMs = 100;
const words = ['hello', 'live', 'everywhere', 'in sync', 'on air', 'right now'] as const;

/** The shapes of one message; `tick` counts the seconds. */
export function demoShapes(tick: number, time: Date): Shape[] {
  // Two speeds with no common period, so that the box wanders instead of repeating one loop.
  const x = 0.4 + 0.35 * Math.sin(tick * 0.7);
  const y = 0.4 + 0.25 * Math.sin(tick * 0.45 + 1);
  return [
    { type: 'text', x: 0.02, y: 0.02, size: 0.06, text: clock(time) },
    { type: 'label', x: 0.8, y: 0.15, text: words[tick % words.length] ?? words[0] },
    { type: 'box', x, y, width: 0.2, height: 0.25, label: `box ${tick}`, id: 'demo-box' },
  ];
}

function clock(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}

export const demo: OverlaySource = {
  id: 'demo',
  name: 'Demo',
  description: 'The time, a word and a box that moves about, once a second.',
  start(context) {
    let tick = 0;
    let latest: FrameId | undefined;
    const stopFrames = context.onFrame((frameId) => {
      latest = frameId;
    });
    const send = () => {
      const now = context.now();
      // A shared screen that does not change delivers no new frames.
      const isFresh = latest?.capturedAt !== undefined && now - latest.capturedAt < freshMs;
      const shapes = demoShapes(tick, new Date(now));
      sendShapes(context, topic, shapes, { ttlMs, frame: isFresh ? latest : undefined });
      tick += 1;
    };
    send();
    const timer = setInterval(send, intervalMs);
    return once(() => {
      stopFrames();
      clearInterval(timer);
      clearTopic(context, topic);
    });
  },
};
