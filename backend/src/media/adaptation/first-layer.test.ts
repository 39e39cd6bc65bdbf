import { EventEmitter } from 'node:events';
import type { types } from 'mediasoup';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { startBelowTopLayer } from './first-layer.ts';

const LIMITS = { upperLayerDelayMs: 2_000 };
const log = pino({ enabled: false });

class FakeConsumer {
  readonly type: types.ConsumerType;
  readonly rtpParameters: types.RtpParameters;
  readonly observer = new EventEmitter();
  readonly preferred: number[] = [];
  closed = false;

  constructor(type: types.ConsumerType, scalabilityMode: string) {
    this.type = type;
    this.rtpParameters = { codecs: [], encodings: [{ ssrc: 1, scalabilityMode }] };
  }

  async setPreferredLayers({ spatialLayer }: types.ConsumerLayers): Promise<void> {
    this.preferred.push(spatialLayer);
    if (this.closed) throw new Error('gone');
  }

  switchesTo(layers: types.ConsumerLayers | undefined): void {
    this.observer.emit('layerschange', layers);
  }

  close(): void {
    this.closed = true;
    this.observer.emit('close');
  }
}

describe('MEDIA-2 the first frame comes from below the top layer', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('the top layer is allowed a while after the first frame', () => {
    const consumer = new FakeConsumer('simulcast', 'L3T3');
    startBelowTopLayer(consumer, LIMITS, log);
    expect(consumer.preferred).toEqual([1]);
    vi.advanceTimersByTime(60_000);
    expect(consumer.preferred, 'no layer is raised before the first frame').toEqual([1]);
    consumer.switchesTo(undefined);
    consumer.switchesTo({ spatialLayer: 0, temporalLayer: 0 });
    consumer.switchesTo({ spatialLayer: 1, temporalLayer: 2 });
    vi.advanceTimersByTime(1_999);
    expect(consumer.preferred).toEqual([1]);
    vi.advanceTimersByTime(60_000);
    expect(consumer.preferred).toEqual([1, 2]);
  });

  test.each([
    ['simple', 'L1T1'],
    ['simulcast', 'L1T3'],
    ['svc', 'L3T3'],
  ] as const)('a %s stream of %s is left alone', (type, mode) => {
    const consumer = new FakeConsumer(type, mode);
    startBelowTopLayer(consumer, LIMITS, log);
    consumer.switchesTo({ spatialLayer: 0 });
    vi.advanceTimersByTime(60_000);
    expect(consumer.preferred).toEqual([]);
  });

  test('a consumer that closes leaves no timer and sends no request', () => {
    const consumer = new FakeConsumer('simulcast', 'L2T3');
    startBelowTopLayer(consumer, LIMITS, log);
    consumer.switchesTo({ spatialLayer: 0 });
    consumer.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(consumer.preferred).toEqual([0]);
  });
});
