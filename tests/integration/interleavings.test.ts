import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OnecastError } from '#protocol/errors.ts';
import type { SessionGrant } from '#protocol/signalling.ts';
import { newSecret } from '#backend/admission/secrets.ts';
import {
  broadcast,
  claim,
  join,
  produceAudio,
  produceOverlay,
  produceVideo,
  resume,
} from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import type { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

let server: InProcessServer;
let rooms = 0;

beforeAll(async () => {
  server = await InProcessServer.start({
    workers: 2,
    limits: { sessionGraceMs: 60_000, idleRoomMs: 50, viewerCountIntervalMs: 10 },
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** One page: it holds what a page holds, and does what it is told as far as it can. */
class Actor {
  readonly room: string;
  readonly secret: ReturnType<typeof newSecret>;
  readonly role: 'publisher' | 'viewer';
  client: SignalClient | undefined;
  grant: SessionGrant | undefined;
  transportId: string | undefined;
  epoch = 0;
  #sentOn: string | undefined;
  /** Codes that no honest page should ever see. */
  readonly faults: string[] = [];

  constructor(role: 'publisher' | 'viewer', room: string, secret: ReturnType<typeof newSecret>) {
    this.role = role;
    this.room = room;
    this.secret = secret;
  }

  async do(act: Act): Promise<void> {
    try {
      await this[act]();
    } catch (error) {
      // The socket was cut under the request, by another act of this page.
      if (!(error instanceof OnecastError)) {
        if (String(error).includes('timed out')) this.faults.push(`${this.role} ${act}: no answer`);
        return;
      }
      if (['internal', 'bad-request', 'room-taken', 'codec-unsupported'].includes(error.code)) {
        this.faults.push(`${this.role} ${act}: ${error.code}`);
      }
    }
  }

  async enter(): Promise<void> {
    const client = await this.#socket();
    if (this.role === 'viewer') {
      const { session, transport } = await join(client, this.room);
      this.grant = session;
      this.transportId = transport.id;
    } else {
      const answer = await claim(client, this.room, this.secret);
      this.grant = answer.session;
      this.transportId = answer.transport.id;
      this.epoch = answer.epoch;
    }
  }

  async send(): Promise<void> {
    if (this.role !== 'publisher' || this.transportId === undefined) return;
    const client = await this.#socket();
    const { transportId } = this;
    // A page makes what it sends once on each transport.
    if (this.#sentOn === transportId) return;
    this.#sentOn = transportId;
    await Promise.all([
      produceOverlay(client, transportId),
      produceAudio(client, transportId),
      produceVideo(client, transportId),
    ]);
  }

  async resume(): Promise<void> {
    if (!this.grant) return;
    const client = await server.connect();
    this.client?.cut();
    this.client = client;
    this.grant = (await resume(client, this.grant)).session;
  }

  async renew(): Promise<void> {
    const client = await this.#socket();
    this.transportId = (await client.request('renewTransport')).transport.id;
  }

  async renewConsumers(): Promise<void> {
    if (this.role === 'viewer') await (await this.#socket()).request('renewConsumers');
  }

  async cut(): Promise<void> {
    this.client?.cut();
    this.client = undefined;
  }

  async leave(): Promise<void> {
    await this.client?.request('leave');
  }

  async end(): Promise<void> {
    if (this.role === 'publisher') {
      await this.client?.request('endBroadcast', { epoch: this.epoch });
    }
  }

  async #socket(): Promise<SignalClient> {
    if (this.client?.connected) return this.client;
    this.client = await server.connect();
    return this.client;
  }
}

const ACTS = ['enter', 'send', 'resume', 'renew', 'renewConsumers', 'cut', 'leave', 'end'] as const;
type Act = (typeof ACTS)[number];
/** Undefined where the session is over. */
async function takenUp(grant: SessionGrant | undefined) {
  if (!grant || !server.app.registry.member(grant.sessionId)) return undefined;
  return resume(await server.connect(), grant);
}

const CAST = ['publisher', 'publisher', 'viewer', 'viewer'] as const;

const script = fc.array(
  fc.record({
    actor: fc.nat({ max: CAST.length - 1 }),
    act: fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...ACTS) },
      { weight: 1, arbitrary: fc.constantFrom<Act>('enter', 'send') },
    ),
    /** Whether the next act waits for the end of this one. */
    waits: fc.boolean(),
  }),
  { minLength: 5, maxLength: 40 },
);

it('ROOM-3 CONN-5 CONN-13 SRV-7 acts of several pages in any order', async () => {
  await fc.assert(
    fc.asyncProperty(script, async (acts) => {
      const room = `room-${(rooms += 1)}`;
      const secret = newSecret();
      const cast = CAST.map((role) => new Actor(role, room, secret));
      const running: Promise<void>[] = [];
      for (const { actor, act, waits } of acts) {
        const done = cast[actor]?.do(act) ?? Promise.resolve();
        running.push(done);
        if (waits) await done;
      }
      await Promise.all(running);
      expect(cast.flatMap(({ faults }) => faults)).toEqual([]);

      // ROOM-3: at most one publisher is on air, whatever was claimed.
      const members = [...server.app.registry.members()].filter(
        (member) => member.room.id === room && member.session.ended === undefined,
      );
      const onAir = members.filter(
        (member) => member.role === 'publisher' && member.epoch === member.room.epoch,
      );
      expect(onAir.length).toBeLessThanOrEqual(1);

      // CONN-13: who joins now and who takes a session up are given the same picture of the room.
      const witness = await join(await server.connect(), room);
      const truth = (given: { consumers: { producerId: string }[]; epoch: number }) => ({
        epoch: given.epoch,
        producers: given.consumers.map(({ producerId }) => producerId).toSorted(),
      });
      const expected = [witness.room.status, truth(witness.media)];
      for (const { grant } of cast.filter(({ role }) => role === 'viewer')) {
        const resumed = await takenUp(grant);
        const seen = resumed?.media ? [resumed.room.status, truth(resumed.media)] : expected;
        expect(seen).toEqual(expected);
      }

      // SRV-7: with everybody gone, and the broadcast ended by who owns it, nothing is left.
      const last = await server.connect();
      const { epoch } = await broadcast(last, room, secret);
      await last.request('endBroadcast', { epoch });
      for (const member of server.app.registry.members()) member.session.close('left');
      for (const { client } of cast) client?.close();
      expect(server.app.registry.sessionCount).toBe(0);
      await waitUntil('nothing is left', async () => {
        const left = await server.mediaInUse();
        return left.routers + left.transports + left.iceUsers === 0;
      });
    }),
    { numRuns: 30, endOnFailure: true },
  );
});
