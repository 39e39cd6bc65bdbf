import * as fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it, test } from 'vitest';
import chromium from './fixtures/chromium-156.json' with { type: 'json' };
import {
  DtlsParametersSchema,
  RtpCapabilitiesSchema,
  RtpParametersSchema,
  SctpStreamParametersSchema,
} from './media-schemas.ts';

/** What Firefox sends differently: numbers for max-fs, a braced cname, no scalabilityMode, unordered ids. */
const firefoxVp8 = {
  mid: '0',
  codecs: [
    {
      mimeType: 'video/VP8',
      payloadType: 120,
      clockRate: 90_000,
      parameters: { 'max-fs': 12_288, 'max-fr': 60 },
      rtcpFeedback: [
        { type: 'nack', parameter: '' },
        { type: 'nack', parameter: 'pli' },
        { type: 'ccm', parameter: 'fir' },
        { type: 'goog-remb', parameter: '' },
        { type: 'transport-cc', parameter: '' },
      ],
    },
    { mimeType: 'video/rtx', payloadType: 124, clockRate: 90_000, parameters: { apt: 120 } },
  ],
  headerExtensions: [
    { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 3, encrypt: false, parameters: {} },
    { uri: 'urn:ietf:params:rtp-hdrext:toffset', id: 5, encrypt: false, parameters: {} },
  ],
  encodings: [
    { rid: 'r0', maxBitrate: 150_000, scaleResolutionDownBy: 4 },
    { rid: 'r1', maxBitrate: 500_000, scaleResolutionDownBy: 1.5 },
  ],
  rtcp: { cname: '{0a2b6dcf-9b63-4e0b-a3a3-2a1d5f3f9b1e}', reducedSize: true },
};

/** H.265 as Safari lists it, in addition to what every browser has. */
const safariCapabilities = {
  codecs: [
    {
      kind: 'video',
      mimeType: 'video/H265',
      preferredPayloadType: 104,
      clockRate: 90_000,
      parameters: { 'level-id': 93, 'profile-id': 1, 'tier-flag': 0, 'tx-mode': 'SRST' },
      rtcpFeedback: [{ type: 'nack', parameter: 'pli' }],
    },
    {
      kind: 'audio',
      mimeType: 'audio/opus',
      preferredPayloadType: 111,
      clockRate: 48_000,
      channels: 2,
    },
    {
      kind: 'audio',
      mimeType: 'audio/telephone-event',
      preferredPayloadType: 126,
      clockRate: 8000,
    },
  ],
  headerExtensions: [
    {
      kind: 'audio',
      uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
      preferredId: 1,
      preferredEncrypt: false,
      direction: 'sendrecv',
    },
  ],
};

/** Sent by clients but useless to mediasoup: `msid` names the publisher's own tracks. */
function withoutUnused(parameters: { readonly [name: string]: unknown; encodings: object[] }) {
  const { msid: _msid, encodings, ...rest } = parameters;
  return {
    ...rest,
    encodings: encodings.map((encoding) =>
      Object.fromEntries(Object.entries(encoding).filter(([name]) => name !== 'active')),
    ),
  };
}

describe('what browsers send passes unchanged', () => {
  it('Chromium: capabilities, DTLS and SCTP parameters', () => {
    expect(v.parse(RtpCapabilitiesSchema, chromium.rtpCapabilities)).toEqual(
      chromium.rtpCapabilities,
    );
    expect(v.parse(DtlsParametersSchema, chromium.dtlsParameters)).toEqual(chromium.dtlsParameters);
    expect(v.parse(SctpStreamParametersSchema, chromium.sctpStreamParameters)).toEqual(
      chromium.sctpStreamParameters,
    );
  });

  test.each(['simulcastVp8', 'opus', 'svcVp9', 'h264'] as const)('Chromium: %s', (name) => {
    const parameters = chromium[name];
    expect(v.parse(RtpParametersSchema, parameters)).toEqual(withoutUnused(parameters));
  });

  it('Firefox and Safari', () => {
    expect(v.parse(RtpParametersSchema, firefoxVp8)).toEqual(firefoxVp8);
    expect(v.parse(RtpCapabilitiesSchema, safariCapabilities)).toEqual(safariCapabilities);
  });
});

