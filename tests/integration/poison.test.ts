/** Every field of every request filled with what no page would send, over a real socket, against a real worker. */
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { ResultSchema } from '#protocol/result.ts';
import { JOIN_PATH, REQUESTS, type RequestName } from '#protocol/signalling.ts';
import { BystanderStream } from '#testkit/media/bystander-stream.ts';
import { growthPerRound, heapAfterCollection } from '#testkit/memory.ts';
import { residentBytes } from '#testkit/processes.ts';
import { type Poison, poisonedFields } from '#testkit/signalling/poisoned-requests.ts';
import { broadcast, join } from '#testkit/signalling/requests.ts';
import { InProcessServer } from '#testkit/server/in-process-server.ts';
import { PreparedRequest } from '#testkit/signalling/prepared-request.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const NAMES = Object.keys(REQUESTS) as RequestName[];
/** Carried out once on a stage; a second time it would be refused for that. */
const CONSUMED: readonly RequestName[] = [
  'resume',
  'connectTransport',
  'produce',
  'produceData',
  'endBroadcast',
  'leave',
];
/** A session costs tens of kilobytes, a transport as much in the worker. */
const LEAK_BYTES_PER_CASE = 1_000;

let server: InProcessServer;
let picture: BystanderStream;
let pid: number;
let requests = 0;
const worker = () => {
  const [seat] = server.app.pool.workers;
  if (!seat) throw new Error('the worker is gone');
  return seat.worker;
};

beforeAll(async () => {
  server = await InProcessServer.start({
    limits: { sessionGraceMs: 200, idleRoomMs: 200, interruptedRoomMs: 200 },
  });
  ({ pid } = worker());
  picture = await BystanderStream.start(worker());
});
afterAll(async () => {
  await picture[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** A repeated requestId would get the answer of the first and reach nothing. */
const withOwnId = (json: string) =>
  json.replace('"requestId":"poison"', `"requestId":"p${(requests += 1)}"`);
/** Short enough to stand in a report. */
const shown = (json: string) =>
  json.length > 200 ? `${json.slice(0, 200)}… (${json.length})` : json;

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body,
  });
  return { status: response.status, text: await response.text() };
}

/** Undefined where it is no JSON. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

/** Sends each case as a request of this name; what went wrong, with the text that did it. */
async function attack(name: RequestName, poisons: readonly Poison[]): Promise<string[]> {
  const faults: string[] = [];
  let stage = await PreparedRequest.prepare(name, server);
  for (const poison of poisons) {
    const json = withOwnId(poison(stage.payload));
    const ack = await stage.socket.request(name, json);
    if ((await worker().dump()).pid !== pid) faults.push(`the worker died: ${shown(json)}`);
    if (ack === undefined) faults.push(`the socket was closed: ${shown(json)}`);
    else if (!v.is(ResultSchema, ack)) faults.push(`${shown(JSON.stringify(ack))}: ${shown(json)}`);
    else if (!ack.ok && ack.code === 'internal') faults.push(`internal: ${shown(json)}`);
    const carriedOut = v.is(ResultSchema, ack) && ack.ok;
    if ((carriedOut && CONSUMED.includes(name)) || !stage.socket.isOpen) {
      stage.close();
      stage = await PreparedRequest.prepare(name, server);
    }
  }
  stage.close();
  return faults;
}

describe('SEC-1 SEC-4 SEC-10 every field of every request poisoned', () => {
  test.each(NAMES)('%s', async (name) => {
    for (const { field, poisons } of poisonedFields(name)) {
      const faults = await attack(name, poisons);
      expect({ field, faults, lost: await picture.lost() }).toEqual({
        field,
        faults: [],
        lost: [],
      });
    }
    expect('polluted' in {}).toBe(false);
  });

  it('join, posted ahead of the socket', async () => {
    const { payload: base, socket } = await PreparedRequest.prepare('join', server);
    for (const { field, poisons } of poisonedFields('join')) {
      const faults: string[] = [];
      for (const poison of poisons) {
        const json = poison(base);
        const { status, text } = await post(JOIN_PATH, json);
        if ((await worker().dump()).pid !== pid) faults.push(`the worker died: ${shown(json)}`);
        const result = v.safeParse(ResultSchema, parsed(text));
        if (!result.success) faults.push(`${status} ${shown(text)}: ${shown(json)}`);
        else if (!result.output.ok && result.output.code === 'internal') {
          faults.push(`internal: ${shown(json)}`);
        }
      }
      expect({ field, faults }).toEqual({ field, faults: [] });
    }
    socket.close();
    expect(await picture.lost()).toEqual([]);
  });

  it('overlay messages of a program, posted', async () => {
    const owner = await server.connect();
    const room = 'poisoned-overlay';
    const { publisherSecret } = await broadcast(owner, room);
    const viewer = await server.connect();
    await join(viewer, room);
    const { payload: base, socket } = await PreparedRequest.prepare('setState', server);
    const [message = {}] = (base as { messages: object[] }).messages;
    for (const { field, poisons } of poisonedFields('setState')) {
      if (!field.startsWith('messages.0')) continue;
      const faults: string[] = [];
      for (const poison of poisons) {
        // The message alone, as text: no parser of ours may trip over it first.
        const json = poison({ messages: [message] }).slice('{"messages":['.length, -']}'.length);
        const headers = { Authorization: `Bearer ${publisherSecret}` };
        const { status, text } = await post(`/api/rooms/${room}/overlay`, json, headers);
        if (status >= 500 || parsed(text) === undefined) {
          faults.push(`${status} ${shown(text)}: ${shown(json)}`);
        }
        if ((await worker().dump()).pid !== pid) faults.push(`the worker died: ${shown(json)}`);
      }
      expect({ field, faults }).toEqual({ field, faults: [] });
    }
    socket.close();
    expect(await viewer.errorCode('stateSnapshot')).toBeUndefined();
    expect(await picture.lost()).toEqual([]);
    await owner.request('endBroadcast', { epoch: 1 });
    await viewer.request('leave');
  });

  it('over and over: memory is flat', async () => {
    const heap: number[] = [];
    const resident: number[] = [];
    let cases = 0;
    for (let round = 0; round < 6; round += 1) {
      cases = 0;
      for (const name of NAMES) {
        const { socket, payload: base } = await PreparedRequest.prepare(name, server);
        for (const { poisons: all } of poisonedFields(name)) {
          // The same third each time: what leaks does so for every kind of field.
          const some = all.filter((_poison, i) => i % 3 === 0);
          cases += some.length;
          await Promise.all(some.map((poison) => socket.request(name, withOwnId(poison(base)))));
        }
        socket.close();
      }
      await waitUntil('the sessions are gone', () => server.app.registry.sessionCount === 0);
      // The first two fill what is kept for good: compiled code, pools, caches.
      if (round < 2) continue;
      heap.push(heapAfterCollection());
      resident.push(residentBytes(pid));
    }
    const perCase = (samples: readonly number[]) => Math.round(growthPerRound(samples) / cases);
    const growth = { heap: perCase(heap), worker: perCase(resident) };
    console.info(`${cases} cases a round; growth in bytes per case: ${JSON.stringify(growth)}`);
    expect(growth.heap).toBeLessThan(LEAK_BYTES_PER_CASE);
    expect(growth.worker).toBeLessThan(LEAK_BYTES_PER_CASE);
    expect(worker().pid).toBe(pid);
    expect(await picture.lost()).toEqual([]);
  });
});
