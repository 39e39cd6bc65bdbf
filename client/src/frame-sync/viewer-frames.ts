import { FrameTags } from './frame-tags.ts';
import { FrameWorker } from './frame-worker.ts';
import type { FromReceiveWorker } from './messages.ts';
import type { FrameTag } from './tag.ts';

/** The viewer's side of the tags: which captured frame the picture with an RTP timestamp is. */
export class ViewerFrames {
  /** Told of each tag after it is known. */
  onTag: ((rtpTimestamp: number) => void) | undefined;
  readonly #worker: FrameWorker<FromReceiveWorker>;
  readonly #tags = new FrameTags();
  #generation = 0;

  constructor() {
    this.#worker = new FrameWorker(
      () => new Worker(new URL('./receive-worker.ts', import.meta.url), { type: 'module' }),
      (message) => {
        if (message.kind !== 'tag' || message.generation !== this.#generation) return;
        const { rtpTimestamp, number, capturedAt } = message;
        this.#tags.set(rtpTimestamp, { number, capturedAt });
        this.onTag?.(rtpTimestamp);
      },
    );
  }

  /** Resolves when receivers can be attached, or never will be. */
  get started(): Promise<void> {
    return this.#worker.started;
  }

  /** A receiver of video, before its first packet. */
  attach(receiver: RTCRtpReceiver): void {
    this.#worker.attach(receiver, this.#generation);
  }

  /** The known frame nearest to an RTP timestamp that is not quite known. */
  near(rtpTimestamp: number, toleranceTicks: number): number | undefined {
    return this.#tags.near(rtpTimestamp, toleranceTicks);
  }

  tagOf(rtpTimestamp: number | undefined): FrameTag | undefined {
    return this.#tags.get(rtpTimestamp);
  }

  /** A new broadcast: what the receivers made so far still show has numbers of the old one. */
  reset(): void {
    this.#generation += 1;
    this.#tags.clear();
  }

  close(): void {
    this.#worker.close();
  }
}
