/** Ticks for a page whose own timers are throttled. The first message is the interval in ms. */
addEventListener('message', ({ data }: MessageEvent<number>) => {
  setInterval(() => postMessage('tick'), data);
});
