/**
 * npm run bench -- join [--runs 20] [--rtts 0,50,150] [--seconds 5] [--joins 500] [--viewers 1000]
 *   [--crowds 2] [--only pages,rate,joins,crowd] [--no-save | --report]
 * How long joining takes a real page, and what joins cost the server: how many joins a second it
 * handles, how many key frames 500 joins within five seconds request from the publisher, and how long
 * a thousand viewers wait that join within one second.
 */
import { measureCrowd } from './join/crowd.ts';
import { measurePages } from './join/pages.ts';
import { measureRate } from './join/rate.ts';
import { type JoinSummary, outputs, pagesSummary } from './join/report.ts';
import { count, counts, names } from './options.ts';
import { provenance, runPart } from './part.ts';

const JOINS_SPREAD_MS = 5_000;
const CROWD_SPREAD_MS = 1_000;

await runPart({
  name: 'join',
  options: {
    runs: count(20, 1_000),
    rtts: counts('0,50,150', 2_000, 0),
    seconds: count(5, 600),
    joins: count(500, 5_000),
    viewers: count(1_000, 5_000),
    crowds: count(2, 100),
    only: names(['pages', 'rate', 'joins', 'crowd']),
  },
  async measure(options, stored: JoinSummary | undefined): Promise<JoinSummary> {
    const { runs, rtts: rttsMs, seconds, crowds, only } = options;
    const log = (line: string) => console.log(line);
    const made = provenance('join');
    // What is not measured this time stays as it was.
    const summary: JoinSummary = { ...stored };
    if (only.includes('pages')) {
      const joins = await measurePages({ runs, rttsMs, log });
      summary.pages = { ...made, ...pagesSummary(joins) };
    }
    if (only.includes('rate')) {
      const rates = [await measureRate('ahead', seconds), await measureRate('socket', seconds)];
      for (const rate of rates) log(JSON.stringify(rate));
      summary.rate = { ...made, rates };
    }
    if (only.includes('joins')) {
      const crowd = { viewers: options.joins, spreadMs: JOINS_SPREAD_MS, runs: crowds, log };
      summary.joins = { ...made, ...(await measureCrowd(crowd)) };
    }
    if (only.includes('crowd')) {
      const crowd = { viewers: options.viewers, spreadMs: CROWD_SPREAD_MS, runs: crowds, log };
      summary.crowd = { ...made, ...(await measureCrowd(crowd)) };
    }
    return summary;
  },
  outputs,
});
