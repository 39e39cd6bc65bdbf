/**
 * Numbers the camera's frames, tags every encoded frame with the number of its captured one, and
 * hands captured frames to whoever analyses them. Nothing here takes long: encoded frames wait for it.
 */
import { CapturedFrames } from './captured-frames.ts';
import type { ToSendWorker, WorkerReady } from './messages.ts';
import { Numbering } from './numbering.ts';
import { SentPictures } from './sent-pictures.ts';
import { appendTag, TAGGABLE_CODECS } from './tag.ts';
import { onEncodedFrames } from './transform.ts';

const wall = (at: number) => performance.timeOrigin + at;
const numbering = new Numbering(wall);
const captured = new CapturedFrames((frame) =>
  numbering.captured(frame.timestamp, performance.now()),
);

/** Where the page is handed no captured frames. */
let sent: SentPictures | undefined;

onEncodedFrames((options, askForKeyFrame) => {
  // Not every browser says with the frame what it was encoded with.
  const told = typeof options === 'string' ? options : '';
  return (frame) => {
    const metadata = frame.getMetadata();
    const codec = (metadata.mimeType ?? told).toLowerCase();
    if (!TAGGABLE_CODECS.includes(codec)) return;
    const now = performance.now();
    const ssrc = metadata.synchronizationSource ?? 0;
    const rtpTimestamp = metadata.rtpTimestamp ?? frame.timestamp;
    const isKey = frame.type === 'key';
    const tag = sent
      ? sent.take({ ssrc, rtpTimestamp, isKey, data: frame.data }, now, askForKeyFrame)
      : numbering.encoded({ ssrc, rtpTimestamp, width: metadata.width ?? 0 }, now);
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
    case 'preview':
      return sent?.followPreview(data.port);
    case 'uncaptured':
      sent = new SentPictures(captured, wall);
      return;
    default:
      return data satisfies never;
  }
});

const ready: WorkerReady = { kind: 'ready' };
postMessage(ready);
