import { BoundedMap } from '#protocol/bounded-map.ts';
import type { ReceiveWorkerToPage } from '../messages.ts';
import { distance } from '../rtp-time.ts';
import { FrameWorker } from '../frame-worker-host.ts';
import type { FrameTag } from '../tag.ts';

/** 8 s at 60 frames/s: longer than any frame waits before it is shown. */
const TAGS_MAX = 512;

/** The viewer's page side of the tags: which captured frame the frame with an RTP timestamp is. */
export class ViewerFrames {
  /** Called for each tag, once `tagOf` finds it. */
  onTag: ((rtpTimestamp: number) => void) | undefined;
  readonly #worker: FrameWorker<ReceiveWorkerToPage>;
  /** By RTP timestamp. A frame that the browser reads twice becomes the newest again. */
  readonly #tags = new BoundedMap<number, FrameTag>(TAGS_MAX);
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

  /** Resolves when receivers can be attached, or when it is certain that they never can. */
  get started(): Promise<void> {
    return this.#worker.started;
  }

  /** A receiver of video, before its first packet. */
  attach(receiver: RTCRtpReceiver): void {
    this.#worker.attach(receiver, this.#generation);
  }

  tagOf(rtpTimestamp: number | undefined): FrameTag | undefined {
    return rtpTimestamp === undefined ? undefined : this.#tags.get(rtpTimestamp);
  }

  /** The RTP timestamp of the tagged frame that is nearest to an estimated one. */
  nearest(rtpTimestamp: number, toleranceTicks: number): number | undefined {
    let nearest: number | undefined;
    let error = toleranceTicks;
    for (const known of this.#tags.keys()) {
      const away = Math.abs(distance(known, rtpTimestamp));
      if (away <= error) [nearest, error] = [known, away];
    }
    return nearest;
  }

  /** A new broadcast: the receivers made so far still bring tags with the old broadcast's numbers. */
  reset(): void {
    this.#generation += 1;
    this.#tags.clear();
  }

  close(): void {
    this.#worker.close();
  }
}
