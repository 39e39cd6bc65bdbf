import { Device, type types } from 'mediasoup-client';
import { describe, expect, it } from 'vitest';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { askOnce, type Direction } from './device.ts';

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON has no literal types
const capabilities = fixture.rtpCapabilities as types.RtpCapabilities;

describe('JOIN-1 what the browser can is asked once', () => {
  it.each<Direction>(['recvonly', 'sendonly'])('by a page that is %s', async (direction) => {
    const asked: string[] = [];
    const device = new Device({
      handlerFactory: {
        name: 'Test',
        factory: () => {
          throw new Error('no transport is made');
        },
        getNativeRtpCapabilities: async (options) => {
          asked.push(options.direction);
          return structuredClone(capabilities);
        },
      },
    });
    askOnce(Reflect.get(device, '_handlerFactory'), direction);
    await device.load({ routerRtpCapabilities: structuredClone(capabilities) });
    expect(asked).toEqual([direction]);
    const { recvRtpCapabilities, sendRtpCapabilities } = device;
    const own = direction === 'recvonly' ? recvRtpCapabilities : sendRtpCapabilities;
    expect(own.codecs?.map(({ mimeType }) => mimeType)).toContain('video/VP8');
  });
});
