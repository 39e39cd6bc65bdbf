import { effect } from '@preact/signals-core';
import { find, make, setText } from '../ui/elements.ts';
import type { OverlayControl } from './overlay-control.ts';
import type { OverlaySource } from './sources/source.ts';

/** The choice of the overlay source. */
export function bindOverlayCard(control: OverlayControl, sources: readonly OverlaySource[]): void {
  const choice = find('#overlay-source', HTMLSelectElement);
  const description = find('#overlay-description', HTMLElement);
  const noteField = find('#note-field', HTMLElement);
  const note = find('#note', HTMLInputElement);

  choice.replaceChildren(
    ...sources.map(({ id, name }) => {
      const option = make('option', { text: name });
      option.value = id;
      return option;
    }),
  );
  choice.addEventListener('change', () => {
    control.choose(choice.value);
    if (choice.value === 'note') note.focus();
  });
  note.addEventListener('input', () => control.setNote(note.value));

  effect(() => {
    const id = control.chosen.value;
    choice.value = id;
    setText(description, sources.find((source) => source.id === id)?.description ?? '');
    noteField.hidden = id !== 'note';
  });
  effect(() => {
    // Set only if it differs, because setting the value moves the caret.
    if (note.value !== control.note.value) note.value = control.note.value;
  });
}
