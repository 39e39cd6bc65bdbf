/** Removes the tag from every frame that a viewer receives, and reports the tag to the page. */
import type { ReceiveWorkerToPage } from '../messages.ts';
import { onEncodedFrames } from '../encoded-frames.ts';
import { readTag, TAG_BYTES } from '../tag.ts';

const report = (message: ReceiveWorkerToPage) => postMessage(message);

onEncodedFrames((options) => {
  const generation = typeof options === 'number' ? options : 0;
  return (frame) => {
    const { data } = frame;
    const tag = readTag(data);
    if (!tag) return;
    const { rtpTimestamp = frame.timestamp } = frame.getMetadata();
    frame.data = data.slice(0, data.byteLength - TAG_BYTES);
    report({ kind: 'tag', generation, rtpTimestamp, ...tag });
  };
});

report({ kind: 'ready' });
