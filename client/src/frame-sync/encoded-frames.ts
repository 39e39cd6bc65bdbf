/** The worker's side of RTCRtpScriptTransform; frame-worker-host.ts is the page's side. */

interface Transformer {
  readonly readable: ReadableStream<RTCEncodedVideoFrame>;
  readonly writable: WritableStream<RTCEncodedVideoFrame>;
  readonly options: unknown;
  /** On the transformer of a sender; not in every browser. */
  readonly generateKeyFrame?: () => Promise<unknown>;
}

interface TransformEvent extends Event {
  readonly transformer: Transformer;
}

function isTransformEvent(event: Event): event is TransformEvent {
  return 'transformer' in event;
}

/** Requests a key frame from the encoder, in browsers that allow it. */
export type RequestKeyFrame = () => void;

/**
 * In a worker: calls `begin` for each transform that is made with this worker, and passes every encoded
 * frame of that transform to the function that `begin` returns. The frame goes on even if that
 * function throws: video without a tag is better than no video. Call it while the worker's script
 * runs for the first time.
 */
export function onEncodedFrames(
  begin: (
    options: unknown,
    requestKeyFrame: RequestKeyFrame,
  ) => (frame: RTCEncodedVideoFrame) => void,
): void {
  addEventListener('rtctransform', (event: Event) => {
    if (!isTransformEvent(event)) return;
    const { transformer } = event;
    const { readable, writable, options } = transformer;
    const handle = begin(options, () => {
      transformer.generateKeyFrame?.().catch(() => undefined);
    });
    const stream = new TransformStream<RTCEncodedVideoFrame, RTCEncodedVideoFrame>({
      transform(frame, controller) {
        try {
          handle(frame);
        } catch (error) {
          console.warn('onecast: an encoded frame was not tagged or read:', error);
        }
        controller.enqueue(frame);
      },
    });
    // The pipe ends with an error when its sender or receiver is closed.
    readable
      .pipeThrough(stream)
      .pipeTo(writable)
      .catch(() => undefined);
  });
}
