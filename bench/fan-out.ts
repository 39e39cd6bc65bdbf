/**
 * npm run bench -- fan-out [--rounds 5] [--levels 10,50,100,200,500] [--paces bursty,paced]
 *   [--contenders onecast,janus,pion] [--window-ms 1500] [--no-cells] [--no-ramp]
 *   [--step 50] [--most 1000] [--no-save]
 * What forwarding costs, ours and others', and how many viewers a core and a machine carry.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { LIMITS } from '#config/limits.ts';
import { measureRounds, type Rounds } from './fan-out/rounds.ts';
import { type Ramp, ramp } from './fan-out/ramp.ts';
import { fanOutMarkdown, saveFanOut } from './fan-out/report.ts';
import { PACES, type PaceName } from './fan-out/stage.ts';
import { Loadgen } from './loadgen/generator.ts';
import { contenderIds, Field, titlesOf } from './peers/contenders.ts';
import { machine, whole } from './report/options.ts';

const ALL = 'onecast,onecast-unbatched,onecast-usual,janus,janus-installed,pion';

const { values } = parseArgs({
  allowNegative: true,
  options: {
    rounds: { type: 'string', default: '5' },
    levels: { type: 'string', default: '10,50,100,200,500' },
    paces: { type: 'string', default: 'bursty,paced' },
    contenders: { type: 'string', default: ALL },
    'window-ms': { type: 'string', default: '1500' },
    ramp: { type: 'boolean', default: true },
    cells: { type: 'boolean', default: true },
    most: { type: 'string', default: '1000' },
    step: { type: 'string', default: '50' },
    save: { type: 'boolean', default: true },
  },
});

const contenders = contenderIds(values.contenders);
const paces = values.paces.split(',').map(paceName);
const levels = values.levels.split(',').map((level) => whole('--levels', level, 3_000));
const rounds = whole('--rounds', values.rounds, 100);
const windowMs = whole('--window-ms', values['window-ms'], 60_000);
const most = whole('--most', values.most, 3_000);
const step = whole('--step', values.step, 1_000);

warnOfSmallBuffers();
const loadgen = await Loadgen.compile();
const field = await Field.prepare(contenders);
try {
  const measured: Rounds | undefined = values.cells
    ? await measureRounds({
        loadgen,
        contenders: field.contenders,
        levels: levels.toSorted((a, b) => a - b),
        paces,
        rounds,
        windowMs,
        say: (line) => console.log(line),
      })
    : undefined;
  const ramps: Ramp[] = [];
  if (values.ramp) {
    for (const spreadOut of [false, true]) {
      for (const contender of field.contenders) {
        for (const pace of paces) {
          const options = { loadgen, contender, pace, spreadOut, most, windowMs };
          const one = await ramp({ ...options, from: 100, step });
          ramps.push(one);
          const where = spreadOut ? 'every core' : 'one core';
          console.log(`${contender.title}, ${pace}, ${where}: ${one.carried} viewers (${one.end})`);
        }
      }
    }
  }
  const made = machine(['fan-out', ...process.argv.slice(2)]);
  const report = {
    titles: titlesOf(field),
    ...(measured && { cost: { ...made, rounds: measured } }),
    ...(ramps.length > 0 && { carried: { ...made, ramps } }),
  };
  console.log(`\n${fanOutMarkdown(report)}`);
  if (values.save) saveFanOut(report);
  process.exitCode = (measured?.faults.length ?? 0) > 0 ? 1 : 0;
} finally {
  field.close();
  loadgen.close();
}

/** The system cuts what a server asks for without a word, and then it is the buffer that is measured. */
function warnOfSmallBuffers(): void {
  const most = Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8'));
  if (most >= LIMITS.socketBufferBytes) return;
  console.warn(
    `net.core.rmem_max is ${most}: from a few hundred viewers on packets are lost for that. ` +
      `sysctl -w net.core.rmem_max=${LIMITS.socketBufferBytes} net.core.wmem_max=${LIMITS.socketBufferBytes}`,
  );
}

function paceName(name: string): PaceName {
  if (name !== 'bursty' && name !== 'paced') {
    throw new Error(`no such pace: ${name}; there are ${Object.keys(PACES).join(', ')}`);
  }
  return name;
}
