/** Sends hostile values in every field of every request, over a real socket, to a server with a real worker. */
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { ResultSchema } from '#protocol/result.ts';
import { JOIN_PATH, REQUESTS, type RequestName } from '#protocol/signalling.ts';
import { BystanderStream } from '#testkit/media/bystander-stream.ts';
import { growthPerRound, heapAfterCollection } from '#testkit/memory.ts';
import { residentBytes } from '#testkit/processes.ts';
import { type Poison, poisonedFields } from '#testkit/signalling/poisoned-requests.ts';
import { broadcast, join } from '#testkit/signalling/requests.ts';
import { sharedServer } from '#testkit/server/shared-server.ts';
import { PreparedRequest } from '#testkit/signalling/prepared-request.ts';
import { waitUntil } from '#testkit/wait-until.ts';

const NAMES = Object.keys(REQUESTS) as RequestName[];
/** Requests that can be carried out once only: a second one would be refused for that reason. */
const ONCE_ONLY: readonly RequestName[] = [
  'resume',
  'connectTransport',
  'produce',
  'produceData',
  'endBroadcast',
  'leave',
];
/** A leaked session costs tens of kilobytes, and a leaked transport as much in the worker. */
const LEAK_BYTES_PER_CASE = 1_000;

const server = sharedServer({
  limits: { sessionGraceMs: 200, idleRoomMs: 200, interruptedRoomMs: 200 },
});
let stream: BystanderStream;
let pid: number;
let requests = 0;
const worker = () => server.worker().worker;

beforeAll(async () => {
  ({ pid } = worker());
  stream = await BystanderStream.start(worker());
});
afterAll(async () => {
  await stream[Symbol.asyncDispose]();
});

/** With a new requestId, because a repeated one would get the stored answer. */
const withNewId = (json: string) =>
  json.replace('"requestId":"poison"', `"requestId":"p${(requests += 1)}"`);
/** Shortened for the report. */
const excerpt = (json: string) =>
  json.length > 200 ? `${json.slice(0, 200)}… (${json.length})` : json;

async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body,
  });
  return { status: response.status, text: await response.text() };
}

/** Undefined when the text is not JSON. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

/** Sends each poisoned request; returns what went wrong, with the text that caused it. */
async function attack(name: RequestName, poisons: readonly Poison[]): Promise<string[]> {
  const faults: string[] = [];
  let prepared = await PreparedRequest.prepare(name, server);
  for (const poison of poisons) {
    const json = withNewId(poison(prepared.payload));
    const ack = await prepared.socket.request(name, json);
    if ((await worker().dump()).pid !== pid) faults.push(`the worker died: ${excerpt(json)}`);
    if (ack === undefined) faults.push(`the socket was closed: ${excerpt(json)}`);
    else if (!v.is(ResultSchema, ack))
      faults.push(`${excerpt(JSON.stringify(ack))}: ${excerpt(json)}`);
    else if (!ack.ok && ack.code === 'internal') faults.push(`internal: ${excerpt(json)}`);
    const carriedOut = v.is(ResultSchema, ack) && ack.ok;
    if ((carriedOut && ONCE_ONLY.includes(name)) || !prepared.socket.isOpen) {
      prepared.close();
      prepared = await PreparedRequest.prepare(name, server);
    }
  }
  prepared.close();
  return faults;
}

describe('SEC-1 SEC-4 SEC-10 hostile values in every field of every request', () => {
  test.each(NAMES)('the server survives a poisoned %s', async (name) => {
    for (const { field, poisons } of poisonedFields(name)) {
      const faults = await attack(name, poisons);
      expect({ field, faults, lost: await stream.lost() }).toEqual({
        field,
        faults: [],
        lost: [],
      });
    }
    expect('polluted' in {}).toBe(false);
  });

  it('the server survives poisoned joins ahead of the socket', async () => {
    const { payload, socket } = await PreparedRequest.prepare('join', server);
    for (const { field, poisons } of poisonedFields('join')) {
      const faults: string[] = [];
      for (const poison of poisons) {
        const json = poison(payload);
        const { status, text } = await post(JOIN_PATH, json);
        if ((await worker().dump()).pid !== pid) faults.push(`the worker died: ${excerpt(json)}`);
        const result = v.safeParse(ResultSchema, parsed(text));
        if (!result.success) faults.push(`${status} ${excerpt(text)}: ${excerpt(json)}`);
        else if (!result.output.ok && result.output.code === 'internal') {
          faults.push(`internal: ${excerpt(json)}`);
        }
      }
      expect({ field, faults }).toEqual({ field, faults: [] });
    }
    socket.close();
    expect(await stream.lost()).toEqual([]);
  });

  it('the server survives poisoned overlay messages of a program', async () => {
    const owner = await server.connect();
    const room = 'poisoned-overlay';
    const { publisherSecret } = await broadcast(owner, room);
    const viewer = await server.connect();
    await join(viewer, room);
    const { payload, socket } = await PreparedRequest.prepare('setState', server);
    const [message = {}] = (payload as { messages: object[] }).messages;
    for (const { field, poisons } of poisonedFields('setState')) {
      if (!field.startsWith('messages.0')) continue;
      const faults: string[] = [];
      for (const poison of poisons) {
        // Only the message, as text: the test must not parse it, because it may not be valid JSON.
        const json = poison({ messages: [message] }).slice('{"messages":['.length, -']}'.length);
        const headers = { Authorization: `Bearer ${publisherSecret}` };
        const { status, text } = await post(`/api/rooms/${room}/overlay`, json, headers);
        if (status >= 500 || parsed(text) === undefined) {
          faults.push(`${status} ${excerpt(text)}: ${excerpt(json)}`);
        }
        if ((await worker().dump()).pid !== pid) faults.push(`the worker died: ${excerpt(json)}`);
      }
      expect({ field, faults }).toEqual({ field, faults: [] });
    }
    socket.close();
    expect(await viewer.errorCode('stateSnapshot')).toBeUndefined();
    expect(await stream.lost()).toEqual([]);
    await owner.request('endBroadcast', { epoch: 1 });
    await viewer.request('leave');
  });

  it('memory stays flat over many rounds', async () => {
    const heap: number[] = [];
    const resident: number[] = [];
    let cases = 0;
    for (let round = 0; round < 6; round += 1) {
      cases = 0;
      for (const name of NAMES) {
        const { socket, payload } = await PreparedRequest.prepare(name, server);
        for (const { poisons: all } of poisonedFields(name)) {
          // The same third in each round.
          const some = all.filter((_poison, i) => i % 3 === 0);
          cases += some.length;
          await Promise.all(some.map((poison) => socket.request(name, withNewId(poison(payload)))));
        }
        socket.close();
      }
      await waitUntil('the sessions are gone', () => server.app.registry.sessionCount === 0);
      // The first two rounds fill what stays in memory anyway: compiled code, pools, caches.
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
    expect(await stream.lost()).toEqual([]);
  });
});
