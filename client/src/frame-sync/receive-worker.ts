/** Takes the tag off every frame that a viewer receives, and tells the page what it said. */
import type { FromReceiveWorker } from './messages.ts';
import { readTag, TAG_BYTES } from './tag.ts';
import { onEncodedFrames } from './transform.ts';

const tell = (message: FromReceiveWorker) => postMessage(message);

onEncodedFrames((options) => {
  const generation = typeof options === 'number' ? options : 0;
  return (frame) => {
    const { data } = frame;
    const tag = readTag(data);
    if (!tag) return;
    const { rtpTimestamp = frame.timestamp } = frame.getMetadata();
    frame.data = data.slice(0, data.byteLength - TAG_BYTES);
    tell({ kind: 'tag', generation, rtpTimestamp, ...tag });
  };
});

tell({ kind: 'ready' });
