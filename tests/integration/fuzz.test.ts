import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fuzz, savedFailures, seedOf } from '../fuzz/fuzz.ts';

/** `npm run fuzz` runs more. */
const RUNS = 40;

let fuzz: Fuzz;
beforeAll(async () => {
  fuzz = await Fuzz.start();
});
afterAll(async () => {
  await fuzz[Symbol.asyncDispose]();
});

describe('ROOM-3 CONN-2 CONN-4 SEC-3 SEC-4 SEC-11 random commands of several pages in several rooms', () => {
  it('the server carries out or refuses each command as the model predicts, in any order', async () => {
    const seed = seedOf(process.env);
    console.info(`FUZZ_SEED=${seed}`);
    const failure = await fuzz.search(seed, RUNS);
    // The shortest script that fails. Put it below tests/corpus/failures to keep it.
    expect(failure).toBeUndefined();
    expect(fuzz.commands).toBeGreaterThan(RUNS);
  });

  it.each(savedFailures())(
    'the server passes the script that failed once: $name',
    async ({ commands }) => {
      await expect(fuzz.play(commands)).resolves.toBeUndefined();
    },
  );
});
