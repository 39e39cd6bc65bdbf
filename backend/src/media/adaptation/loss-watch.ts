import type { types } from 'mediasoup';
import type { Limits } from '#config/limits.ts';

/** What this needs of a mediasoup Consumer. */
interface ScoredConsumer extends Pick<types.Consumer, 'kind' | 'type'> {
  readonly observer: {
    on(event: 'score', listener: (score: types.ConsumerScore) => void): unknown;
  };
}

/**
 * Tells when packets are lost between the worker and a viewer that is not estimated. The worker
 * scores each stream by what the viewer's receiver reports say was lost and not repaired, and speaks
 * up when the score changes: a good line costs nothing. What the publisher's own line has lost is no
 * fault of the viewer's.
 */
export function watchLoss(
  consumer: ScoredConsumer,
  { lossyScore }: Pick<Limits, 'lossyScore'>,
  onTrouble: () => void,
): void {
  if (!hasLayers(consumer)) return;
  consumer.observer.on('score', ({ score, producerScore }) => {
    if (score <= lossyScore && score < producerScore) onTrouble();
  });
}

/** There is something to choose: without layers every viewer gets the one stream there is. */
export function hasLayers({ kind, type }: Pick<types.Consumer, 'kind' | 'type'>): boolean {
  return kind === 'video' && (type === 'simulcast' || type === 'svc');
}
