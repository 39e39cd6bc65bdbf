import type { types } from 'mediasoup';
import { expect, it } from 'vitest';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import { ResultSchema } from '#protocol/result.ts';
import { JOIN_PATH } from '#protocol/signalling.ts';
import * as v from 'valibot';
import { broadcast, PROTOCOL } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';

const VIEWERS = 200;

/** Ids of pages' transports on one worker, in the order of their creation. */
function collectTransports({ observer }: types.Worker): string[] {
  const made: string[] = [];
  observer.on('newrouter', (router) => {
    router.observer.on('newtransport', ({ type, id }) => {
      if (type === 'webrtc') made.push(id);
    });
  });
  return made;
}

it('JOIN-4 the server admits all viewers that join at the same moment, in order', async () => {
  await using server = await InProcessServer.start();
  const made = collectTransports(server.worker().worker);
  await broadcast(await server.connect(), 'crowd');
  const [publisherTransport] = made.splice(0);

  const { rtpCapabilities, dtlsParameters } = chromium;
  const body = JSON.stringify({
    ...PROTOCOL,
    requestId: 'crowd',
    room: 'crowd',
    rtpCapabilities,
    dtlsParameters: { ...dtlsParameters, role: 'client' },
  });
  const answers = await Promise.all(
    Array.from({ length: VIEWERS }, async () => {
      const response = await fetch(`${server.url}${JOIN_PATH}`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body,
      });
      return v.parse(ResultSchema, await response.json());
    }),
  );
  expect(answers.filter(({ ok }) => !ok)).toEqual([]);

  // The registry has the sessions in the order in which their requests arrived.
  const admitted = [...server.app.registry.members()].map(
    ({ session }) => session.openTransport?.id,
  );
  expect(admitted.filter((id) => id !== publisherTransport)).toEqual(made);
  expect(made).toHaveLength(VIEWERS);
});
