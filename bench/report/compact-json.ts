const LINE_MAX_CHARS = 500;

/** JSON in which every value that fits into a line is on one line, so that a table's row is a line. */
export function compactJson(value: unknown, indent = ''): string {
  const line = JSON.stringify(value) ?? 'null';
  if (typeof value !== 'object' || value === null) return line;
  if (indent.length + line.length <= LINE_MAX_CHARS) return line;
  const inner = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((item) => compactJson(item, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => `${JSON.stringify(key)}: ${compactJson(item, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${members.map((member) => inner + member).join(',\n')}\n${indent}${close}`;
}