/** A copy of `base` with `value` at `path`. */
function withAt<T>(base: T, path: string, value: unknown): T {
  const copy = structuredClone(base);
  const names = path.split('.');
  const last = names.pop() ?? '';
  // oxlint-disable-next-line typescript/no-explicit-any -- walks into a value made by the test
  const parent = names.reduce((at: any, name) => at[name], copy);
  parent[last] = value;
  return copy;
}

/** The `values` that the schema accepts at `path`: there should be none. */
function accepted(schema: v.GenericSchema, base: unknown, [path, ...values]: Bad): unknown[] {
  return values.filter((value) => v.safeParse(schema, withAt(base, path, value)).success);
}

type Bad = readonly [path: string, ...values: unknown[]];

const disguised = { valueOf: () => 96, toString: () => '96' };
const notIntegers = [1.5, 'x', '1', null, Number.NaN, Infinity, -1, 1e30, [], [1], true, disguised];
const many = (count: number) => Array.from({ length: count }, (_, i) => i);
const longText = 'x'.repeat(257);
/** Texts that would start a new line in the SDP of every viewer, and texts that are not ASCII. */
const notOneLine = [
  'a\r\na=candidate:1 1 udp 1 203.0.113.7 9 typ host',
  'a\nb',
  'a\rb',
  'a\0b',
  'a\u2028b',
  '\ud800',
  'ä',
];

