/** Command-line options of the bench's parts: each part declares its options, and this module parses them. */
import { parseArgs } from 'node:util';

interface Option<T> {
  readonly fallback: string | boolean | undefined;
  /** @throws with the option's name if the value is not allowed */
  parse(value: string | boolean | undefined, name: string): T;
}

export type Options = Readonly<Record<string, Option<unknown>>>;
export type OptionValues<O extends Options> = {
  readonly [K in keyof O]: ReturnType<O[K]['parse']>;
};

/** A whole number from 1 to `max`. */
export function count(fallback: number, max: number): Option<number> {
  return {
    fallback: String(fallback),
    parse: (value, name) => wholeNumber(String(value), name, 1, max),
  };
}

/** Whole numbers from `min` to `max`, separated by commas; in ascending order. */
export function counts(fallback: string, max: number, min = 1): Option<number[]> {
  return {
    fallback,
    parse: (value, name) =>
      String(value)
        .split(',')
        .map((text) => wholeNumber(text, name, min, max))
        .toSorted((a, b) => a - b),
  };
}

/** Names separated by commas, each one of `known`; all of them unless `fallback` says otherwise. */
export function names<const T extends string>(
  known: readonly T[],
  fallback = known.join(','),
): Option<T[]> {
  return {
    fallback,
    parse: (value, name) =>
      String(value)
        .split(',')
        .map((text) => {
          const found = known.find((one) => one === text);
          if (found === undefined)
            throw new Error(`${name} takes ${known.join(', ')}, not "${text}"`);
          return found;
        }),
  };
}

/** On or off: `--name` or `--no-name`. */
export function flag(fallback: boolean): Option<boolean> {
  return { fallback, parse: (value) => value === true };
}

/** Any text; undefined where the option is absent. */
export const text: Option<string | undefined> = {
  fallback: undefined,
  parse: (value) => (typeof value === 'string' ? value : undefined),
};

/** `windowMs` is the option `--window-ms`. @throws for unknown options and values that are not allowed */
export function readOptions<O extends Options>(
  options: O,
  args: readonly string[] = process.argv.slice(2),
): OptionValues<O> {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: Object.fromEntries(
      Object.entries(options).map(([key, { fallback }]) => [
        kebabCase(key),
        typeof fallback === 'boolean'
          ? { type: 'boolean', default: fallback }
          : { type: 'string', ...(fallback !== undefined && { default: fallback }) },
      ]),
    ),
  });
  const parsed = Object.entries(options).map(([key, option]) => {
    const name = kebabCase(key);
    return [key, option.parse(values[name], `--${name}`)] as const;
  });
  return Object.fromEntries(parsed) as OptionValues<O>;
}

function wholeNumber(value: string, name: string, min: number, max: number): number {
  const number = Number(value);
  if (value !== '' && Number.isInteger(number) && number >= min && number <= max) return number;
  throw new Error(`${name} takes whole numbers from ${min} to ${max}, not "${value}"`);
}

function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
