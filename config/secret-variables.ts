/**
 * Which environment variables hold secrets. Programs that the server starts don't get them: media
 * workers parse what strangers send, and whoever takes over a process can read its environment.
 */

/** Words in names: AUTH_SECRET, NPM_TOKEN, PGPASSWORD, … */
const WORDS = /secret|token|passw|passphrase|credential|cookie/i;
/** Words that count only between underscores or at an end: AWS_ACCESS_KEY_ID, APIKEY, SENTRY_DSN. */
const WHOLE_WORDS = /(?:^|_)(?:[a-z]*keys?|pwd|pass|pgpass|auth|dsn|jwt)(?:_|$)/i;
/** A URL with a user and a password, such as postgres://user:password@host. */
const URL_WITH_PASSWORD = /:\/\/[^/\s:@]*:[^/\s@]+@/;
/** Names that only look like one: where something is, not what it says. */
const PLACES = /(?:_file|_path|_dir|_sock)$/i;

export function holdsSecret(name: string, value: string): boolean {
  return (
    ((WORDS.test(name) || WHOLE_WORDS.test(name)) && !PLACES.test(name)) ||
    URL_WITH_PASSWORD.test(value)
  );
}

/** A copy without the variables that hold secrets. */
export function withoutSecrets(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !holdsSecret(name, value)) kept[name] = value;
  }
  return kept;
}
