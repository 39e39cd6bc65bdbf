/** Sees a picture that stands still, on decoded frames and not on states. Pure. */

/** Counters that only rise while a transport lives. */
export interface FlowSample {
  /** ms, monotonic */
  readonly now: number;
  /** Frames decoded. */
  readonly frames: number;
  /** Video packets received. */
  readonly packets: number;
  /** Anything received on the transport, answers to ICE checks included. */
  readonly line: number;
}

export type Remedy = 'restart-ice' | 'key-frame' | 'new-consumers' | 'new-transport';

export interface StallState {
  readonly last: FlowSample;
  /** Since when a picture is expected: a rung is due so long after this or the last frame. */
  readonly since: number;
  readonly frameAt: number;
  /** Time between two frames as it has been lately, ms: 33 for a camera, 1000 for a still screen. */
  readonly paceMs: number;
  readonly packetAt: number;
  readonly lineAt: number;
  /** Remedies tried since the last frame. */
  readonly rung: number;
  readonly iceAt: number | undefined;
}

export const STALL = {
  /** A picture older than this is standing still, where its pace is not slower by itself. */
  flowingMs: 1_000,
  flowingMaxMs: 4_000,
  /** A running picture sends a packet every few milliseconds: silence means a dead line. */
  silentWhileFlowingMs: 800,
  /** A shared screen that does not change: only ICE checks come, every 2.5 s. */
  silentWhileIdleMs: 5_000,
  /** Packets come and no frame is decoded. */
  rungsMs: [3_000, 5_000, 8_000],
} as const;

const REMEDIES: readonly Remedy[] = ['key-frame', 'new-consumers', 'new-transport'];

const FAST_PACE_MS = 33;
/** A gap of three frames is no accident. */
const PACES = 3;

/** `before` hands on what is known of the picture. */
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
    lineAt: now,
    rung: 0,
    iceAt: undefined,
  };
}

/** Whether the picture moves: a frame has come lately, for a picture of its pace. */
export function isFlowing({ last, frameAt, paceMs }: StallState): boolean {
  return last.frames > 0 && last.now - frameAt < flowingLimitMs(paceMs);
}

function flowingLimitMs(paceMs: number): number {
  return Math.min(STALL.flowingMaxMs, Math.max(STALL.flowingMs, PACES * paceMs));
}

/** @returns the remedy that is due now, if any. Call `beginStall` anew while nothing is expected. */
export function stepStall(
  state: StallState,
  sample: FlowSample,
): { state: StallState; remedy: Remedy | undefined } {
  const { now } = sample;
  const { last } = state;
  // A new consumer or transport counts from 0 again: any change is a sign of life.
  const frameAt = sample.frames !== last.frames ? now : state.frameAt;
  const packetAt = sample.packets !== last.packets ? now : state.packetAt;
  const lineAt = sample.line !== last.line ? now : state.lineAt;
  const paceMs =
    sample.frames > last.frames
      ? (state.paceMs + (now - state.frameAt) / (sample.frames - last.frames)) / 2
      : state.paceMs;
  const seen: StallState = { ...state, last: sample, frameAt, paceMs, packetAt, lineAt };
  if (frameAt === now) return { state: { ...seen, rung: 0, iceAt: undefined }, remedy: undefined };

  const silentMs = now - lineAt;
  const wasFlowing = lineAt - frameAt < flowingLimitMs(paceMs) && state.iceAt === undefined;
  const limitMs = wasFlowing
    ? Math.min(STALL.silentWhileIdleMs, Math.max(STALL.silentWhileFlowingMs, PACES * paceMs))
    : STALL.silentWhileIdleMs;
  if (silentMs >= limitMs && (state.iceAt === undefined || now - state.iceAt >= limitMs)) {
    return { state: { ...seen, iceAt: now }, remedy: 'restart-ice' };
  }
  const due = STALL.rungsMs[state.rung];
  // A picture that never began: the request to resume its consumers may have been lost.
  const missing = now - packetAt < STALL.flowingMs || sample.frames === 0;
  if (missing && due !== undefined && now - Math.max(frameAt, state.since) >= due) {
    return { state: { ...seen, rung: state.rung + 1 }, remedy: REMEDIES[state.rung] };
  }
  return { state: seen, remedy: undefined };
}
