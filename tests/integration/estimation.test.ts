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

function saidOf({ codecs, headerExtensions, encodings }: types.RtpParameters) {
  const feedback = codecs[0]?.rtcpFeedback ?? [];
  return {
    feedback: feedback.map(({ type, parameter }) => `${type} ${parameter ?? ''}`.trim()),
    extension: headerExtensions?.find(({ uri }) => uri === EXTENSION)?.id,
    retransmits: encodings?.[0]?.rtx !== undefined,
  };
}

/** What the workers are told of consumers, from now on. */
function consumersMade(): types.Consumer[] {
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

describe('BWE-1 what a viewer is asked to tell of its line', () => {
  it('is losses alone while the line is good, for picture and sound', async () => {
    const made = consumersMade();
    await using server = await InProcessServer.start();
    const owner = await server.connect();
    const { transport } = await broadcast(owner, ROOM);
    await produceAudio(owner, transport.id);
    await join(await server.connect(), ROOM);
    expect(made).toHaveLength(2);
    for (const { kind, rtpParameters } of made) {
      const said = saidOf(rtpParameters);
      expect(said.extension).toBeUndefined();
      expect(said.feedback).not.toContain('transport-cc');
      expect(said.feedback).not.toContain('goog-remb');
      if (kind !== 'video') continue;
      expect(said.feedback).toContain('nack');
      expect(said.feedback).toContain('nack pli');
      expect(said.retransmits).toBe(true);
    }
  });

  it('is transport-cc where the operator has it so', async () => {
    const made = consumersMade();
    await using server = await InProcessServer.start({ env: { BANDWIDTH_ESTIMATION: 'always' } });
    const owner = await server.connect();
    const { transport } = await claim(owner, ROOM);
    await produceVideo(owner, transport.id);
    await join(await server.connect(), ROOM);
    const [consumer] = made;
    if (!consumer) throw new Error('no consumer');
    const said = saidOf(consumer.rtpParameters);
    expect(said.extension).toBe(5);
    expect(said.feedback).toContain('transport-cc');
    expect(said.retransmits).toBe(true);
  });
});
