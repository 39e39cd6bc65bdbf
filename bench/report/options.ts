/** What the benches' command lines have in common. */
import { availableParallelism } from 'node:os';

/** @throws where it is no whole number from 1 on. */
export function whole(option: string, text: string, most: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw new Error(`${option} takes whole numbers from 1 to ${most}`);
  }
  return value;
}

/** Numbers of viewers with commas between, as a rising row. @throws as `whole` */
export function levelsOf(text: string): number[] {
  return text
    .split(',')
    .map((level) => whole('--levels', level, 3_000))
    .toSorted((a, b) => a - b);
}

/** When, where and by what something was measured. */
export interface Made {
  readonly at: string;
  readonly cores: number;
  readonly command: string;
}

export function machine(words: readonly string[]): Made {
  return {
    at: new Date().toISOString(),
    cores: availableParallelism(),
    command: ['npm run bench --', ...words].join(' '),
  };
}
