const PROBE = 'onecast.probe';
/** About as long as the longest value that a page stores. */
const PROBE_TEXT = 'x'.repeat(2_048);

/** Whether the browser keeps what a page stores: not if settings block it, and not if it is full. */
export function keepsItems(
  storage: () => Pick<Storage, 'setItem' | 'removeItem'> | null | undefined,
): boolean {
  try {
    const opened = storage();
    if (!opened) return false;
    opened.setItem(PROBE, PROBE_TEXT);
    opened.removeItem(PROBE);
    return true;
  } catch {
    return false;
  }
}

/** Whether this page will know after a reload what it knows now. */
export function keepsEverything(): boolean {
  return keepsItems(() => localStorage) && keepsItems(() => sessionStorage);
}
