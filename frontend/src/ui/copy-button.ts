import { run } from './page.ts';

const FEEDBACK_MS = 2000;

/** The text that a button copies. */
export interface CopySource {
  text(): string | Promise<string>;
  /** Selects the text on the page, so that the person can copy it with the keyboard or the menu. */
  select(): void;
}

/** Copies what is in a field of the page. */
export function textOf(field: HTMLInputElement | HTMLTextAreaElement): CopySource {
  return {
    text: () => field.value,
    select: () => {
      field.focus();
      field.select();
    },
  };
}

/**
 * Makes a button copy a text, and show for a moment that it did. If the page may not use the
 * clipboard (plain http), the button selects the text instead.
 */
export function copyOnClick(button: HTMLButtonElement, source: CopySource): void {
  const label = button.textContent;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const say = (words: string) => {
    clearTimeout(timer);
    button.textContent = words;
    timer = setTimeout(() => {
      button.textContent = label;
    }, FEEDBACK_MS);
  };
  const copyOrSelect = async () => {
    const text = source.text();
    try {
      await copy(text);
      say('Copied');
    } catch {
      await text;
      source.select();
      say('Selected');
    }
  };
  button.addEventListener('click', () => run(copyOrSelect(), 'copying'));
}

/** @throws if this page may not use the clipboard. */
async function copy(text: string | Promise<string>): Promise<void> {
  // Insecure contexts have no clipboard, although the types say otherwise.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard === undefined) throw new Error('This page may not use the clipboard.');
  if (typeof text === 'string') {
    await clipboard.writeText(text);
    return;
  }
  // Safari allows this only while it handles the click, so the promise itself goes to the clipboard.
  const blob = text.then((value) => new Blob([value], { type: 'text/plain' }));
  await clipboard.write([new ClipboardItem({ 'text/plain': blob })]);
}
