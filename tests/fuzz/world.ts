/** Runs a script of commands on a real server and on the model, and compares them. */
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import chromium from '#protocol/fixtures/chromium-156.json' with { type: 'json' };
import type { ErrorCode } from '#protocol/errors.ts';
import { ResultSchema } from '#protocol/result.ts';
import { ANSWERS, type AnswerOf, REQUESTS, type RequestName } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import { poisonedFields } from '#testkit/signalling/poisoned-requests.ts';
import type { InProcessServer } from '#testkit/server/in-process-server.ts';
import { SignalClient } from '#testkit/signalling/signal-client.ts';
import { PreparedRequest } from '#testkit/signalling/prepared-request.ts';
import {
  claimed,
  claimRefused,
  end,
  type Kind,
  type ModelRoom,
  type ModelSession,
  newRoom,
  begun,
  producersSeen,
  refusalOf,
  resumed,
  resumeOf,
} from './model.ts';

export const ACTORS = 4;
export const ROOMS = 2;
export const PICKS = 12;

export const OPS = [
  'join',
  'publish',
  'resume',
  'connectTransport',
  'restartIce',
  'renewTransport',
  'produceVideo',
  'produceAudio',
  'produceData',
  'closeProducer',
  'setSources',
  'endBroadcast',
  'resumeConsumers',
  'requestKeyFrame',
  'renewConsumers',
  'report',
  'leave',
  'repeat',
  'cut',
  'poison',
] as const;

/** One command as plain JSON, so that a script that fails can be saved. */
export interface Command {
  readonly op: (typeof OPS)[number];
  readonly actor: number;
  readonly room: number;
  /** Selects an id, secret or value: the actor's own, another's, or an invented one. */
  readonly pick: number;
}

const INVENTED_ID = '00000000-0000-4000-8000-000000000000';
const INVENTED_SECRET = 'A'.repeat(43);
const REPORT = {
  join: { way: 'ahead', steps: { asked: 1, answered: 2, 'set-up': 3, frame: 4 } },
  match: { method: 'tag' },
};
const NAMES = Object.keys(REQUESTS) as RequestName[];
let worlds = 0;
let requests = 0;

interface Actor {
  client: SignalClient;
  session: ModelSession | undefined;
  last:
    | { name: RequestName; payload: object; ack: unknown; by: ModelSession | undefined }
    | undefined;
}

export class World {
  readonly #server: InProcessServer;
  readonly #actors: Actor[];
  readonly #rooms: ModelRoom[];
  readonly #sessions: ModelSession[] = [];

  static async open(server: InProcessServer): Promise<World> {
    const actors = Array.from({ length: ACTORS }, async () =>
      newActor(await SignalClient.connect(server.url)),
    );
    return new World(server, await Promise.all(actors));
  }

  private constructor(server: InProcessServer, actors: Actor[]) {
    this.#server = server;
    this.#actors = actors;
    worlds += 1;
    this.#rooms = Array.from({ length: ROOMS }, (_, i) => newRoom(`fuzz-${worlds}-${i}`));
  }

  /** @throws when the server deviates from the model */
  async run({ op, actor: who, room: where, pick }: Command): Promise<void> {
    const actor = this.#actors[who % ACTORS];
    const room = this.#rooms[where % ROOMS];
    if (!actor || !room) throw new Error('there are actors and rooms');
    switch (op) {
      case 'join':
        return this.#join(actor, room);
      case 'publish':
        return this.#publish(actor, room, pick);
      case 'resume':
        return this.#resume(actor, pick);
      case 'connectTransport':
        return this.#connectTransport(actor, pick);
      case 'restartIce':
        return this.#restartIce(actor, pick);
      case 'renewTransport':
        return this.#renewTransport(actor);
      case 'produceVideo':
        return this.#produce(actor, 'video', pick);
      case 'produceAudio':
        return this.#produce(actor, 'audio', pick);
      case 'produceData':
        return this.#produceData(actor, pick);
      case 'closeProducer':
        return this.#closeProducer(actor, pick);
      case 'setSources':
        return this.#setSources(actor, pick);
      case 'endBroadcast':
        return this.#endBroadcast(actor, pick);
      case 'resumeConsumers':
        return this.#resumeConsumers(actor, pick);
      case 'requestKeyFrame':
        await this.#request(actor, 'requestKeyFrame', {}, refusalOf(actor.session, 'viewer'));
        return;
      case 'renewConsumers':
        return this.#renewConsumers(actor);
      case 'report':
        await this.#request(actor, 'report', REPORT, refusalOf(actor.session, 'viewer'));
        return;
      case 'leave':
        return this.#leave(actor);
      case 'repeat':
        return this.#repeat(actor);
      case 'cut':
        return this.#cut(actor);
      case 'poison':
        return this.#poison(pick * 31 + who * 7 + where);
      default:
        return op satisfies never;
    }
  }

