/** Not in TypeScript's library, nor in every browser. */
declare global {
  interface VideoFrame {
    /** Degrees, clockwise. */
    readonly rotation?: number;
    readonly flip?: boolean;
  }
}

/** Whether a frame has an angle or a mirror with its pixels. Browsers without these fields turn the pixels. */
export function isTurned(frame: VideoFrame): boolean {
  const { rotation = 0, flip = false } = frame;
  return rotation !== 0 || flip;
}
