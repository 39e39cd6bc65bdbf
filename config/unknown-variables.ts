const PREFIX = 'ONECAST_';
/** Read by the server or by scripts/. */
const KNOWN = ['ONECAST_DEV', 'ONECAST_CACHE', 'ONECAST_PREBUILT_WORKER'];

/** A sentence for each variable with the prefix ONECAST_ that nothing reads: probably a typing error. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !KNOWN.includes(name))
    .map((name) => {
      const nearest = KNOWN.toSorted((a, b) => distance(name, a) - distance(name, b))[0];
      const similar = nearest !== undefined && distance(name, nearest) <= 3;
      return `${name.slice(0, 64)} is not a variable of Onecast${similar ? `; do you mean ${nearest}?` : ''}`;
    });
}

/** Levenshtein distance: the number of letters to change, add or remove. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split('').entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
