// Checks our AES-GCM for libsrtp (OpenSSL): against the test vectors of RFC 7714, against the
// distribution's own, under the sanitizers, and that keys do not stay in memory.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { inRoot, libc } from '../../scripts/host.mjs';

const SOURCES = inRoot('native', 'worker-build', 'subprojects', 'libsrtp3', 'src');
const SHIM = inRoot('native', 'worker-build', 'subprojects', 'libsrtp3', 'include');
const testSource = (name) => inRoot('native', 'worker-build', 'test', name);
const AUTHENTICATION_FAILED = 7;
const PACKETS = 300;
const temporary = mkdtempSync(join(tmpdir(), 'onecast-aes-gcm-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

function compiled() {
  const has = (module) => spawnSync('pkg-config', ['--exists', module]).status === 0;
  if (spawnSync('cc', ['--version']).status !== 0 || !has('libsrtp2') || !has('libcrypto')) {
    return undefined;
  }
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
  const sources = [testSource('aes_gcm.test.c'), join(SOURCES, 'aes_gcm.c')];
  return compile('cc', 'aes-gcm-test', ['-std=gnu17', '-O1', ...sanitizers, ...sources]);
}

function compile(compiler, name, options) {
  const program = join(temporary, name);
  const common = ['-g', '-Wall', '-Wextra', '-Werror', `-I${SOURCES}`, `-I${SHIM}`];
  execFileSync(compiler, [...common, '-o', program, ...options, '-lsrtp2', '-lcrypto']);
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

// RFC 7714, sections 16 (SRTP) and 17 (SRTCP). All of them share the salt and the two packets. A packet
// that is only authenticated is additional data as a whole, and its text is empty.
const SALT = '517569642070726f2071756f';
const KEY = '000102030405060708090a0b0c0d0e0f';
const KEYS = { 128: KEY, 256: `${KEY}101112131415161718191a1b1c1d1e1f` };
const RTP_HEADER = '8040f17b8041f8d35501a0b2';
const RTP_PAYLOAD = '47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573';
const RTP_IV = '51753c6580c2726f20718414';
const RTCP_HEADER = '81c8000d4d617273';
const RTCP_REST =
  '4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef';
const RTCP_IV = '517524055203726f207170bb';
const ENCRYPTED_INDEX = '800005d4';
const CLEAR_INDEX = '000005d4';

const VECTORS = [
  {
    name: '16.1.1 and 16.2.1, an encrypted RTP packet',
    iv: RTP_IV,
    aad: RTP_HEADER,
    text: RTP_PAYLOAD,
    sealed: {
      128: 'f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce',
      256: '32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13',
    },
  },
  {
    name: '16.1.3 and 16.2.3, an authenticated RTP packet',
    iv: RTP_IV,
    aad: RTP_HEADER + RTP_PAYLOAD,
    text: '',
    sealed: { 128: '22493f82d2bce397e9d79e3b19aa4216', 256: 'a866d5910f887463067ceefec45215d4' },
  },
  {
    name: '17.1 and 17.2, an encrypted RTCP packet',
    iv: RTCP_IV,
    aad: RTCP_HEADER + ENCRYPTED_INDEX,
    text: RTCP_REST,
    sealed: {
      128: '63e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade',
      256: 'd50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c4446839f57ff6f6cb26ac3be',
    },
  },
  {
    name: '17.3 and 17.4, an authenticated RTCP packet',
    iv: RTCP_IV,
    aad: RTCP_HEADER + RTCP_REST + CLEAR_INDEX,
    text: '',
    sealed: { 128: '841dd9683dd78ec92ae58790125f62b3', 256: '91db4afbfeee5a978fab4393ed2615fe' },
  },
];

describe.skipIf(!program).each(['128', '256'])('SRV-9 RFC 7714 with %s bits', (bits) => {
  test.each(VECTORS)('$name', ({ iv, aad, text, sealed }) => {
    const input = `${KEYS[bits]}${SALT} ${iv} ${aad} ${text || '-'}\n`;
    const run = (cipher) => execFileSync(program, [cipher, bits, '-'], { encoding: 'utf8', input });
    expect(run('ours-rfc')).toBe(`AES-${bits} GCM by OpenSSL ${sealed[bits]}\nopened ${text}\n`);
    expect(run('theirs-rfc')).toContain(` ${sealed[bits]}\n`);
  });
});

describe.skipIf(!program || !libc().startsWith('glibc'))('SRV-9 a key that is not needed', () => {
  test.each(['128', '256'])('leaves no copy when a session of %s bits is closed', (bits) => {
    const source = testSource('key_wipe.test.c');
    const wipe = compile('cc', `key-wipe-${bits}`, ['-std=gnu17', '-O1', source]);
    const found = execFileSync(wipe, [bits], { encoding: 'utf8' });
    // One key for SRTP and one for SRTCP. The control is a block that nobody wiped.
    expect(found).toMatch(/^keys 2 live [1-9]\d* freed 0 control 1\n$/);
  });

  test.skipIf(spawnSync('c++', ['--version']).status !== 0)('leaves no copy in a policy', () => {
    const object = join(temporary, 'aes_gcm.o');
    execFileSync('cc', ['-c', '-o', object, join(SOURCES, 'aes_gcm.c')]);
    const sources = [testSource('policy_wipe.test.cpp'), object];
    const wipe = compile('c++', 'policy-wipe', ['-std=c++20', '-O2', ...sources]);
    expect(execFileSync(wipe, { encoding: 'utf8' })).toBe('freed 0 control 1\n');
  });
});
