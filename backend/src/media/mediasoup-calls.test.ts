import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, expectTypeOf, it, test } from 'vitest';
import { parseSync } from 'vite';
import type { types } from 'mediasoup';
import type { RequestOf } from '#protocol/signalling.ts';
import type { connect, consume, produce, produceData } from './mediasoup-calls.ts';
import type { Rebuilt } from './rtp-parameters.ts';

const BACKEND = join(import.meta.dirname, '..');
const CALLS = 'media/mediasoup-calls.ts';
/** Passes on what mediasoup itself reports about a producer, from one router to another. */
const PIPE = 'media/routing/pipe.ts';
const MEDIA = 'media/';

/** mediasoup's methods with parameters that may depend on client input: only CALLS may call them. */
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
/** Methods whose parameters come from our own configuration: only files in media/ may call them. */
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

/** The places where `source` uses such a method of any object, or imports mediasoup. */
function violationsOf(file: string, source: string): string[] {
  const violations: string[] = [];
  const check = (name: unknown) => {
    if (typeof name !== 'string') return;
    if (CLIENT_DATA.includes(name) && file !== CALLS && file !== PIPE)
      violations.push(`${file}: ${name}`);
    if (CONFIGURATION.includes(name) && !file.startsWith(MEDIA))
      violations.push(`${file}: ${name}`);
  };
  walk(parseSync(file, source).program, (node) => {
    if (node.type === 'MemberExpression' && node.property?.type !== 'PrivateIdentifier') {
      check(node.property?.name ?? node.property?.value);
    }
    // const { produce } = transport
    if (node.type === 'ObjectPattern') {
      for (const { key } of node.properties ?? []) check(key?.name ?? key?.value);
    }
    // An import, a re-export or an import(), of values or types.
    if (node.source?.value === 'mediasoup' && !file.startsWith(MEDIA)) {
      violations.push(`${file}: import`);
    }
  });
  return violations;
}

/** The fields of a syntax tree node that this test reads. */
interface Node {
  readonly type?: unknown;
  readonly property?: Name;
  readonly properties?: readonly { readonly key?: Name }[];
  readonly source?: Name;
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

describe('SEC-1 SEC-2 one module calls mediasoup with client input', () => {
  it('no other file of the server calls these methods', () => {
    const files = readdirSync(BACKEND, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
    );
    expect(files).toContain(CALLS);
    const violations = files.flatMap((file) =>
      violationsOf(file, readFileSync(join(BACKEND, file), 'utf8')),
    );
    expect(violations).toEqual([]);
  });

  test.each([
    ['a call', 'await transport.produce({})'],
    ['a call by a name in brackets', "transport['consume']({})"],
    ['a call on what may be absent', 'session.openTransport?.connect({})'],
    ['a destructured method', 'const { setPreferredLayers } = consumer'],
    ['a destructured method under another name', 'const { consumeData: f } = transport'],
    ['a method passed on', 'const f = transport.produceData.bind(transport)'],
    ['a router', 'await worker.createRouter({})'],
    ['mediasoup itself', "import { createWorker } from 'mediasoup'"],
    ['its types', "import type { types } from 'mediasoup'"],
    ['a re-export of its types', "export type { types } from 'mediasoup'"],
  ])('the rule finds %s', (_case, source) => {
    expect(violationsOf('rooms/made-up.ts', source)).toHaveLength(1);
  });

  it('the rule allows media/types.ts, our own names and the module itself', () => {
    const source = `
      import type { types } from '../media/types.ts';
      const handlers = { produce: async () => publisher.addProducer(request) };
      class Viewer { #consume() { return this.#consume(); } }
    `;
    expect(violationsOf('rooms/made-up.ts', source)).toEqual([]);
    expect(violationsOf(CALLS, 'await transport.produce({})')).toEqual([]);
  });

  it('accepts only parsed or rebuilt values', () => {
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
