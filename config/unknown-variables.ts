const PREFIX = 'ONECAST_';
/** Read by the server, and by the scripts around it. */
const KNOWN = ['ONECAST_DEV', 'ONECAST_CACHE'];

/** A sentence for each variable with this project's prefix that nothing reads: a slip of the pen. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !KNOWN.includes(name))
    .map((name) => {
      const meant = KNOWN.toSorted((a, b) => distance(name, a) - distance(name, b))[0];
      const near = meant !== undefined && distance(name, meant) <= 3;
      return `${name.slice(0, 64)} is not known here${near ? `; perhaps ${meant} is meant` : ''}`;
    });
}

/** Levenshtein: letters to change, add or leave out. */
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
