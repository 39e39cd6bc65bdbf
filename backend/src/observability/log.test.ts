import { describe, expect, it } from 'vitest';
import { createLog } from './log.ts';

function lines(write: (log: ReturnType<typeof createLog>) => void): string[] {
  const out: string[] = [];
  write(createLog({ logLevel: 'trace' }, false, { write: (text) => out.push(text) }));
  return out;
}

// oxlint-disable-next-line no-control-regex -- the pattern must match control characters
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/;

/** Texts for a field that a client can fill, or for an error message that quotes such a field. */
const HOSTILE = [
  'a\n{"level":60,"msg":"forged"}',
  'a\r\nb',
  '\u001b[2J\u001b]0;title\u0007',
  '\u009b31m',
  'a\u2028b\u2029c',
  '\u202egnp.exe',
  '\u0000',
  'x'.repeat(100_000),
];

/** Every text in the decoded record, keys included. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...textsOf(inner)]);
}

describe('OBS-2 one log record is one safe line', () => {
  it.each(HOSTILE)('%j in a field, a child’s binding, an error or a key', (text) => {
    const error = new Error(text, { cause: new TypeError(text) });
    Object.assign(error, { code: text });
    const out = lines((log) => {
      log
        .child({ roomId: text })
        .info({ text, deep: { list: [text] }, [text]: 1, err: error }, 'm');
      log.error(error);
    });
    expect(out).toHaveLength(2);
    for (const line of out) {
      expect(line).toMatch(/^[^\n\r]*\n$/);
      expect(line.slice(0, -1)).not.toMatch(CONTROL);
      // JSON escapes are not enough: a log viewer on a terminal decodes them.
      expect(textsOf(JSON.parse(line)).join('')).not.toMatch(CONTROL);
      expect(line.length).toBeLessThan(12_000);
    }
  });

  it('SEC-6 no secret is logged, at any depth', () => {
    const secret = 'S3CRET';
    const out = lines((log) => {
      log.info({ resumeSecret: secret, publisherSecret: secret, token: secret }, 'm');
      log.child({ token: secret }).info({ session: { resumeSecret: secret } }, 'm');
      log.info({ req: { headers: { authorization: secret, Cookie: secret } } }, 'm');
      log.info({ a: [{ b: { linkToken: secret, AUTH_SECRET: secret } }] }, 'm');
    });
    expect(out).toHaveLength(4);
    expect(out.join('')).not.toContain(secret);
    expect(out.join('').match(/\[hidden\]/g)).toHaveLength(9);
  });

  it('a value that can’t be read does not end the process', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const bad = {
      get trap(): string {
        throw new Error('no');
      },
    };
    const out = lines((log) => log.info({ cycle, bad, big: 1n, f: () => 1 }, 'm'));
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ bad: '[unreadable]', big: '1', msg: 'm' });
  });

  it('an error keeps its type, message, code, stack and cause', () => {
    const out = lines((log) => {
      log.warn({ err: new RangeError('too far', { cause: new Error('why') }) }, 'failed');
    });
    expect(JSON.parse(out[0] ?? '')).toMatchObject({
      level: 40,
      msg: 'failed',
      err: { type: 'RangeError', message: 'too far', cause: { message: 'why' } },
    });
    expect(out[0]).toContain('log.test.ts');
  });
});
