/** Detects a video that has stalled, from decoded frames and not from connection states. Pure. */
import type { FlowSample } from '../media/stats.ts';

export type Remedy = 'restart-ice' | 'key-frame' | 'new-consumers' | 'new-transport';

export interface StallState {
  readonly last: FlowSample;
  /** When video began to be expected, ms: the remedies are due this long after it or the last frame. */
  readonly since: number;
  readonly frameAt: number;
  /** Recent time between two frames, ms: 33 for a camera, 1000 for a screen that does not change. */
  readonly paceMs: number;
  readonly packetAt: number;
  /** When anything arrived on the path. */
  readonly arrivalAt: number;
  /** How many of REMEDIES were tried since the last frame. */
  readonly tried: number;
  /** When ICE was restarted since the last frame. */
  readonly iceAt: number | undefined;
}

export const STALL = {
  /** A video without a frame for this time has stalled, unless its pace is slower. */
  flowingMs: 1_000,
  flowingMaxMs: 4_000,
  /** A running video sends a packet every few milliseconds: silence means that the path is dead. */
  silentWhileFlowingMs: 800,
  /** While a shared screen does not change, only ICE checks arrive, every 2.5 s. */
  silentWhileIdleMs: 5_000,
  /** When each of REMEDIES is due while packets arrive and no frame is decoded. */
  remediesMs: [3_000, 5_000, 8_000],
} as const;

const REMEDIES: readonly Remedy[] = ['key-frame', 'new-consumers', 'new-transport'];

const FAST_PACE_MS = 33;
/** Of the interval between key frames: it varies a little. */
const KEY_FRAME_SLACK = 1.2;
/** A gap of three frames is not a coincidence. */
const PACES = 3;

/** @param before passes on what is known of the video */
export function beginStall(
  sample: FlowSample,
  before?: Pick<StallState, 'frameAt' | 'paceMs'>,
): StallState {
  const { now } = sample;
  return {
    last: sample,
    since: now,
    frameAt: before?.frameAt ?? now,
    paceMs: before?.paceMs ?? FAST_PACE_MS,
    packetAt: now,
    arrivalAt: now,
    tried: 0,
    iceAt: undefined,
  };
}

/** Whether the video flows: the last frame is recent, compared with the video's own pace. */
export function isFlowing({ last, frameAt, paceMs }: StallState): boolean {
  return last.frames > 0 && last.now - frameAt < flowingLimitMs(paceMs);
}

function flowingLimitMs(paceMs: number): number {
  return Math.min(STALL.flowingMaxMs, Math.max(STALL.flowingMs, PACES * paceMs));
}

/**
 * @param keyFrameIntervalMs of an encoder that sends no key frame on request: the remedies wait for the
 * next one, which may be all that is missing
 * @returns the remedy that is due now, if any. While no video is expected, call `beginStall` instead.
 */
export function stepStall(
  state: StallState,
  sample: FlowSample,
  keyFrameIntervalMs = 0,
): { state: StallState; remedy: Remedy | undefined } {
  const { now } = sample;
  const { last } = state;
  // A new consumer or transport counts from 0 again, so any change shows that something arrived.
  const frameAt = sample.frames !== last.frames ? now : state.frameAt;
  const packetAt = sample.packets !== last.packets ? now : state.packetAt;
  const arrivalAt = sample.arrivals !== last.arrivals ? now : state.arrivalAt;
  const paceMs =
    sample.frames > last.frames
      ? (state.paceMs + (now - state.frameAt) / (sample.frames - last.frames)) / 2
      : state.paceMs;
  const seen: StallState = { ...state, last: sample, frameAt, paceMs, packetAt, arrivalAt };
  if (frameAt === now) return { state: { ...seen, tried: 0, iceAt: undefined }, remedy: undefined };

  const silentMs = now - arrivalAt;
  const wasFlowing = arrivalAt - frameAt < flowingLimitMs(paceMs) && state.iceAt === undefined;
  const limitMs = wasFlowing
    ? Math.min(STALL.silentWhileIdleMs, Math.max(STALL.silentWhileFlowingMs, PACES * paceMs))
    : STALL.silentWhileIdleMs;
  if (silentMs >= limitMs && (state.iceAt === undefined || now - state.iceAt >= limitMs)) {
    return { state: { ...seen, iceAt: now }, remedy: 'restart-ice' };
  }
  const remedyMs = STALL.remediesMs[state.tried];
  // A video that never began: the request to resume its consumers may have been lost.
  const missing = now - packetAt < STALL.flowingMs || sample.frames === 0;
  const waitMs = KEY_FRAME_SLACK * keyFrameIntervalMs;
  if (
    missing &&
    remedyMs !== undefined &&
    now - Math.max(frameAt, state.since) >= remedyMs + waitMs
  ) {
    return { state: { ...seen, tried: state.tried + 1 }, remedy: REMEDIES[state.tried] };
  }
  return { state: seen, remedy: undefined };
}
