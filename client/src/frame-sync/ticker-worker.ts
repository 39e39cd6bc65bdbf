/** Beats for a page whose own timers are slowed down: a browser leaves a worker's timers alone. */
const intervalMs = 40;

setInterval(() => postMessage('tick'), intervalMs);
