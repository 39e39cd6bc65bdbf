import { Device, type types } from 'mediasoup-client';
import { describe, expect, it } from 'vitest';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { declareTransportCc, type Direction, queryCapabilitiesOnce } from './device.ts';

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- JSON has no literal types
const capabilities = fixture.rtpCapabilities as types.RtpCapabilities;

describe('JOIN-1 the browser’s capabilities are queried once', () => {
  it.each<Direction>(['recvonly', 'sendonly'])('by a page that is %s', async (direction) => {
    const queried: string[] = [];
    const device = new Device({
      handlerFactory: {
        name: 'Test',
        factory: () => {
          throw new Error('no transport is created');
        },
        getNativeRtpCapabilities: async (options) => {
          queried.push(options.direction);
          return structuredClone(capabilities);
        },
      },
    });
    queryCapabilitiesOnce(Reflect.get(device, '_handlerFactory'), direction);
    await device.load({ routerRtpCapabilities: structuredClone(capabilities) });
    expect(queried).toEqual([direction]);
    const { recvRtpCapabilities, sendRtpCapabilities } = device;
    const own = direction === 'recvonly' ? recvRtpCapabilities : sendRtpCapabilities;
    expect(own.codecs?.map(({ mimeType }) => mimeType)).toContain('video/VP8');
  });
});

const URI = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';

function consumer(kind: types.MediaKind): {
  kind: types.MediaKind;
  rtpParameters: types.RtpParameters;
} {
  const codecs = [
    {
      mimeType: 'video/VP8',
      payloadType: 101,
      clockRate: 90_000,
      rtcpFeedback: [{ type: 'nack', parameter: '' }],
    },
    { mimeType: 'video/rtx', payloadType: 102, clockRate: 90_000, rtcpFeedback: [] },
  ];
  return { kind, rtpParameters: { codecs, headerExtensions: [], encodings: [{ ssrc: 1 }] } };
}

describe('declareTransportCc', () => {
  it('BWE-2 adds transport-cc to a video consumer that was negotiated without it', () => {
    const video = consumer('video');
    declareTransportCc(video, capabilities);
    const { codecs, headerExtensions } = video.rtpParameters;
    expect(headerExtensions?.map(({ uri, id }) => ({ uri, id }))).toEqual([{ uri: URI, id: 5 }]);
    expect(codecs[0]?.rtcpFeedback?.map(({ type }) => type)).toEqual(['nack', 'transport-cc']);
    expect(codecs[1]?.rtcpFeedback).toEqual([]);
  });

  it('changes neither a consumer that has it already nor audio', () => {
    const video = consumer('video');
    declareTransportCc(video, capabilities);
    const before = structuredClone(video);
    declareTransportCc(video, capabilities);
    expect(video).toEqual(before);
    const audio = consumer('audio');
    declareTransportCc(audio, capabilities);
    expect(audio).toEqual(consumer('audio'));
  });
});