describe('SEC-1 SEC-9 values that break mediasoup are refused', () => {
  const badParameters: readonly Bad[] = [
    ['encodings.0.maxBitrate', ...notIntegers, 0, 2 ** 31],
    ['encodings.0.codecPayloadType', ...notIntegers, 128, 1000],
    ['encodings.0.ssrc', ...notIntegers, 0, 2 ** 32],
    ['encodings.0.rtx', null, 1, {}, { ssrc: 0 }, { ssrc: 'x' }, { ssrc: disguised }],
    ['encodings.0.dtx', 'false', 0, null, disguised],
    ['encodings.0.rid', '', longText, 'r 0', 'r0;x', 0, disguised],
    ['encodings.0.scaleResolutionDownBy', 0, 0.5, 65, Number.NaN, '2', null, disguised],
    [
      'encodings.0.scalabilityMode',
      'L1T3'.repeat(12_500),
      `L1T3${'x'.repeat(50_000)}`,
      'L9T9',
      'L1T3\n',
      'l1t3',
      '',
      13,
      null,
    ],
    ['encodings', [], many(4).map(() => ({})), {}, null, 'x', [null]],
    ['codecs.0.payloadType', ...notIntegers, 128, 1000, undefined],
    ['codecs.0.clockRate', ...notIntegers, 0, 2 ** 32],
    ['codecs.0.channels', ...notIntegers, 0, 9],
    [
      'codecs.0.mimeType',
      'video',
      'video/',
      'text/html',
      `video/${longText}`,
      'video/VP8\n',
      null,
      1,
    ],
    [
      'codecs.0.parameters',
      Object.fromEntries(many(20_000).map((i) => [`p${i}`, 1])),
      Object.fromEntries(many(33).map((i) => [`p${i}`, 1])),
      { 'a b': 1 },
      { [longText]: 1 },
      { a: longText },
      ...notOneLine.map((a) => ({ a })),
      { a: 1.5 },
      { a: 2 ** 31 },
      { a: null },
      { a: { b: 1 } },
      { a: [1] },
      { a: disguised },
      null,
      'x',
    ],
    [
      'codecs.0.rtcpFeedback',
      many(17).map(() => ({ type: 'nack' })),
      [{ type: longText }],
      ...notOneLine.map((type) => [{ type }]),
      [{}],
      {},
    ],
    ['codecs', [], many(9).map(() => firefoxVp8.codecs[0]), {}, null, undefined],
    ['headerExtensions.0.id', ...notIntegers, 0, 256, 4095, undefined],
    ['headerExtensions.0.uri', longText, 1, null, undefined],
    ['headerExtensions.0.encrypt', 'x', 0, null, disguised],
    ['headerExtensions', many(17).map((i) => ({ uri: 'u', id: i + 1 })), {}, null],
    ['mid', 'm'.repeat(33), 'm m', ...notOneLine, 0, null, disguised],
    [
      'rtcp',
      null,
      1,
      { cname: longText },
      { cname: 'c'.repeat(256) },
      { cname: 'c d' },
      { cname: 1 },
      { reducedSize: 'x' },
      { mux: 1 },
    ],
  ];
  for (const bad of badParameters) {
    it(`RTP parameters: ${bad[0]}`, () => {
      expect(accepted(RtpParametersSchema, firefoxVp8, bad)).toEqual([]);
    });
  }

  const vp8 = firefoxVp8.codecs[0];
  const rtx = firefoxVp8.codecs[1];
  const together: readonly Bad[] = [
    // A second codec that becomes the same codec for viewers, or only retransmission codecs.
    ['codecs', [vp8, { ...vp8, payloadType: 121 }], [vp8, vp8], [rtx], [rtx, rtx]],
    // Retransmission of nothing, of itself, and a second retransmission codec.
    ['codecs.1', { ...rtx, parameters: { apt: 121 } }, { ...rtx, parameters: { apt: '120' } }],
    ['codecs.1', { ...rtx, payloadType: 120 }, { ...rtx, parameters: {} }],
    ['codecs.2', { ...rtx, payloadType: 125 }],
    // Streams that nothing distinguishes.
    ['encodings', [{}, {}], [{ rid: 'r0' }, { rid: 'r0' }], [{ rid: 'r0' }, {}]],
    ['encodings', [{ ssrc: 1 }, { ssrc: 1 }], [{ ssrc: 1, rtx: { ssrc: 1 } }]],
    ['encodings', [{ ssrc: 1 }, { ssrc: 2, rtx: { ssrc: 1 } }]],
    ['encodings.0.codecPayloadType', 121, 124],
    ['headerExtensions', many(2).map(() => ({ uri: 'u', id: 1 }))],
    // Layers that VP8 does not have, and spatial layers inside simulcast layers.
    ['encodings', [{ ssrc: 1, scalabilityMode: 'L3T3' }], [{ ssrc: 1, scalabilityMode: 'S2T1' }]],
  ];
  for (const bad of together) {
    it(`RTP parameters that do not fit together: ${bad[0]}`, () => {
      expect(accepted(RtpParametersSchema, firefoxVp8, bad)).toEqual([]);
    });
  }
  it('RTP parameters that do not fit together: simulcast of layers', () => {
    const encodings = [
      { ssrc: 1, scalabilityMode: 'L3T3' },
      { ssrc: 2, scalabilityMode: 'L3T3' },
    ];
    expect(v.is(RtpParametersSchema, { ...chromium.svcVp9, encodings })).toBe(false);
  });

  const badCapabilities: readonly Bad[] = [
    ['codecs.0.preferredPayloadType', ...notIntegers, 128, 1000],
    ['codecs.0.kind', 'data', '', null, 1],
    ['codecs', many(65).map(() => safariCapabilities.codecs[1]), {}, null],
    ['headerExtensions.0.preferredId', ...notIntegers, 0, 256, 4095],
    ['headerExtensions.0.direction', 'both', null, 1],
    ['headerExtensions', many(65).map(() => safariCapabilities.headerExtensions[0]), null],
  ];
  for (const bad of badCapabilities) {
    it(`capabilities: ${bad[0]}`, () => {
      expect(accepted(RtpCapabilitiesSchema, safariCapabilities, bad)).toEqual([]);
    });
  }

  const badSctp: readonly Bad[] = [
    ['streamId', ...notIntegers, 1024, 65_535, 70_000, undefined],
    ['maxPacketLifeTime', ...notIntegers, 60_001],
    ['maxRetransmits', ...notIntegers, 1001],
    ['ordered', 'x', 0, null, disguised],
  ];
  for (const bad of badSctp) {
    it(`SCTP: ${bad[0]}`, () => {
      expect(accepted(SctpStreamParametersSchema, chromium.sctpStreamParameters, bad)).toEqual([]);
    });
  }

  it('SCTP: reliable and not, or unreliable in two ways', () => {
    const streamId = 0;
    for (const parameters of [
      { streamId, ordered: true, maxRetransmits: 1 },
      { streamId, ordered: true, maxPacketLifeTime: 100 },
      { streamId, ordered: false, maxRetransmits: 1, maxPacketLifeTime: 100 },
    ]) {
      expect(v.is(SctpStreamParametersSchema, parameters)).toBe(false);
    }
  });

  const badDtls: readonly Bad[] = [
    ['role', 'actpass', null, 1],
    ['fingerprints', [], many(9).map(() => chromium.dtlsParameters.fingerprints[0]), {}, null],
    ['fingerprints.0.algorithm', 'md5', '', null, 1],
    [
      'fingerprints.0.value',
      ':'.repeat(60),
      'AB'.repeat(32),
      'AB:',
      `${'AB:'.repeat(99)}AB`,
      'zz',
      null,
      1,
    ],
  ];
  for (const bad of badDtls) {
    it(`DTLS: ${bad[0]}`, () => {
      expect(accepted(DtlsParametersSchema, chromium.dtlsParameters, bad)).toEqual([]);
    });
  }

  it('drops unknown names, and names that reach a prototype', () => {
    const text = JSON.stringify(firefoxVp8)
      .replace('"max-fs"', '"__proto__":{"polluted":1},"constructor":1,"prototype":1,"max-fs"')
      .replace('"mid"', '"__proto__":{"polluted":1},"evil":{"a":1},"mid"');
    const parsed = v.parse(RtpParametersSchema, JSON.parse(text));
    expect(parsed).toEqual(firefoxVp8);
    expect(Object.keys(parsed.codecs[0]?.parameters ?? {})).toEqual(['max-fs', 'max-fr']);
    expect('polluted' in parsed).toBe(false);
    expect('polluted' in {}).toBe(false);
  });
});

