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
  readonly packetAt: number;
  readonly lineAt: number;
  /** Remedies tried since the last frame. */
  readonly rung: number;
  readonly iceAt: number | undefined;
}

export const STALL = {
  /** A picture older than this is standing still. */
  flowingMs: 1_000,
  /** A running picture sends a packet every few milliseconds: silence means a dead line. */
  silentWhileFlowingMs: 800,
  /** A shared screen that does not change: only ICE checks come, every 2.5 s. */
  silentWhileIdleMs: 5_000,
  /** Packets come and no frame is decoded. */
  rungsMs: [3_000, 5_000, 8_000],
} as const;

const REMEDIES: readonly Remedy[] = ['key-frame', 'new-consumers', 'new-transport'];

/** @param frameAt when the last frame was seen, where that is known */
export function beginStall(sample: FlowSample, frameAt = sample.now): StallState {
  const { now } = sample;
  return {
    last: sample,
    since: now,
    frameAt,
    packetAt: now,
    lineAt: now,
    rung: 0,
    iceAt: undefined,
  };
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
  const seen: StallState = { ...state, last: sample, frameAt, packetAt, lineAt };
  if (frameAt === now) return { state: { ...seen, rung: 0, iceAt: undefined }, remedy: undefined };

  const silentMs = now - lineAt;
  const wasFlowing = lineAt - frameAt < STALL.flowingMs && state.iceAt === undefined;
  const limitMs = wasFlowing ? STALL.silentWhileFlowingMs : STALL.silentWhileIdleMs;
  if (silentMs >= limitMs && (state.iceAt === undefined || now - state.iceAt >= limitMs)) {
    return { state: { ...seen, iceAt: now }, remedy: 'restart-ice' };
  }
  const due = STALL.rungsMs[state.rung];
  const packetsCome = now - packetAt < STALL.flowingMs;
  if (packetsCome && due !== undefined && now - Math.max(frameAt, state.since) >= due) {
    return { state: { ...seen, rung: state.rung + 1 }, remedy: REMEDIES[state.rung] };
  }
  return { state: seen, remedy: undefined };
}
