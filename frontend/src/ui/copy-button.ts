const SAID_MS = 2000;

/**
 * Makes a button copy what stands in `field`, and say so for a moment. Where the clipboard is closed to this page
 * (plain http), the field is selected instead, ready for the person's own copy command.
 */
export function copyOnClick(button: HTMLButtonElement, field: HTMLInputElement): void {
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
    field.focus();
    field.select();
    say('Selected');
  };
  button.addEventListener('click', () => {
    // Absent outside secure contexts, whatever the types say.
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (clipboard === undefined) {
      selectInstead();
      return;
    }
    clipboard.writeText(field.value).then(() => say('Copied'), selectInstead);
  });
}