  close(): void {
    for (const { client } of this.#actors) client.close();
    // All rooms, because nothing else runs on this server; this includes those of poisoned requests.
    for (const room of this.#server.app.registry.rooms()) room.close();
  }

  // --- entering a room

  async #join(actor: Actor, room: ModelRoom): Promise<void> {
    const { rtpCapabilities } = chromium;
    const payload = { protocol: PROTOCOL_VERSION, room: room.id, rtpCapabilities };
    const answer = await this.#request(actor, 'join', payload, undefined);
    if (!answer) return;
    const { session, transport, media } = answer;
    expectSame('the producers that a viewer receives', idsOf(media), producersSeen(room));
    this.#enter(actor, sessionOf('viewer', room, session, transport.id, 0));
  }

  async #publish(actor: Actor, room: ModelRoom, pick: number): Promise<void> {
    const shown = [undefined, INVENTED_SECRET, room.ownerSecret, room.ownerSecret][pick % 4];
    const payload = {
      protocol: PROTOCOL_VERSION,
      room: room.id,
      ...(shown !== undefined && { publisherSecret: shown }),
    };
    const expected = claimRefused(room, shown) ? 'room-taken' : undefined;
    const answer = await this.#request(actor, 'publish', payload, expected);
    if (!answer) return;
    room.claims += 1;
    expectSame('the epoch of a claim', answer.epoch, room.claims);
    room.ownerSecret ??= answer.publisherSecret;
    expectSame('the secret of the room', answer.publisherSecret, room.ownerSecret);
    const { session, transport, epoch } = answer;
    const made = sessionOf('publisher', room, session, transport.id, epoch);
    claimed(room, made);
    this.#enter(actor, made);
  }

