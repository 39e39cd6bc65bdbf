/**
 * Finds an element that the page's own HTML must contain.
 * @throws if there is no such element, or it is of another type.
 */
export function find<T extends Element>(
  selector: string,
  type: abstract new () => T,
  within: ParentNode = document,
): T {
  const element = within.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`no ${type.name} at ${selector}`);
  return element;
}

/** Makes a new HTML element. `text` is plain text, never parsed as markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  { text, className }: { text?: string; className?: string } = {},
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className !== undefined) element.className = className;
  return element;
}

/** Sets the text only if it changed: a screen reader repeats a live region that is set again. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
