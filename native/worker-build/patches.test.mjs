import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { inRoot } from '../../scripts/host.mjs';
import { patched } from './patches.mjs';

const source = (name) => readFileSync(inRoot('node_modules', 'mediasoup', 'worker', name), 'utf8');

test('every patch applies to the installed mediasoup', () => {
  const files = new Map(patched(source).map(({ file, text }) => [file, text]));
  expect(files.get('src/RTC/DtlsTransport.cpp')).toContain('operationType & BIO_CB_RETURN');
  expect(files.get('meson.build')).toContain('ankerl_unordered_dense_dep');
});

test('a patch that does not apply is an error', () => {
  expect(() => patched(() => 'something else')).toThrow('does not fit the patches');
});
