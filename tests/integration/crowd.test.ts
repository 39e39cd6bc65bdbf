import type { types } from 'mediasoup';
import { expect, it } from 'vitest';
import chromium from '../../backend/src/protocol/fixtures/chromium-156.json' with { type: 'json' };
import { ResultSchema } from '../../backend/src/protocol/result.ts';
import { JOIN_PATH } from '../../backend/src/protocol/signalling.ts';
import * as v from 'valibot';
import { broadcast, PROTOCOL } from './support/roles.ts';
import { TestServer } from './support/server.ts';

const VIEWERS = 200;
const AT_ONCE = 4;

/** What becomes of the transports of one worker, in order. */
function observe({ observer }: types.Worker) {
  const made: string[] = [];
  const most = { inside: 0 };
  let complete = 0;
  observer.on('newrouter', ({ observer: router }) => {
    router.on('newtransport', (transport) => {
      if (transport.type !== 'webrtc') return;
      made.push(transport.id);
      most.inside = Math.max(most.inside, made.length - complete);
      const open = new Set(['picture', 'data']);
      const has = (what: string) => {
        if (open.delete(what) && open.size === 0) complete += 1;
      };
      transport.observer.on('newconsumer', () => has('picture'));
      transport.observer.on('newdataconsumer', () => has('data'));
      transport.observer.on('newproducer', () => has('picture'));
      transport.observer.on('newdataproducer', () => has('data'));
    });
  });
  return { made, most };
}

it('R151 who come at once are all let in, in order, some at a time', async () => {
  await using server = await TestServer.start({
    limits: { entrantsAtOnce: AT_ONCE, entrantPatienceMs: 60_000 },
  });
  const worker = server.app.pool.workers[0]?.worker;
  if (!worker) throw new Error('there is a worker');
  const { made, most } = observe(worker);
  await broadcast(await server.connect(), 'crowd');
  const [publishers] = made.splice(0);

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

  // The registry has them in the order in which their requests came.
  const came = [...server.app.registry.members()].map(({ session }) => session.openTransport?.id);
  expect(came.filter((id) => id !== publishers)).toEqual(made);
  expect(made).toHaveLength(VIEWERS);
  expect(most.inside).toBeGreaterThan(1);
  expect(most.inside).toBeLessThanOrEqual(AT_ONCE);
});
