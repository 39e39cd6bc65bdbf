const FEEDBACK_MS = 2000;

/** The text that a button copies. */
export interface CopySource {
  text(): string;
  /** Selects the text, so that the person can copy it with the keyboard or the menu. */
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
  const selectInstead = () => {
    source.select();
    say('Selected');
  };
  button.addEventListener('click', () => {
    // Insecure contexts have no clipboard, although the types say otherwise.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (clipboard === undefined) {
      selectInstead();
      return;
    }
    clipboard.writeText(source.text()).then(() => say('Copied'), selectInstead);
  });
}
