/**
 * npm run bench:attack -- [--rounds 3] [--seconds 8] [--only flood-pages,joins,…] [--no-save | --report]
 * What another room notices of an attack, and what the attack costs the server: first undisturbed, then
 * during the attack, on the same server. Attacks that are not measured this time keep their rows.
 */
import { ATTACKS } from './attack/attacks.ts';
import { type AttackWindow, Stage } from './attack/measure.ts';
import { type AttackRow, type AttackSummary, outputs, rowOf } from './attack/report.ts';
import { Loadgen } from './loadgen/loadgen.ts';
import { count, names } from './options.ts';
import { provenance, runPart } from './part.ts';

/**
 * The first of each makes V8 compile, and the heap and what the allocators keep grow, once: the last one
 * by the most connections that one address may have.
 */
const WARM_UP_IDS = ['flood-joins', 'joins', 'unread-connections'];
const WARM_UP = ATTACKS.filter(({ id }) => WARM_UP_IDS.includes(id));
const WARM_UP_MS = 3_000;

await runPart({
  name: 'attack',
  options: {
    rounds: count(3, 50),
    seconds: count(8, 60),
    only: names(ATTACKS.map(({ id }) => id)),
  },
  async measure({ rounds, seconds, only }, stored: AttackSummary | undefined) {
    // Before this process is pinned to a core.
    const made = provenance('attack');
    const loadgen = await Loadgen.compile();
    try {
      const rows = new Map<string, AttackRow>();
      for (const row of stored?.rows ?? []) rows.set(row.attack, row);
      const windows: AttackWindow[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        const stage = await Stage.open(loadgen);
        try {
          for (const attack of WARM_UP) await stage.warmUp(attack, WARM_UP_MS);
          for (const attack of ATTACKS.filter(({ id }) => only.includes(id))) {
            const window = await stage.measure(attack, seconds * 1_000);
            windows.push(window);
            const row = rowOf(windows.filter((one) => one.attack === attack.id));
            rows.set(attack.id, row);
            process.stderr.write(`round ${round}: ${JSON.stringify(row)}\n`);
          }
        } finally {
          await stage.close();
        }
      }
      const known = ATTACKS.flatMap(({ id }) => rows.get(id) ?? []);
      return { ...made, windowS: seconds, rows: known } satisfies AttackSummary;
    } finally {
      loadgen.close();
    }
  },
  outputs,
});
