import { parseScalabilityMode, type types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';
import { type Log, runInBackground } from '../../observability/log.ts';
import { preferSpatialLayer } from '../mediasoup-calls.ts';

/** The part of a mediasoup Consumer that this file uses. */
interface LayeredConsumer
  extends Pick<types.Consumer, 'type' | 'rtpParameters' | 'closed' | 'setPreferredLayers'> {
  readonly observer: {
    on(event: 'layerschange', listener: (layers?: types.ConsumerLayers) => void): unknown;
    once(event: 'close', listener: () => void): unknown;
  };
}

/**
 * Starts a viewer one layer below the top simulcast layer, and allows the top layer later. A
 * publisher's browser drops the top layer when it is short of CPU or bandwidth. A viewer that waits
 * for a key frame of a dropped layer waits until the worker notices: 1.5 to 3 s.
 */
export function startBelowTopLayer(
  consumer: LayeredConsumer,
  limits: Pick<Limits, 'upperLayerDelayMs'>,
  log: Log,
): void {
  const top = topLayer(consumer);
  if (top === 0) return;
  const prefer = (spatialLayer: number) => {
    if (consumer.closed) return;
    const preferred = preferSpatialLayer(consumer, spatialLayer).catch((error: unknown) => {
      if (!consumer.closed) throw error;
    });
    runInBackground(log, 'preferred layers', preferred);
  };
  // The worker handles requests in order, so this one takes effect before the resume.
  prefer(top - 1);
  let timer: NodeJS.Timeout | undefined;
  consumer.observer.on('layerschange', (layers) => {
    if (!layers || timer) return;
    timer = setTimeout(() => prefer(top), limits.upperLayerDelayMs);
    timer.unref();
  });
  consumer.observer.once('close', () => clearTimeout(timer));
}

function topLayer({ type, rtpParameters }: Pick<types.Consumer, 'type' | 'rtpParameters'>): number {
  const mode = rtpParameters.encodings?.[0]?.scalabilityMode;
  return type === 'simulcast' ? parseScalabilityMode(mode).spatialLayers - 1 : 0;
}