const whitelist = new Set(
  (
    'codecs headerExtensions encodings rtcp mid kind mimeType preferredPayloadType payloadType ' +
    'clockRate channels parameters rtcpFeedback type parameter uri preferredId preferredEncrypt ' +
    'direction id encrypt ssrc rid codecPayloadType rtx dtx scalabilityMode scaleResolutionDownBy ' +
    'maxBitrate cname reducedSize mux role fingerprints algorithm value streamId ordered ' +
    'maxPacketLifeTime maxRetransmits'
  ).split(' '),
);

/** Lists problems: unknown names (except in codec parameters), and leaves that are not plain or not bounded. */
function problems(value: unknown, name = ''): string[] {
  if (Array.isArray(value)) {
    return value.length > 64 ? [`${name}: long`] : value.flatMap((item) => problems(item, name));
  }
  if (typeof value === 'object' && value !== null) {
    const plain = Object.getPrototypeOf(value) === Object.prototype;
    return Object.entries(value).flatMap(([key, inner]) => {
      const known = name === 'parameters' ? /^[A-Za-z0-9_-]{1,64}$/.test(key) : whitelist.has(key);
      return plain && known ? problems(inner, key) : [`${name}: ${key}`];
    });
  }
  const fine =
    typeof value === 'boolean' ||
    value === undefined ||
    (typeof value === 'string' && value.length <= 256) ||
    (typeof value === 'number' &&
      Math.abs(value) < 2 ** 32 &&
      (Number.isInteger(value) || name === 'scaleResolutionDownBy'));
  return fine ? [] : [`${name}: a ${typeof value} that is not bounded`];
}

/** Every path of a value, in the form that withAt expects. */
function paths(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    return [path, ...paths(inner, path)];
  });
}

describe('arbitrary input: parsing never throws, and the output has only known names', () => {
  const cases: readonly (readonly [string, v.GenericSchema, unknown])[] = [
    ['RTP parameters', RtpParametersSchema, chromium.simulcastVp8],
    ['capabilities', RtpCapabilitiesSchema, chromium.rtpCapabilities],
    ['DTLS parameters', DtlsParametersSchema, chromium.dtlsParameters],
    ['SCTP parameters', SctpStreamParametersSchema, chromium.sctpStreamParameters],
  ];
  test.each(cases)('%s', (_name, schema, real) => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSparseArray: true,
      withTypedArray: true,
    });
    const bent = fc
      .tuple(fc.constantFrom(...paths(real)), fc.oneof(anything, fc.integer(), fc.string()))
      .map(([path, value]) => withAt(real, path, value));
    fc.assert(
      fc.property(fc.oneof(anything, fc.jsonValue(), bent), (value) => {
        const parsed = v.safeParse(schema, value);
        expect(parsed.success ? problems(parsed.output) : []).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
