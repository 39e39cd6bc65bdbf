import type { types } from 'mediasoup-client';

export type FirstStep = 'ice' | 'packet';

/** Tells when a consumer's path is found and when its first packet comes, as far as the browser says. */
export function watchFirstSteps(
  { rtpReceiver, track }: Pick<types.Consumer, 'rtpReceiver' | 'track'>,
  reached: (step: FirstStep) => void,
): void {
  if (!track.muted) reached('packet');
  else track.addEventListener('unmute', () => reached('packet'), { once: true });
  // Not in every browser, whatever the types say.
  const ice: RTCIceTransport | undefined = rtpReceiver?.transport?.iceTransport;
  if (!ice) return;
  const look = () => {
    if (ice.state === 'connected' || ice.state === 'completed') reached('ice');
  };
  look();
  ice.addEventListener('statechange', look);
}
