import type { Shape } from '#protocol/overlay.ts';
import type { OverlaySourceContext } from '../types.ts';

/** A list of shapes as a message, with the present as its time of capture unless told. */
export function sendShapes(
  context: OverlaySourceContext,
  topic: string,
  shapes: Shape[],
  { ttlMs, capturedAt = context.now() }: { ttlMs: number; capturedAt?: number },
): void {
  context.send({ kind: 'shapes', topic, capturedAt, ttlMs, shapes });
}

/** What a source sends last. */
export function clearTopic(context: OverlaySourceContext, topic: string): void {
  context.send({ kind: 'shapes', topic, capturedAt: context.now(), shapes: [] });
}

/** Wraps a stop function so that only its first call does something. */
export function once(stop: () => void): () => void {
  let stopped = false;
  return () => {
    if (stopped) return;
    stopped = true;
    stop();
  };
}
