/** Ticks for a page whose own timers are throttled: a browser does not throttle a worker's timers. */
const INTERVAL_MS = 40;

setInterval(() => postMessage('tick'), INTERVAL_MS);
