import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, expectTypeOf, it, test } from 'vitest';
import { parseSync } from 'vite';
import type { types } from 'mediasoup';
import type { RequestOf } from '#protocol/signalling.ts';
import type { connect, consume, produce, produceData } from './mediasoup-calls.ts';
import type { Rebuilt } from './rtp-parameters.ts';

const BACKEND = join(import.meta.dirname, '..');
const DOOR = 'media/mediasoup-calls.ts';
/** Hands on what mediasoup itself says of a producer, from one router to another. */
const PIPE = 'media/routing/pipe.ts';
const MEDIA = 'media/';

/** Methods of mediasoup that take what a client may have had a hand in: the door alone calls them. */
const CLIENT_DATA = [
  'connect',
  'produce',
  'consume',
  'produceData',
  'consumeData',
  'canConsume',
  'restartIce',
  'setIceServers',
  'setPreferredLayers',
  'setPriority',
  'setSubchannels',
  'addSubchannel',
  'removeSubchannel',
  'setBufferedAmountLowThreshold',
  'setMaxIncomingBitrate',
  'setMaxOutgoingBitrate',
  'setMinOutgoingBitrate',
];
/** Methods that take our own configuration: called below media/ only. */
const CONFIGURATION = [
  'createWorker',
  'createWebRtcServer',
  'createRouter',
  'createWebRtcTransport',
  'createPlainTransport',
  'createPipeTransport',
  'createDirectTransport',
  'createAudioLevelObserver',
  'createActiveSpeakerObserver',
  'pipeToRouter',
  'updateSettings',
];

/** Where `source` names such a method of some object, or takes values from mediasoup itself. */
function faultsOf(file: string, source: string): string[] {
  const faults: string[] = [];
  const check = (name: unknown) => {
    if (typeof name !== 'string') return;
    if (CLIENT_DATA.includes(name) && file !== DOOR && file !== PIPE)
      faults.push(`${file}: ${name}`);
    if (CONFIGURATION.includes(name) && !file.startsWith(MEDIA)) faults.push(`${file}: ${name}`);
  };
  walk(parseSync(file, source).program, (node) => {
    if (node.type === 'MemberExpression' && node.property?.type !== 'PrivateIdentifier') {
      check(node.property?.name ?? node.property?.value);
    }
    // const { produce } = transport
    if (node.type === 'ObjectPattern') {
      for (const { key } of node.properties ?? []) check(key?.name ?? key?.value);
    }
    if (node.type === 'ImportDeclaration' && node.source?.value === 'mediasoup') {
      if (node.importKind !== 'type' && !file.startsWith(MEDIA)) faults.push(`${file}: import`);
    }
  });
  return faults;
}

/** What is read of a syntax tree's nodes. */
interface Node {
  readonly type?: unknown;
  readonly property?: Name;
  readonly properties?: readonly { readonly key?: Name }[];
  readonly source?: Name;
  readonly importKind?: unknown;
}
interface Name {
  readonly type?: unknown;
  readonly name?: unknown;
  readonly value?: unknown;
}

function walk(value: unknown, visit: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return;
  visit(value);
  for (const inner of Object.values(value)) walk(inner, visit);
}

describe('SEC-1 SEC-2 one door to mediasoup', () => {
  it('no other file of the server calls what takes a client’s data', () => {
    const files = readdirSync(BACKEND, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
    );
    expect(files).toContain(DOOR);
    const faults = files.flatMap((file) =>
      faultsOf(file, readFileSync(join(BACKEND, file), 'utf8')),
    );
    expect(faults).toEqual([]);
  });

  test.each([
    ['a call', 'await transport.produce({})'],
    ['a call by a name in brackets', "transport['consume']({})"],
    ['a call on what may be absent', 'session.openTransport?.connect({})'],
    ['a method taken out', 'const { setPreferredLayers } = consumer'],
    ['a method taken out under another name', 'const { consumeData: f } = transport'],
    ['a method handed on', 'const f = transport.produceData.bind(transport)'],
    ['a router', 'await worker.createRouter({})'],
    ['mediasoup itself', "import { createWorker } from 'mediasoup'"],
  ])('the rule sees %s', (_what, source) => {
    expect(faultsOf('rooms/made-up.ts', source)).toHaveLength(1);
  });

  it('the rule lets types, names of our own and the door itself be', () => {
    const source = `
      import type { types } from 'mediasoup';
      const handlers = { produce: async () => publisher.addProducer(request) };
      class Viewer { #consume() { return this.#consume(); } }
    `;
    expect(faultsOf('rooms/made-up.ts', source)).toEqual([]);
    expect(faultsOf(DOOR, 'await transport.produce({})')).toEqual([]);
  });

  it('takes what was parsed or rebuilt, and nothing else', () => {
    type Given<F extends (...args: never[]) => unknown> = Parameters<F>[1];
    expectTypeOf<types.DtlsParameters>().not.toExtend<Given<typeof connect>>();
    expectTypeOf<types.SctpStreamParameters>().not.toExtend<Given<typeof produceData>>();
    expectTypeOf<types.RtpParameters>().not.toExtend<Given<typeof produce>['rtpParameters']>();
    expectTypeOf<types.RtpCapabilities>().not.toExtend<
      Parameters<typeof consume>[2]['rtpCapabilities']
    >();
    expectTypeOf<RequestOf<'join'>['rtpCapabilities']>().not.toExtend<
      Rebuilt<types.RtpCapabilities>
    >();
  });
});
