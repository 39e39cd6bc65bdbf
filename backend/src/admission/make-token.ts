/** `npm run token`: prints only the token on stdout, and a description of it on stderr. */
import { readAuthKey } from '#config/env.ts';
import { TokenOptionsError, readClaims } from './token-options.ts';
import { signToken } from './tokens.ts';

try {
  const faults: string[] = [];
  const key = readAuthKey(process.env, faults);
  if (!key && faults.length === 0) {
    faults.push('AUTH_SECRET is not set: it must be the same as the server’s');
  }
  if (!key) throw new TokenOptionsError(faults);
  const claims = readClaims(process.argv.slice(2), Date.now());
  process.stdout.write(`${await signToken(key, claims)}\n`);
  const page = claims.role === 'publisher' ? 'publish' : 'join';
  const until = new Date(claims.exp * 1_000).toISOString();
  process.stderr.write(
    `For a ${claims.role} of ${claims.room}, to join until ${until}: /${page}/${claims.room}#token=…\n`,
  );
} catch (error) {
  if (!(error instanceof TokenOptionsError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
