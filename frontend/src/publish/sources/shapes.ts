import type { FrameId, Shape } from '#protocol/overlay.ts';
import type { OverlaySourceContext } from './types.ts';

/** A list of shapes as a message, of this frame or of the present. */
export function sendShapes(
  context: OverlaySourceContext,
  topic: string,
  shapes: Shape[],
  { ttlMs, frame }: { ttlMs: number; frame?: FrameId | undefined },
): void {
  const capturedAt = frame?.capturedAt ?? context.now();
  context.send({ kind: 'shapes', topic, capturedAt, ttlMs, shapes, ...(frame && { frame }) });
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
