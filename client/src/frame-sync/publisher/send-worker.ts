/**
 * Numbers captured frames, tags every encoded frame with the number of its captured one, and passes
 * captured frames to analysers. Nothing here may take long: encoded frames wait for it.
 */
import type { PageToSendWorker, SendWorkerToPage } from '../messages.ts';
import { onEncodedFrames } from '../encoded-frames.ts';
import { appendTag, TAGGABLE_CODECS } from '../tag.ts';
import { wallTime } from '../wall-time.ts';
import { CapturedFrames } from './captured-frames.ts';
import { CapturedNumbering } from './numbering.ts';
import { SentFrames } from './sent-frames.ts';
import { isTurned } from './turned.ts';

const numbering = new CapturedNumbering(wallTime);
const captured = new CapturedFrames((frame) => {
  if (!reportedTurned && isTurned(frame)) {
    reportedTurned = true;
    post({ kind: 'turned' });
  }
  return numbering.identifyCaptured(frame.timestamp, performance.now());
});
/** For the present camera. */
let reportedTurned = false;

/** Set only in browsers without MediaStreamTrackProcessor: frames get their number when they are sent. */
let sent: SentFrames | undefined;

onEncodedFrames((options, requestKeyFrame) => {
  // Not every browser reports the codec with the frame; then it is the one that the page expects.
  const expectedCodec = typeof options === 'string' ? options : '';
  (sent ?? numbering).senderStarted();
  return (frame) => {
    const metadata = frame.getMetadata();
    const codec = (metadata.mimeType ?? expectedCodec).toLowerCase();
    if (!TAGGABLE_CODECS.includes(codec)) return;
    const now = performance.now();
    const ssrc = metadata.synchronizationSource ?? 0;
    const rtpTimestamp = metadata.rtpTimestamp ?? frame.timestamp;
    const isKey = frame.type === 'key';
    const tag = sent
      ? sent.tag({ ssrc, rtpTimestamp, isKey, data: frame.data }, now, requestKeyFrame)
      : numbering.tagEncoded({ ssrc, rtpTimestamp, width: metadata.width ?? 0 }, now);
    frame.data = appendTag(frame.data, tag);
  };
});

addEventListener('message', ({ data }: MessageEvent<PageToSendWorker>) => {
  switch (data.kind) {
    case 'camera':
      reportedTurned = false;
      return captured.read(data.frames);
    case 'add-analyser':
      return captured.add(data.id, data.port, data.wants);
    case 'remove-analyser':
      return captured.remove(data.id);
    case 'preview':
      return sent?.usePreview(data.port);
    case 'number-sent-frames':
      sent = new SentFrames(captured, wallTime);
      return;
    default:
      return data satisfies never;
  }
});

function post(message: SendWorkerToPage): void {
  postMessage(message);
}

post({ kind: 'ready' });
