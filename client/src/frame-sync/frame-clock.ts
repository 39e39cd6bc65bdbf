/**
 * Calls back about 10 to 15 times a second with the time at which the video's current frame was
 * captured (`performance.now()` scale), also while the tab is hidden. Returns what stops it.
 *
 * A visible page is told of each new frame (`requestVideoFrameCallback`). A hidden one is not, and
 * its timers run once a second, so a worker beats the time where nothing came for a while; the
 * video element itself goes on and may be drawn to a canvas.
 */
export function onVideoFrames(
  video: HTMLVideoElement,
  listener: (capturedAt: number) => void,
): () => void {
  let lastAt = -Infinity;
  const frame = (capturedAt: number, atLeastMs: number) => {
    const now = performance.now();
    if (now - lastAt < atLeastMs) return;
    lastAt = now;
    listener(capturedAt);
  };

  let handle: number | undefined;
  const ask = () => {
    handle = video.requestVideoFrameCallback?.((_now, metadata) => {
      ask();
      frame(captureTime(metadata), minIntervalMs);
    });
  };
  ask();
  const stopBeating = beat(() => frame(performance.now(), patienceMs));

  return () => {
    stopBeating();
    if (handle !== undefined) video.cancelVideoFrameCallback(handle);
  };
}

/** Every second frame of a camera at 30/s, and every frame of one at 15/s. */
const minIntervalMs = 55;
/** Above the distance of frames at 15/s, and with the worker's beat still below 100 ms. */
const patienceMs = 75;

/** Only some browsers tell when a local camera's frame was captured; one that is absurd is not taken. */
function captureTime(metadata: VideoFrameCallbackMetadata): number {
  const now = performance.now();
  const { captureTime: told } = metadata;
  return told !== undefined && told <= now && now - told < 1000 ? told : now;
}

function beat(listener: () => void): () => void {
  const worker = new Worker(new URL('./ticker-worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('message', listener);
  return () => worker.terminate();
}
