import { observer, type types } from 'mediasoup';
import { describe, expect, it } from 'vitest';
import {
  broadcast,
  claim,
  join,
  produceAudio,
  produceVideo,
} from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';

const ROOM = 'estimation';
const EXTENSION = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';

function negotiated({ codecs, headerExtensions, encodings }: types.RtpParameters) {
  const feedback = codecs[0]?.rtcpFeedback ?? [];
  return {
    feedback: feedback.map(({ type, parameter }) => `${type} ${parameter ?? ''}`.trim()),
    extension: headerExtensions?.find(({ uri }) => uri === EXTENSION)?.id,
    retransmits: encodings?.[0]?.rtx !== undefined,
  };
}

/** Collects the consumers that workers create from now on. */
function collectConsumers(): types.Consumer[] {
  const made: types.Consumer[] = [];
  observer.on('newworker', (worker) => {
    worker.observer.on('newrouter', (router) => {
      router.observer.on('newtransport', (transport) => {
        transport.observer.on('newconsumer', (consumer) => made.push(consumer));
      });
    });
  });
  return made;
}

describe('BWE-1 the feedback that a viewer is asked for', () => {
  it('a viewer with a good connection reports losses only, for video and audio', async () => {
    const made = collectConsumers();
    await using server = await InProcessServer.start();
    const owner = await server.connect();
    const { transport } = await broadcast(owner, ROOM);
    await produceAudio(owner, transport.id);
    await join(await server.connect(), ROOM);
    expect(made).toHaveLength(2);
    for (const { kind, rtpParameters } of made) {
      const rtp = negotiated(rtpParameters);
      expect(rtp.extension).toBeUndefined();
      expect(rtp.feedback).not.toContain('transport-cc');
      expect(rtp.feedback).not.toContain('goog-remb');
      if (kind !== 'video') continue;
      expect(rtp.feedback).toContain('nack');
      expect(rtp.feedback).toContain('nack pli');
      expect(rtp.retransmits).toBe(true);
    }
  });

  it('with BANDWIDTH_ESTIMATION=always a viewer reports transport-cc', async () => {
    const made = collectConsumers();
    await using server = await InProcessServer.start({ env: { BANDWIDTH_ESTIMATION: 'always' } });
    const owner = await server.connect();
    const { transport } = await claim(owner, ROOM);
    await produceVideo(owner, transport.id);
    await join(await server.connect(), ROOM);
    const [consumer] = made;
    if (!consumer) throw new Error('no consumer');
    const rtp = negotiated(consumer.rtpParameters);
    expect(rtp.extension).toBe(5);
    expect(rtp.feedback).toContain('transport-cc');
    expect(rtp.retransmits).toBe(true);
  });
});
