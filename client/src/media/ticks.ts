/**
 * Calls `listener` every `everyMs`, also in a hidden page, whose own timers run once a second: browsers
 * do not throttle a worker's timers. Returns a function that stops it.
 */
export function onTicks(everyMs: number, listener: () => void): () => void {
  const worker = startWorker();
  if (!worker) {
    const timer = setInterval(listener, everyMs);
    return () => clearInterval(timer);
  }
  worker.addEventListener('message', listener);
  worker.postMessage(everyMs, []);
  return () => worker.terminate();
}

function startWorker(): Worker | undefined {
  try {
    return new Worker(new URL('./ticker-worker.ts', import.meta.url), { type: 'module' });
  } catch (error) {
    console.warn('onecast: a hidden page will be slow:', error);
    return undefined;
  }
}