  async #resume(actor: Actor, pick: number): Promise<void> {
    const session = this.#sessions[pick % Math.max(1, this.#sessions.length)];
    const stranger = this.#sessions[(pick + 1) % Math.max(1, this.#sessions.length)];
    const sessionId = session?.sessionId ?? 'A'.repeat(16);
    const secrets = [
      session?.current,
      session?.previous,
      session?.spent.at(-1),
      stranger?.current,
      session?.current,
    ];
    const resumeSecret = secrets[pick % secrets.length] ?? INVENTED_SECRET;
    const outcome = session ? resumeOf(session, resumeSecret) : 'refused';
    const payload = { protocol: PROTOCOL_VERSION, sessionId, resumeSecret };
    const expected = outcome === 'resumes' ? undefined : 'session-gone';
    const answer = await this.#request(actor, 'resume', payload, expected);
    if (session && outcome === 'ends') end(session, 'session-gone');
    if (!session || !answer) return;
    resumed(session, resumeSecret, answer.session.resumeSecret);
    expectSame('the transport', answer.transportId, session.transportId);
    if (session.role === 'viewer') {
      expectSame(
        'the producers that a viewer receives',
        idsOf(answer.media),
        producersSeen(session.room),
      );
    } else {
      const own = [...session.producers.values(), session.dataProducerId ?? []].flat();
      expectSame('producers', answer.producerIds.toSorted(), own.toSorted());
    }
    // CONN-3: the server drops the session's old socket.
    for (const other of this.#actors) {
      if (other !== actor && other.session === session) await this.#cut(other);
    }
    this.#setSession(actor, session);
  }

  #enter(actor: Actor, session: ModelSession): void {
    this.#sessions.push(session);
    this.#setSession(actor, session);
  }

  /** LIMIT-5: a viewer that enters again on the same socket leaves no session behind. */
  #setSession(actor: Actor, session: ModelSession): void {
    const before = actor.session;
    if (before?.role === 'viewer' && before !== session) end(before, 'session-gone');
    actor.session = session;
  }

  // --- transports

  async #connectTransport(actor: Actor, pick: number): Promise<void> {
    const { session } = actor;
    const { transportId, isOwn } = this.#transport(actor, pick);
    // mediasoup refuses a second attempt without reporting whose fault it is.
    const second = session?.connected ? 'internal' : undefined;
    const expected = refusalOf(session) ?? (isOwn ? second : 'transport-gone');
    const { dtlsParameters } = chromium;
    await this.#request(actor, 'connectTransport', { transportId, dtlsParameters }, expected);
    if (session && expected === undefined) session.connected = true;
  }

  async #restartIce(actor: Actor, pick: number): Promise<void> {
    const { transportId, isOwn } = this.#transport(actor, pick);
    const expected = refusalOf(actor.session) ?? (isOwn ? undefined : 'transport-gone');
    await this.#request(actor, 'restartIce', { transportId }, expected);
  }

  async #renewTransport(actor: Actor): Promise<void> {
    const { session } = actor;
    const answer = await this.#request(actor, 'renewTransport', {}, refusalOf(session));
    if (!session || !answer) return;
    session.transportId = answer.transport.id;
    session.connected = false;
    session.producers.clear();
    session.hasBegun = false;
    session.dataProducerId = undefined;
    if (session.role === 'viewer') {
      expectSame(
        'the producers that a viewer receives',
        idsOf(answer.media),
        producersSeen(session.room),
      );
    }
  }

  /** Mostly the actor's own transport, sometimes another's, sometimes none at all. */
  #transport({ session }: Actor, pick: number): { transportId: string; isOwn: boolean } {
    const foreign = this.#sessions.find((other) => other !== session)?.transportId;
    const transportId =
      (pick % 6 === 4 ? foreign : pick % 6 === 5 ? INVENTED_ID : session?.transportId) ??
      INVENTED_ID;
    return { transportId, isOwn: transportId === session?.transportId };
  }

  // --- publisher requests

  async #produce(actor: Actor, kind: Kind, pick: number): Promise<void> {
    const { session } = actor;
    const { transportId, isOwn } = this.#transport(actor, pick);
    const twice = session?.producers.has(kind) ? 'internal' : undefined;
    const expected = refusalOf(session, 'publisher') ?? (isOwn ? twice : 'transport-gone');
    const rtpParameters = kind === 'video' ? chromium.simulcastVp8 : chromium.opus;
    const payload = { transportId, kind, rtpParameters };
    const answer = await this.#request(actor, 'produce', payload, expected);
    if (!session || !answer) return;
    session.producers.set(kind, answer.producerId);
    if (kind === 'video') begun(session);
  }

  async #produceData(actor: Actor, pick: number): Promise<void> {
    const { session } = actor;
    const { transportId, isOwn } = this.#transport(actor, pick);
    const twice = session?.dataProducerId === undefined ? undefined : 'internal';
    const expected = refusalOf(session, 'publisher') ?? (isOwn ? twice : 'transport-gone');
    const { sctpStreamParameters } = chromium;
    const payload = { transportId, sctpStreamParameters };
    const answer = await this.#request(actor, 'produceData', payload, expected);
    if (session && answer) session.dataProducerId = answer.producerId;
  }

  async #closeProducer(actor: Actor, pick: number): Promise<void> {
    const { session } = actor;
    const all = this.#sessions.flatMap(({ producers }) => [...producers.values()]);
    const own = [...(session?.producers.values() ?? [])];
    const producerId = [...own, ...own, ...all, INVENTED_ID][pick] ?? INVENTED_ID;
    const expected = refusalOf(session, 'publisher');
    await this.#request(actor, 'closeProducer', { producerId }, expected);
    if (expected !== undefined) return;
    for (const [kind, id] of session?.producers ?? []) {
      if (id === producerId) session?.producers.delete(kind);
    }
  }

  async #setSources(actor: Actor, pick: number): Promise<void> {
    const { session } = actor;
    const states = ['on', 'muted', 'off'] as const;
    const [video, audio] = [states[pick % 3], states[(pick + 1) % 3]];
    const expected = refusalOf(session, 'publisher');
    await this.#request(actor, 'setSources', { video, audio }, expected);
    if (session && expected === undefined) begun(session);
  }

  async #endBroadcast(actor: Actor, pick: number): Promise<void> {
    const { session } = actor;
    const epoch = (session?.epoch ?? 0) + (pick % 3 === 2 ? 1 : 0);
    const stale = epoch === session?.epoch ? undefined : 'stale-epoch';
    const expected = refusalOf(session, 'publisher') ?? stale;
    await this.#request(actor, 'endBroadcast', { epoch }, expected);
    if (session && expected === undefined) end(session, 'session-gone');
  }

  // --- viewer requests

  async #resumeConsumers(actor: Actor, pick: number): Promise<void> {
    const consumerIds = Array.from({ length: pick % 9 }, () => INVENTED_ID);
    const expected = refusalOf(actor.session, 'viewer');
    await this.#request(actor, 'resumeConsumers', { consumerIds }, expected);
  }

  async #renewConsumers(actor: Actor): Promise<void> {
    const { session } = actor;
    const answer = await this.#request(actor, 'renewConsumers', {}, refusalOf(session, 'viewer'));
    if (session && answer) {
      expectSame(
        'the producers that a viewer receives',
        idsOf(answer),
        producersSeen(session.room),
      );
    }
  }

  // --- all roles

  async #leave(actor: Actor): Promise<void> {
    const expected = refusalOf(actor.session);
    await this.#request(actor, 'leave', {}, expected);
    if (actor.session && expected === undefined) end(actor.session, 'session-gone');
  }

  /** CONN-4: the server gives the same answer and does nothing again. */
  async #repeat(actor: Actor): Promise<void> {
    const { last } = actor;
    if (!last || last.by !== actor.session) return;
    expectSame(
      `a repeated ${last.name}`,
      await actor.client.raw(last.name, last.payload),
      last.ack,
    );
  }

  async #cut(actor: Actor): Promise<void> {
    actor.client.close();
    actor.client = await SignalClient.connect(this.#server.url);
    actor.session = undefined;
    actor.last = undefined;
  }

  /** A stranger with a room of its own sends a hostile request. */
  async #poison(seed: number): Promise<void> {
    const name = NAMES[seed % NAMES.length] ?? 'join';
    const fields = [...poisonedFields(name)];
    const poisons = fields[seed % fields.length]?.poisons ?? [];
    const poison = poisons[(seed * 17) % poisons.length];
    const valid = await PreparedRequest.prepare(name, this.#server);
    try {
      const ack = await valid.socket.request(name, poison?.(valid.payload) ?? 'null');
      if (!v.is(ResultSchema, ack)) throw new Error(`poisoned ${name}: no answer`);
      if (!ack.ok && ack.code === 'internal') throw new Error(`poisoned ${name}: internal`);
    } finally {
      valid.close();
    }
  }

  /** The answer; undefined when the server refused as expected. @throws when the outcome is another */
  async #request<N extends RequestName>(
    actor: Actor,
    name: N,
    fields: object,
    expected: ErrorCode | undefined,
  ): Promise<AnswerOf<N> | undefined> {
    const payload = { requestId: `f${(requests += 1)}`, ...fields };
    const ack = await actor.client.raw(name, payload);
    const result = v.parse(ResultSchema, ack);
    expectSame(name, result.ok ? undefined : result.code, expected);
    actor.last = { name, payload, ack, by: actor.session };
    if (!result.ok) return undefined;
    return v.parse(ANSWERS[name], result.value) as AnswerOf<N>;
  }
}

function newActor(client: SignalClient): Actor {
  return { client, session: undefined, last: undefined };
}

function sessionOf(
  role: ModelSession['role'],
  room: ModelRoom,
  grant: { sessionId: string; resumeSecret: string },
  transportId: string,
  epoch: number,
): ModelSession {
  return {
    role,
    room,
    sessionId: grant.sessionId,
    current: grant.resumeSecret,
    previous: undefined,
    spent: [],
    ended: undefined,
    transportId,
    connected: false,
    producers: new Map(),
    hasBegun: false,
    dataProducerId: undefined,
    epoch,
  };
}

function idsOf(media: { consumers: readonly { producerId: string }[] } | null): string[] {
  return (media?.consumers ?? []).map(({ producerId }) => producerId).toSorted();
}

function expectSame(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
}
