/** `npm run token`: the token alone on stdout, what it is for on stderr. */
import { readAuthKey } from '#config/env.ts';
import { MakingRefused, readClaims } from './token-options.ts';
import { signToken } from './tokens.ts';

try {
  const faults: string[] = [];
  const key = readAuthKey(process.env, faults);
  if (!key && faults.length === 0) {
    faults.push('AUTH_SECRET is not set: make tokens with the one that the server has');
  }
  if (!key) throw new MakingRefused(faults);
  const claims = readClaims(process.argv.slice(2), Date.now());
  process.stdout.write(`${await signToken(key, claims)}\n`);
  const page = claims.role === 'publisher' ? 'publish' : 'join';
  const until = new Date(claims.exp * 1_000).toISOString();
  process.stderr.write(
    `For a ${claims.role} of ${claims.room}, to enter until ${until}: /${page}/${claims.room}#token=…\n`,
  );
} catch (error) {
  if (!(error instanceof MakingRefused)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
