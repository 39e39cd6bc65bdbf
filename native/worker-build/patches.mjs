// The changes to mediasoup's sources before they are built here.

import { Failure } from '../../scripts/output.mjs';

export const PATCHES = [
  {
    file: 'meson.build',
    from: "meson_version: '>= 1.1.0'",
    to: "meson_version: '>= 1.0.0'",
    because: 'Debian 12 has meson 1.0.1, which can do all that this build needs',
  },
  {
    file: 'meson.build',
    from: "dependency('unordered_dense')",
    to: "subproject('unordered-dense').get_variable('ankerl_unordered_dense_dep')",
    because: 'there are no wrap files that map the dependency to its subproject',
  },
  {
    file: 'meson.build',
    from: "  'mediasoup-worker',\n  build_by_default: true,\n",
    to: "  'mediasoup-worker',\n  build_by_default: true,\n  cpp_pch: 'pch/worker_pch.hpp',\n",
    because: 'with a precompiled header the build takes a third less time',
  },
  {
    file: 'src/RTC/DtlsTransport.cpp',
    from: 'operationType == BIO_CB_RETURN',
    to: 'operationType & BIO_CB_RETURN',
    because:
      'the callback returns 1 for every control call; an OpenSSL built with kernel TLS concludes' +
      ' that kernel TLS is on, allocates no write buffer, and crashes at the first DTLS handshake',
  },
];

/** Returns the patched files. A patch that does not apply exactly once is an error. */
export function patched(read) {
  const texts = new Map();
  for (const { file, from, to } of PATCHES) {
    const text = texts.get(file) ?? read(file);
    if (text.split(from).length !== 2) {
      const fix = 'set MEDIASOUP_WORKER_BIN to a worker, or update native/worker-build/patches.mjs';
      throw new Failure(`${file} of this mediasoup version does not fit the patches`, fix);
    }
    texts.set(file, text.replace(from, to));
  }
  return [...texts].map(([file, text]) => ({ file, text }));
}
