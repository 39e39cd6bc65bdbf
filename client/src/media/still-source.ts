/**
 * A canvas or a screen on which nothing changes gives the encoder no frame, and no request for a key
 * frame changes that: a viewer that joins then would wait for ever. So the last frame is repeated.
 * Pure, except for `repeatLastFrame`.
 */

export const STILL = {
  /**
   * A source without a frame for this time is still. Viewers take a running video that is silent for
   * 800 ms for a dead connection, and one without a frame for 1 s for a stall.
   */
  repeatMs: 500,
  /** A source that runs, if slowly, answers a request for a key frame with its next frame. */
  answerMs: 150,
} as const;

/** Counters of one video sender, which only rise. */
export interface SentSample {
  /** ms, monotonic */
  readonly now: number;
  /** Frames that the source has given. */
  readonly frames: number;
  /** Requests for a key frame that have arrived. */
  readonly keyFrameRequests: number;
}

export interface StillState {
  readonly last: SentSample;
  /** When the newest frame was seen, ms. */
  readonly frameAt: number;
  /** A request for a key frame has arrived after that frame. */
  readonly asked: boolean;
}

export function beginStill(sample: SentSample): StillState {
  return { last: sample, frameAt: sample.now, asked: false };
}

/** @returns whether the last frame is to be repeated now */
export function stepStill(
  state: StillState,
  sample: SentSample,
): { state: StillState; repeat: boolean } {
  const { last } = state;
  const { now } = sample;
  const isFrame = sample.frames !== last.frames;
  const frameAt = isFrame ? now : state.frameAt;
  const isAsked = sample.keyFrameRequests > last.keyFrameRequests;
  const asked = isAsked || (state.asked && !isFrame);
  const repeat = now - frameAt >= (asked ? STILL.answerMs : STILL.repeatMs);
  // The repeated frame is seen with the next sample.
  return { state: { last: sample, frameAt, asked: asked && !repeat }, repeat };
}

/** The counters of a video sender; zeros where the report lacks them. Summed over layers. */
export function sentSampleOf(report: RTCStatsReport, now: number): SentSample {
  let [frames, keyFrameRequests] = [0, 0];
  report.forEach((entry: Readonly<Record<string, unknown>>) => {
    if (entry['type'] === 'media-source') frames += count(entry['frames']);
    if (entry['type'] !== 'outbound-rtp') return;
    keyFrameRequests += count(entry['pliCount']) + count(entry['firCount']);
  });
  return { now, frames, keyFrameRequests };
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/**
 * Makes the source give its last frame once more, to all that read the track. A browser that has
 * MediaStreamTrackProcessor does so for each new reader; Firefox repeats frames of its own accord, once
 * a second.
 */
export function repeatLastFrame(track: MediaStreamTrack): void {
  const Processor = globalThis.MediaStreamTrackProcessor;
  if (!Processor) return;
  new Processor({ track }).readable.cancel().catch(() => undefined);
}
