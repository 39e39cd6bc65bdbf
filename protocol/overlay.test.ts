import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  OVERLAY_MAX_BYTES,
  OVERLAY_MAX_DEPTH,
  parseOverlayMessage,
  type Shape,
} from './overlay.ts';

const common = { topic: 'motion', seq: 1, capturedAt: 1_795_389_200_203.5, ttlMs: 1000 };
const box = { type: 'box', x: 0.1, y: 0.2, width: 0.3, height: 0.4 };
const shapes = (...list: unknown[]) => ({ kind: 'shapes', ...common, shapes: list });
const parse = (value: unknown) => parseOverlayMessage(JSON.stringify(value));

describe('valid messages pass unchanged', () => {
  test.each([
    ['an empty list', shapes()],
    ['a box', shapes(box, { ...box, label: 'cat', color: '#ff00aa', id: 'track-7' })],
    ['a box that reaches over the edge', shapes({ ...box, x: -0.5, width: 2 })],
    ['a label', shapes({ type: 'label', x: 0, y: 1, text: 'here', color: '#fff' })],
    [
      'text',
      shapes({ type: 'text', x: 0.5, y: 0.9, text: 'ünï 🙂\nline', size: 0.06, align: 'center' }),
    ],
    [
      'a polyline',
      shapes({
        type: 'polyline',
        points: [
          [0, 0],
          [1, 1],
        ],
        closed: true,
        color: '#12345678',
      }),
    ],
    ['data', { kind: 'data', ...common, data: { nested: [1, null, 'x', { deep: true }] } }],
    [
      'a frame by all its names',
      {
        ...shapes(box),
        frame: { number: 4_294_967_295, rtpTimestamp: 0, capturedAt: 1_795_389_200_203.5 },
      },
    ],
    ['a frame by one name', { ...shapes(box), frame: { number: 0 } }],
    ['data that is null', { kind: 'data', ...common, data: null }],
  ])('%s', (_name, message) => {
    expect(parse(message)).toEqual(message);
  });

  it('without ttlMs', () => {
    const { ttlMs: _ttlMs, ...rest } = shapes(box);
    expect(parse(rest)).toEqual(rest);
  });

  it('drops unknown fields', () => {
    expect(parse({ ...shapes({ ...box, onclick: 'x' }), extra: 1 })).toEqual(shapes(box));
  });
});

