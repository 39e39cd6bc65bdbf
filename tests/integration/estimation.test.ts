import { describe, expect, it } from 'vitest';
import type { AnswerOf } from '../../backend/src/protocol/signalling.ts';
import { broadcast, claim, join, produceAudio, produceVideo } from './support/roles.ts';
import { TestServer } from './support/server.ts';

const ROOM = 'estimation';
const EXTENSION = 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01';

type Consumer = AnswerOf<'join'>['media']['consumers'][number];

function saidOf(consumer: Consumer | undefined) {
  const parameters = consumer?.rtpParameters;
  const [codec] = parameters?.codecs ?? [];
  return {
    feedback: (codec?.rtcpFeedback ?? []).map(({ type, parameter }) =>
      `${type} ${parameter}`.trim(),
    ),
    estimates: (parameters?.headerExtensions ?? []).some(({ uri }) => uri === EXTENSION),
    retransmits: parameters?.encodings?.[0]?.rtx !== undefined,
  };
}

describe('R137 what a viewer is asked to tell of its line', () => {
  it('is losses alone while the line is good, for picture and sound', async () => {
    await using server = await TestServer.start();
    const owner = await server.connect();
    const { transport } = await broadcast(owner, ROOM);
    await produceAudio(owner, transport.id);
    const { media } = await join(await server.connect(), ROOM);
    expect(media.consumers).toHaveLength(2);
    for (const consumer of media.consumers) {
      const said = saidOf(consumer);
      expect(said.estimates).toBe(false);
      expect(said.feedback).not.toContain('transport-cc');
      expect(said.feedback).not.toContain('goog-remb');
      if (consumer.kind !== 'video') continue;
      expect(said.feedback).toContain('nack');
      expect(said.feedback).toContain('nack pli');
      expect(said.retransmits).toBe(true);
    }
  });

  it('is transport-cc where the operator has it so', async () => {
    await using server = await TestServer.start({ env: { BANDWIDTH_ESTIMATION: 'always' } });
    const owner = await server.connect();
    const { transport } = await claim(owner, ROOM);
    await produceVideo(owner, transport.id);
    const { media } = await join(await server.connect(), ROOM);
    const said = saidOf(media.consumers[0]);
    expect(said.estimates).toBe(true);
    expect(said.feedback).toContain('transport-cc');
    expect(said.retransmits).toBe(true);
  });
});
