import { describe, expect, it } from 'vitest';
import { ephemeralWarning, parseReserved } from './ephemeral-range.ts';

const system =
  (range: string, reserved = '') =>
  (name: string) =>
    name === 'ip_local_port_range' ? range : reserved;
const LINUX = '32768\t60999\n';

describe('SRV-13 media ports that the kernel may give to outgoing connections', () => {
  it.each([
    ['below', { first: 17_400, last: 17_415 }, system(LINUX), false],
    ['inside', { first: 40_000, last: 40_001 }, system(LINUX), true],
    ['half inside', { first: 32_760, last: 32_768 }, system(LINUX), true],
    ['above', { first: 61_000, last: 61_003 }, system(LINUX), false],
    ['inside and reserved', { first: 40_000, last: 40_001 }, system(LINUX, '40000-40001\n'), false],
    ['inside and half reserved', { first: 40_000, last: 40_001 }, system(LINUX, '40000'), true],
    [
      'below, on a system with a wider range',
      { first: 17_400, last: 17_401 },
      system('1024 65535'),
      true,
    ],
    ['unreadable', { first: 40_000, last: 40_001 }, system('?'), false],
  ])('%s', (_name, ports, read, warned) => {
    expect(ephemeralWarning(ports, read)?.includes('MEDIA_PORT') ?? false).toBe(warned);
  });

  it('says nothing where there is no such file', () => {
    const read = () => {
      throw new Error('ENOENT');
    };
    expect(ephemeralWarning({ first: 40_000, last: 40_000 }, read)).toBeUndefined();
  });

  it('reads lists of reserved ports', () => {
    expect(parseReserved('8080,9000-9010\n')).toEqual([
      { first: 8080, last: 8080 },
      { first: 9000, last: 9010 },
    ]);
    expect(parseReserved('\n')).toEqual([]);
  });
});
