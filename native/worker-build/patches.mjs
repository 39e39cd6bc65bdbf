// What is changed in mediasoup's sources before they are built here.

import { Failure } from '../../scripts/failure.mjs';

export const PATCHES = [
  {
    file: 'meson.build',
    from: "meson_version: '>= 1.1.0'",
    to: "meson_version: '>= 1.0.0'",
    because: 'Debian 12 has meson 1.0.1, which does all that is asked of it',
  },
  {
    file: 'meson.build',
    from: "dependency('unordered_dense')",
    to: "subproject('unordered-dense').get_variable('ankerl_unordered_dense_dep')",
    because: 'there are no wrap files that would lead from the one to the other',
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
      'the callback answers 1 to every control call; an OpenSSL built with kernel TLS takes that' +
      ' for "kernel TLS is on", makes no write buffer, and dies at the first DTLS handshake',
  },
];

/** The patched files. A patch that does not fit exactly once is an error, never left out. */
export function patched(read) {
  const texts = new Map();
  for (const { file, from, to } of PATCHES) {
    const text = texts.get(file) ?? read(file);
    if (text.split(from).length !== 2) {
      const mend = 'set MEDIASOUP_WORKER_BIN to a worker, or mend native/worker-build/patches.mjs';
      throw new Failure(`${file} of this mediasoup is not the one we know how to patch`, mend);
    }
    texts.set(file, text.replace(from, to));
  }
  return [...texts].map(([file, text]) => ({ file, text }));
}