describe('invalid messages are refused', () => {
  test.each([
    ['no kind', { ...common, shapes: [] }],
    ['an unknown kind', { ...shapes(), kind: 'html' }],
    ['an unknown shape', shapes({ type: 'script', x: 0, y: 0 })],
    ['a frame without a name', { ...shapes(), frame: {} }],
    ['a frame of another number', { ...shapes(), frame: { number: 2 ** 32 } }],
    ['half a frame', { ...shapes(), frame: { number: 1.5 } }],
    ['a frame before its time', { ...shapes(), frame: { capturedAt: -1 } }],
    ['no data', { kind: 'data', ...common }],
    ['a topic with a space', { ...shapes(), topic: 'a b' }],
    ['an empty topic', { ...shapes(), topic: '' }],
    ['a long topic', { ...shapes(), topic: 'x'.repeat(65) }],
    ['seq 0', { ...shapes(), seq: 0 }],
    ['seq 1.5', { ...shapes(), seq: 1.5 }],
    ['seq beyond what a number holds', { ...shapes(), seq: 2 ** 53 }],
    ['seq as text', { ...shapes(), seq: '1' }],
    ['no capturedAt', { ...shapes(), capturedAt: undefined }],
    ['capturedAt null (NaN in JSON)', { ...shapes(), capturedAt: Number.NaN }],
    ['ttlMs 0', { ...shapes(), ttlMs: 0 }],
    ['ttlMs of a day', { ...shapes(), ttlMs: 86_400_000 }],
    ['a box far outside', shapes({ ...box, x: 3 })],
    ['a box of negative width', shapes({ ...box, width: -0.1 })],
    ['a coordinate as text', shapes({ ...box, x: '0.1' })],
    ['a colour by name', shapes({ ...box, color: 'red' })],
    ['a colour that is a URL', shapes({ ...box, color: 'url(//evil)' })],
    ['a long label', shapes({ ...box, label: 'x'.repeat(201) })],
    ['a long text', shapes({ type: 'text', x: 0, y: 0, text: 'x'.repeat(1001) })],
    ['huge text', shapes({ type: 'text', x: 0, y: 0, text: 'x', size: 5 })],
    ['a polyline of one point', shapes({ type: 'polyline', points: [[0, 0]] })],
    [
      'a point as text',
      shapes({
        type: 'polyline',
        points: [
          ['0', 0],
          [1, 1],
        ],
      }),
    ],
    ['a point of one', shapes({ type: 'polyline', points: [[0], [1, 1]] })],
    [
      '201 shapes',
      shapes(...Array.from({ length: 201 }, () => ({ type: 'label', x: 0, y: 0, text: '' }))),
    ],
    ['shapes that are no list', { ...shapes(), shapes: {} }],
    ['null', null],
    ['a list', [shapes()]],
    ['a number', 5],
  ])('%s', (_name, message) => {
    expect(parse(message)).toBeUndefined();
  });

  test.each(['', '{', 'undefined', '\u0000', '[', '{"kind":"shapes"', 'x'.repeat(1000)])(
    'what is no JSON: %j',
    (text) => {
      expect(parseOverlayMessage(text)).toBeUndefined();
    },
  );

  it('a text longer than the limit', () => {
    const padded = (length: number) => {
      const empty = JSON.stringify({ kind: 'data', ...common, data: '' });
      return JSON.stringify({ kind: 'data', ...common, data: 'x'.repeat(length - empty.length) });
    };
    expect(parseOverlayMessage(padded(OVERLAY_MAX_BYTES))).toBeDefined();
    expect(parseOverlayMessage(padded(OVERLAY_MAX_BYTES + 1))).toBeUndefined();
  });

  it('data nested so deeply that serialising it would overflow the stack', () => {
    const nested = (depth: number, open = '[', close = ']') =>
      `{"kind":"data","topic":"t","seq":1,"capturedAt":0,"data":${open.repeat(depth)}0${close.repeat(depth)}}`;
    expect(parseOverlayMessage(nested(OVERLAY_MAX_DEPTH))).toBeDefined();
    expect(parseOverlayMessage(nested(OVERLAY_MAX_DEPTH + 1))).toBeUndefined();
    expect(parseOverlayMessage(nested(8000))).toBeUndefined();
    expect(parseOverlayMessage(nested(2000, '{"a":', '}'))).toBeUndefined();
  });

  it('a payload with `__proto__` does not change a prototype', () => {
    const text = `{"kind":"data","topic":"t","seq":1,"capturedAt":0,"__proto__":{"a":1},"data":{"__proto__":{"a":1}}}`;
    const message = parseOverlayMessage(text);
    expect(Object.keys(message ?? {})).toEqual(['kind', 'topic', 'seq', 'capturedAt', 'data']);
    expect('a' in (message ?? {})).toBe(false);
    expect('a' in {}).toBe(false);
  });
});

describe('arbitrary input', () => {
  const known = new Set(
    'kind topic seq capturedAt ttlMs shapes type x y width height label color id text size align points closed'.split(
      ' ',
    ),
  );

  function unknownNames(value: unknown): string[] {
    if (typeof value !== 'object' || value === null) return [];
    const names = Array.isArray(value) ? [] : Object.keys(value).filter((name) => !known.has(name));
    return [...names, ...Object.values(value).flatMap(unknownNames)];
  }

  /** Numbers and colours that must never reach the canvas. */
  function invalidValues(shape: Shape): unknown[] {
    const points = shape.type === 'polyline' ? shape.points : [[shape.x, shape.y]];
    const colors = [shape.color].filter((color) => color !== undefined);
    return [
      ...points.flat().filter((value) => !(value >= -1 && value <= 2)),
      ...colors.filter((color) => !/^#[0-9a-f]{3,8}$/i.test(color)),
    ];
  }

  it('parsing never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.string({ unit: 'binary' })), (text) => {
        expect(() => parseOverlayMessage(text)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  it('parsed shapes have only known names and numbers in range', () => {
    const coordinate = fc.oneof(fc.double({ min: -2, max: 3, noNaN: true }), fc.constant(null));
    const anyShape = fc.record(
      {
        type: fc.constantFrom('box', 'label', 'text', 'polyline', 'x'),
        x: coordinate,
        y: coordinate,
        width: coordinate,
        height: coordinate,
        text: fc.string(),
        points: fc.array(fc.tuple(coordinate, coordinate), { maxLength: 4 }),
        color: fc.oneof(fc.constant('#fff'), fc.string()),
        other: fc.jsonValue(),
      },
      { requiredKeys: ['type'] },
    );
    fc.assert(
      fc.property(fc.array(anyShape, { maxLength: 3 }), (list) => {
        const message = parse(shapes(...list));
        expect(unknownNames(message)).toEqual([]);
        expect(message?.kind === 'shapes' ? message.shapes.flatMap(invalidValues) : []).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
