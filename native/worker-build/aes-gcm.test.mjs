// Compares our AES-GCM for libsrtp (OpenSSL) with the distribution's own, under the sanitizers.

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
  const options = [...warnings, ...sanitizers, `-I${SOURCES}`, '-o', program, ...sources];
  execFileSync('cc', [...options, '-lsrtp2', '-lcrypto']);
  return program;
}

const program = compiled();
if (!program) console.log("AES-GCM is not tested: this needs a C compiler and libsrtp's headers");

describe.skipIf(!program).each(['128', '256'])('SRV-9 AES-GCM of %s bits', (bits) => {
  const run = (args, input) => execFileSync(program, args, { encoding: 'utf8', input });
  const encrypt = (cipher) => run([cipher, bits, String(PACKETS)]);
  const decrypt = (packets) => run(['open', bits], packets).trim().split('\n');

  test('encrypts exactly as the distribution’s', () => {
    const encrypted = encrypt('ours');
    expect(encrypted.trim().split('\n')).toHaveLength(2 * PACKETS);
    expect(encrypted).toBe(encrypt('theirs'));
  });

  test('decrypts what the distribution’s has encrypted', () => {
    const decrypted = decrypt(encrypt('theirs'));
    expect(decrypted).toHaveLength(2 * PACKETS);
    expect(decrypted.filter((line) => line.includes('error'))).toEqual([]);
    // The start of the second packet's payload.
    expect(decrypted[2]?.slice('rtp '.length + 24).slice(0, 6)).toBe('0c0d0e');
  });

  // The distribution's libsrtp loads NSS again for a session that is the only one: 25 times slower.
  test('creates a session without loading NSS for it', () => {
    const microseconds = (cipher) => Number(run([`${cipher}-sessions`, bits, '200']));
    expect(microseconds('ours')).toBeLessThan(microseconds('theirs') / 2);
  });

  test('refuses a packet with any bit changed, and accepts the original', () => {
    const [packet = ''] = encrypt('ours').split('\n').slice(2, 3);
    const hex = packet.slice('rtp '.length);
    // Not the first byte and the SSRC: libsrtp refuses those before it checks the tag.
    for (const index of [1, 5, 12, 20, hex.length / 2 - 16, hex.length / 2 - 1]) {
      const byte = (Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16) ^ 0x04).toString(16);
      const other = `${hex.slice(0, 2 * index)}${byte.padStart(2, '0')}${hex.slice(2 * index + 2)}`;
      const [refused, accepted] = decrypt(`rtp ${other}\nrtp ${hex}\n`);
      expect(refused).toBe(`rtp error ${AUTHENTICATION_FAILED}`);
      expect(accepted).not.toContain('error');
    }
  });
});
