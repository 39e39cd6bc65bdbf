/** Finds an element that the page's own HTML must have; throws where it has not. */
export function find<T extends Element>(
  selector: string,
  type: abstract new () => T,
  within: ParentNode = document,
): T {
  const element = within.querySelector(selector);
  if (!(element instanceof type)) throw new Error(`no ${type.name} at ${selector}`);
  return element;
}

/** A new HTML element with text; `text` is never read as markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  { text, className }: { text?: string; className?: string } = {},
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className !== undefined) element.className = className;
  return element;
}

/** Sets text only where it changed, so that a live region does not speak twice. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
