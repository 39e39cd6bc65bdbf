/**
 * The code of a link that continues a broadcast on another device (`#code=…`). It is removed from the
 * address at once, so that nobody copies it with the address, and it does nothing until a person agrees.
 */
export function takeCode(
  location: Pick<Location, 'pathname' | 'search' | 'hash'>,
  history: Pick<History, 'state' | 'replaceState'>,
): string | undefined {
  const fields = location.hash.slice(1).split('&');
  const isCode = (field: string) => /^code=/i.test(field);
  const code = fields.find(isCode)?.slice('code='.length);
  if (code === undefined) return undefined;
  const rest = fields.filter((field) => !isCode(field)).join('&');
  const address = `${location.pathname}${location.search}${rest === '' ? '' : `#${rest}`}`;
  history.replaceState(history.state, '', address);
  return code;
}
