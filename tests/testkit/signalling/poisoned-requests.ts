/** Hostile values for every field of every request, made from the protocol's schemas: no field is left out. */
import type * as v from 'valibot';
import { REQUESTS, type RequestName } from '#protocol/signalling.ts';

type Path = readonly (string | number)[];
interface Field {
  readonly path: Path;
  readonly isObject: boolean;
}

/** Turns a valid payload into the JSON text of a poisoned one. */
export type Poison = (payload: object) => string;

/** Poison for every field of a request at every depth; lists are entered at their first item. */
export function* poisonedFields(
  name: RequestName,
): Generator<{ field: string; poisons: Poison[] }> {
  for (const { path, isObject } of walk(REQUESTS[name], [])) {
    const poisons = VALUES.map(
      (value): Poison =>
        (payload) =>
          withValue(payload, path, value),
    );
    for (const member of isObject ? MEMBERS : []) {
      poisons.push((payload) => withMember(payload, path, member));
    }
    yield { field: path.join('.') || '(whole)', poisons };
  }
}

function* walk(schema: v.GenericSchema, path: Path): Generator<Field> {
  const known = schema as unknown as {
    type: string;
    wrapped: v.GenericSchema;
    item: v.GenericSchema;
    value: v.GenericSchema;
    items: v.GenericSchema[];
    options: v.GenericSchema[];
    entries: Record<string, v.GenericSchema>;
  };
  switch (known.type) {
    case 'optional':
    case 'nullable':
      yield* walk(known.wrapped, path);
      return;
    case 'object':
    case 'strict_object':
      yield { path, isObject: true };
      for (const [key, entry] of Object.entries(known.entries)) yield* walk(entry, [...path, key]);
      return;
    case 'array':
      yield { path, isObject: false };
      yield* walk(known.item, [...path, 0]);
      return;
    case 'tuple':
      yield { path, isObject: false };
      for (const [i, item] of known.items.entries()) yield* walk(item, [...path, i]);
      return;
    case 'variant':
      for (const option of known.options) yield* walk(option, path);
      return;
    case 'record':
      yield { path, isObject: true };
      yield* walk(known.value, [...path, 'apt']);
      return;
    case 'string':
    case 'number':
    case 'boolean':
    case 'picklist':
    case 'literal':
    case 'unknown':
    case 'union':
      yield { path, isObject: false };
      return;
    default:
      // This function must support every kind of schema that the protocol uses.
      throw new Error(`${path.join('.')}: no poison for a schema of type ${known.type}`);
  }
}

const text = (value: unknown) => JSON.stringify(value);
const nested = (open: string, close: string, levels: number) =>
  `${open.repeat(levels)}1${close.repeat(levels)}`;
const keys = (count: number) => Array.from({ length: count }, (_, i) => `"k${i}":${i}`).join(',');

const NUMBERS = [
  ['0', '-0', '1', '-1', '1.5', '-1.5', '255', '256', '1000', '4095', '65535', '65536', '70000'],
  ['2147483647', '2147483648', '4294967295', '4294967296', '9007199254740991', '9007199254740993'],
  ['-9223372036854775808', '1e30', '1e308', '1e400', '-1e400', '5e-324'],
].flat();
const WORDS = [
  ['', 'x', '0', '1', 'NaN', 'true', 'null', 'undefined', '[object Object]', '*'],
  ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty'],
  ['../../etc/passwd', '<script>alert(1)</script>', '{{7*7}}', "' or 1=1 --", '%n%s%x'],
  ['\0', 'a\0b', '\r\na=candidate:1 1 udp 1 203.0.113.7 9 typ host', '\n', '\u2028', '\ufeff'],
  ['00000000-0000-4000-8000-000000000000', 'L1T3', 'L9T9', 'L3T3', 'video/VP8', 'audio/opus'],
  [64, 257, 5_000, 50_000].map((length) => 'x'.repeat(length)),
  [`L1T3${'x'.repeat(50_000)}`, `e${'\u0301'.repeat(500)}`],
].flat();
const STRUCTURES = [
  '[]',
  '{}',
  '[null]',
  '[[]]',
  '[1,2,3]',
  '[{}]',
  `[${Array.from({ length: 5_000 }, () => '0').join(',')}]`,
  `[${Array.from({ length: 500 }, () => '{}').join(',')}]`,
  nested('[', ']', 5_000),
  nested('{"a":', '}', 5_000),
  `{${keys(3_000)}}`,
  '{"length":-1}',
  '{"length":4294967295}',
  '{"valueOf":1,"toString":1}',
  '{"toJSON":1}',
  '{"then":1}',
  '{"0":1,"length":1}',
  '{"__proto__":{"polluted":1}}',
  '{"__proto__":null}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '{"_placeholder":true,"num":0}',
  '{"type":"Buffer","data":[1,2,3]}',
];
/** Values for any field, as JSON text, because JSON.stringify can't make some (1e400, -0, half a surrogate pair). */
const VALUES: readonly string[] = [
  'null',
  'true',
  'false',
  '"\\ud800"',
  '"\\udfff\\ud800"',
  '"\\u202e"',
  ...NUMBERS,
  ...WORDS.map(text),
  ...STRUCTURES,
];

/** Members that are added to any object. */
const MEMBERS: readonly string[] = [
  '"extra":1',
  '"__proto__":{"polluted":1}',
  '"__proto__":[]',
  '"constructor":{"prototype":{"polluted":1}}',
  '"prototype":{"polluted":1}',
  '"toString":1,"valueOf":1',
  '"toJSON":1,"then":1',
  '"length":-1',
  '"subchannels":{"length":-1}',
  '"":0',
  `${text('x'.repeat(20_000))}:1`,
  keys(3_000),
];

const MARK = '§value';
const KEY = '§key';

/** `payload` as JSON text, with `value` (JSON text) in place of the value at `path`. */
function withValue(payload: object, path: Path, value: string): string {
  if (path.length === 0) return value;
  const copy: unknown = structuredClone(payload);
  const parent = path.slice(0, -1).reduce<unknown>((at, key, i) => {
    const holder = at as Record<string | number, unknown>;
    // A list or an object that the payload lacks is created on the way.
    holder[key] ??= typeof path[i + 1] === 'number' ? [] : {};
    return holder[key];
  }, copy);
  (parent as Record<string | number, unknown>)[path.at(-1) ?? ''] = MARK;
  return JSON.stringify(copy).replace(`"${MARK}"`, () => value);
}

/** `payload` as JSON text, with one more member in the object at `path`. */
function withMember(payload: object, path: Path, member: string): string {
  return withValue(payload, [...path, KEY], '0').replace(`"${KEY}":0`, () => member);
}
