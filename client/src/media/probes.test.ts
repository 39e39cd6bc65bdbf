import type { types } from 'mediasoup-client';
import { expect, test } from 'vitest';
import fixture from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { readyForProbes } from './probes.ts';

const URI = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';
const capabilities = fixture.rtpCapabilities as types.RtpCapabilities;

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

test('BWE-2 the side for probes knows transport-cc, though the picture’s own does not', () => {
  const video = consumer('video');
  readyForProbes(video, capabilities);
  const { codecs, headerExtensions } = video.rtpParameters;
  expect(headerExtensions?.map(({ uri, id }) => ({ uri, id }))).toEqual([{ uri: URI, id: 5 }]);
  expect(codecs[0]?.rtcpFeedback?.map(({ type }) => type)).toEqual(['nack', 'transport-cc']);
  expect(codecs[1]?.rtcpFeedback).toEqual([]);
});

test('what knows it already stays as it is, and so does sound', () => {
  const video = consumer('video');
  readyForProbes(video, capabilities);
  const before = structuredClone(video);
  readyForProbes(video, capabilities);
  expect(video).toEqual(before);
  const audio = consumer('audio');
  readyForProbes(audio, capabilities);
  expect(audio).toEqual(consumer('audio'));
});
