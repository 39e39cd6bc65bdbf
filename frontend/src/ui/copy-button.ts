const SAID_MS = 2000;

/** What a button copies. */
export interface Copied {
  text(): string;
  /** Makes the text ready for the person's own copy command. */
  select(): void;
}

export function textOf(field: HTMLInputElement): Copied {
  return {
    text: () => field.value,
    select: () => {
      field.focus();
      field.select();
    },
  };
}

/**
 * Makes a button copy, and say so for a moment. Where the clipboard is closed to this page (plain
 * http), the text is selected instead.
 */
export function copyOnClick(button: HTMLButtonElement, copied: Copied): void {
  const label = button.textContent;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const say = (words: string) => {
    clearTimeout(timer);
    button.textContent = words;
    timer = setTimeout(() => {
      button.textContent = label;
    }, SAID_MS);
  };
  const selectInstead = () => {
    copied.select();
    say('Selected');
  };
  button.addEventListener('click', () => {
    // Absent outside secure contexts, whatever the types say.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (clipboard === undefined) {
      selectInstead();
      return;
    }
    clipboard.writeText(copied.text()).then(() => say('Copied'), selectInstead);
  });
}
