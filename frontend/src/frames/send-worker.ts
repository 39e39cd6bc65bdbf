/**
 * Numbers the camera's frames, tags every encoded frame with the number of its captured one, and
 * hands captured frames to whoever analyses them. Nothing here takes long: encoded frames wait for it.
 */
import { CapturedFrames } from './captured-frames.ts';
import type { ToSendWorker, WorkerReady } from './messages.ts';
import { Numbering } from './numbering.ts';
import { appendTag, TAGGABLE_CODECS } from './tag.ts';
import { onEncodedFrames } from './transform.ts';

const numbering = new Numbering((at) => performance.timeOrigin + at);
const captured = new CapturedFrames((frame) =>
  numbering.captured(frame.timestamp, performance.now()),
);

onEncodedFrames((options) => {
  // Not every browser says with the frame what it was encoded with.
  const told = typeof options === 'string' ? options : '';
  return (frame) => {
    const metadata = frame.getMetadata();
    const codec = (metadata.mimeType ?? told).toLowerCase();
    if (!TAGGABLE_CODECS.includes(codec)) return;
    const tag = numbering.encoded(
      {
        ssrc: metadata.synchronizationSource ?? 0,
        rtpTimestamp: metadata.rtpTimestamp ?? frame.timestamp,
        width: metadata.width ?? 0,
      },
      performance.now(),
    );
    frame.data = appendTag(frame.data, tag);
  };
});

addEventListener('message', ({ data }: MessageEvent<ToSendWorker>) => {
  switch (data.kind) {
    case 'camera':
      return captured.read(data.frames);
    case 'analyser':
      return captured.add(data.id, data.port, data.wants);
    case 'forget':
      return captured.forget(data.id);
    default:
      return data satisfies never;
  }
});

const ready: WorkerReady = { kind: 'ready' };
postMessage(ready);
