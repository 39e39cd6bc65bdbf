import * as fc from 'fast-check';
import { expect, it } from 'vitest';
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
import { sharedServer } from '#testkit/server/shared-server.ts';
import type { SignalClient } from '#testkit/signalling/signal-client.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const server = sharedServer({
  workers: 2,
  limits: { sessionGraceMs: 60_000, idleRoomMs: 50, viewerCountIntervalMs: 10 },
});

/** One page: it remembers what a page remembers and performs each act as far as it can. */
class Actor {
  readonly room: string;
  readonly secret: ReturnType<typeof newSecret>;
  readonly role: 'publisher' | 'viewer';
  client: SignalClient | undefined;
  grant: SessionGrant | undefined;
  transportId: string | undefined;
  epoch = 0;
  #sentOn: string | undefined;
  /** Refusals that no honest page should ever get. */
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
      // Another act of this page cut the socket during the request.
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
    // A page creates its producers once on each transport.
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
/** Resumes a session; undefined when it has ended. */
async function resumeIfOpen(grant: SessionGrant | undefined) {
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
    /** Whether the next act starts only after this one. */
    waits: fc.boolean(),
  }),
  { minLength: 5, maxLength: 40 },
);

it('ROOM-3 CONN-5 CONN-13 SRV-7 the rules hold for the acts of several pages in any order', async () => {
  await fc.assert(
    fc.asyncProperty(script, async (acts) => {
      const room = server.newRoom();
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

      // ROOM-3: at most one publisher is live, whatever was claimed.
      const members = [...server.app.registry.members()].filter(
        (member) => member.room.id === room && member.session.ended === undefined,
      );
      const live = members.filter(
        (member) => member.role === 'publisher' && member.epoch === member.room.epoch,
      );
      expect(live.length).toBeLessThanOrEqual(1);

      // CONN-13: a viewer that joins now and one that resumes get the same view of the room.
      const witness = await join(await server.connect(), room);
      const view = (media: { consumers: { producerId: string }[]; epoch: number }) => ({
        epoch: media.epoch,
        producers: media.consumers.map(({ producerId }) => producerId).toSorted(),
      });
      const expected = [witness.room.status, view(witness.media)];
      for (const { grant } of cast.filter(({ role }) => role === 'viewer')) {
        const resumed = await resumeIfOpen(grant);
        const seen = resumed?.media ? [resumed.room.status, view(resumed.media)] : expected;
        expect(seen).toEqual(expected);
      }

      // SRV-7: when the owner has ended the broadcast and all have left, nothing remains.
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
