// libsrtp's AES-GCM by OpenSSL, against the distribution's own, under the sanitizers.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { inRoot } from '../../scripts/host.mjs';

const SOURCES = inRoot('native', 'worker-build', 'subprojects', 'libsrtp3', 'src');
const TEST = inRoot('native', 'worker-build', 'test', 'aes_gcm.test.c');
const AUTHENTICATION_FAILED = 7;
const PACKETS = 300;
const temporary = mkdtempSync(join(tmpdir(), 'onecast-aes-gcm-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

function compiled() {
  const has = (module) => spawnSync('pkg-config', ['--exists', module]).status === 0;
  if (spawnSync('cc', ['--version']).status !== 0 || !has('libsrtp2') || !has('libcrypto')) {
    return undefined;
  }
  const program = join(temporary, 'aes-gcm-test');
  const warnings = ['-std=gnu17', '-O1', '-g', '-Wall', '-Wextra', '-Werror'];
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const sources = [TEST, join(SOURCES, 'aes_gcm.c')];
  const words = [...warnings, ...sanitizers, `-I${SOURCES}`, '-o', program, ...sources];
  execFileSync('cc', [...words, '-lsrtp2', '-lcrypto']);
  return program;
}

const program = compiled();
if (!program) console.log("AES-GCM is not tested: no C compiler, or not libsrtp's headers");

describe.skipIf(!program).each(['128', '256'])('SRV-9 AES-GCM of %s bits', (bits) => {
  const run = (words, input) => execFileSync(program, words, { encoding: 'utf8', input });
  const seal = (who) => run([who, bits, String(PACKETS)]);
  const open = (packets) => run(['open', bits], packets).trim().split('\n');

  test('seals what the distribution’s seals, to the bit', () => {
    const sealed = seal('ours');
    expect(sealed.trim().split('\n')).toHaveLength(2 * PACKETS);
    expect(sealed).toBe(seal('theirs'));
  });

  test('opens what the distribution’s has sealed', () => {
    const opened = open(seal('theirs'));
    expect(opened).toHaveLength(2 * PACKETS);
    expect(opened.filter((line) => line.includes('error'))).toEqual([]);
    // The second packet, where its payload begins.
    expect(opened[2]?.slice('rtp '.length + 24).slice(0, 6)).toBe('0c0d0e');
  });

  // The distribution's loads NSS for a session that is the only one, which takes 25 times as long.
  test('makes a session without loading NSS for it', () => {
    const each = (who) => Number(run([`${who}-sessions`, bits, '200']));
    expect(each('ours')).toBeLessThan(each('theirs') / 2);
  });

  test('refuses a packet of which any bit is another, and takes it as it was', () => {
    const [packet = ''] = seal('ours').split('\n').slice(2, 3);
    const hex = packet.slice('rtp '.length);
    // The first byte and the SSRC say what to look up, so they are refused before the tag is.
    for (const at of [1, 5, 12, 20, hex.length / 2 - 16, hex.length / 2 - 1]) {
      const byte = (Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16) ^ 0x04).toString(16);
      const other = `${hex.slice(0, 2 * at)}${byte.padStart(2, '0')}${hex.slice(2 * at + 2)}`;
      const [refused, taken] = open(`rtp ${other}\nrtp ${hex}\n`);
      expect(refused).toBe(`rtp error ${AUTHENTICATION_FAILED}`);
      expect(taken).not.toContain('error');
    }
  });
});
