/** The worker's side of RTCRtpScriptTransform. */

interface Transformer {
  readonly readable: ReadableStream<RTCEncodedVideoFrame>;
  readonly writable: WritableStream<RTCEncodedVideoFrame>;
  readonly options: unknown;
  /** Of a sender; not in every browser. */
  readonly generateKeyFrame?: () => Promise<unknown>;
}

interface TransformEvent extends Event {
  readonly transformer: Transformer;
}

function isTransformEvent(event: Event): event is TransformEvent {
  return 'transformer' in event;
}

/** Asks the encoder for a key frame, where the browser lets us. */
export type AskForKeyFrame = () => void;

/**
 * Hands every encoded frame of every transform made with this worker to what `begin` returns for it.
 * Whatever that does, the frame goes on: a picture without a tag is worth more than none.
 * To be called while the worker's script runs for the first time.
 */
export function onEncodedFrames(
  begin: (options: unknown, ask: AskForKeyFrame) => (frame: RTCEncodedVideoFrame) => void,
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
          console.warn('onecast: an encoded frame:', error);
        }
        controller.enqueue(frame);
      },
    });
    // It ends with an error when its sender or receiver is closed.
    readable
      .pipeThrough(stream)
      .pipeTo(writable)
      .catch(() => undefined);
  });
}
