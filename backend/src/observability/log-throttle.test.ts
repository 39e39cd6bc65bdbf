import { afterEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { createLog, missingLinesOf } from './log.ts';
import { LogThrottle } from './log-throttle.ts';

afterEach(() => vi.useRealTimers());

function logged(logLevel: 'info' | 'debug' = 'info') {
  vi.useFakeTimers();
  const records: Record<string, unknown>[] = [];
  const write = (line: string) => records.push(JSON.parse(line) as Record<string, unknown>);
  return { log: createLog({ logLevel }, false, { write }), records };
}

describe('OBS-4 the log summarises many lines of one kind', () => {
  it('a flood of refusals becomes a burst, a line a second and a summary', () => {
    const { log, records } = logged();
    const child = log.child({ socketId: 'a' });
    for (let s = 0; s < 60; s += 1) {
      for (let i = 0; i < 500; i += 1) child.info({ code: 'too-many' }, 'refused');
      vi.advanceTimersByTime(1_000);
    }
    expect(records.length).toBeLessThan(20 + 60 + 10);
    const summaries = records.filter(({ leftOut }) => leftOut !== undefined);
    expect(summaries[0]).toMatchObject({ level: 30, line: 'refused', code: 'too-many' });
    const left = summaries.reduce((sum, { leftOut }) => sum + Number(leftOut), 0);
    expect(left + records.length - summaries.length).toBe(30_000);
    expect(missingLinesOf(log).summarised).toBe(left);
  });

  it('a flood of one kind leaves the others alone', () => {
    const { log, records } = logged();
    for (let i = 0; i < 100; i += 1) log.info({ code: 'bad-request' }, 'refused');
    log.info({ code: 'too-many' }, 'refused');
    log.error('media worker died');
    expect(records.slice(-2)).toMatchObject([{ code: 'too-many' }, { msg: 'media worker died' }]);
  });

  it.each(['warn', 'error'] as const)('lines of level %s are limited too', (level) => {
    const { log, records } = logged();
    for (let i = 0; i < 100; i += 1) log[level]({ err: new Error(`${i}`) }, 'request failed');
    for (let i = 0; i < 100; i += 1) log[level](new Error(`${i}`));
    expect(records).toHaveLength(2 * LIMITS.logKindBurst);
  });

  it('with LOG_LEVEL debug nothing is limited: the operator has asked for every line', () => {
    const { log, records } = logged('debug');
    for (let i = 0; i < 100; i += 1) log.debug('answered');
    for (let i = 0; i < 100; i += 1) log.info('room changed');
    expect(records).toHaveLength(200);
  });

  it('kinds are limited in number, whatever somebody puts into a message or a code', () => {
    let now = 0;
    const throttle = new LogThrottle(
      LIMITS,
      () => undefined,
      () => now,
    );
    let allowed = 0;
    for (let i = 0; i < 100_000; i += 1) {
      now += 0.01;
      if (throttle.allows(30, `line ${i}`, `code ${i}`)) allowed += 1;
    }
    expect(allowed).toBeLessThan(256 + LIMITS.logKindBurst + 2);
  });
});
