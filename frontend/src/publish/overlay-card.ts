import type { RoomId, Secret } from '#protocol/ids.ts';
import { computed, effect, signal } from '@preact/signals-core';
import type { PublisherConnection } from '#client/connection/types.ts';
import { copyOnClick } from '../ui/copy-button.ts';
import { find, make, setText } from '../ui/elements.ts';
import type { OverlayControl } from './overlay-control.ts';
import type { OverlaySource } from './sources/source.ts';

/** Shown in place of the secret while it is hidden. */
export const MASK = '•'.repeat(12);

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

/**
 * How a program sends data to this room (ingest). The secret is shown only on request, because the
 * screen may be what is being broadcast.
 */
export function bindIngest({
  room,
  connection,
  ownership,
  token,
}: {
  readonly room: RoomId;
  readonly connection: Pick<PublisherConnection, 'status'>;
  readonly ownership: { readonly secret: Secret | undefined };
  /** On a server with tokens the token of this page, if it has one; `null` on a server without. */
  readonly token: string | undefined | null;
}): void {
  const section = find('#ingest', HTMLDetailsElement);
  const field = find('#ingest-command', HTMLTextAreaElement);
  const show = find('#show-secret', HTMLButtonElement);
  const shown = signal(false);
  const bearer = computed(() => {
    // Read again on each change: the first broadcast makes the secret.
    void connection.status.value;
    const secret = token === null ? ownership.secret : token;
    return secret !== undefined && isPlain(secret) ? secret : undefined;
  });
  const command = (secret: string) => ingestCommand(location.origin, room, secret);

  effect(() => {
    const secret = bearer.value;
    find('#ingest-not-yet', HTMLElement).hidden = secret !== undefined;
    find('#ingest-ready', HTMLElement).hidden = secret === undefined;
    field.value = secret === undefined ? '' : command(shown.value ? secret : MASK);
    setText(show, shown.value ? 'Hide secret' : 'Show secret');
  });
  setText(
    find('#ingest-warning', HTMLElement),
    token === null
      ? 'It holds the room’s secret: whoever has it can broadcast here too.'
      : 'It holds your own token: whoever has it can broadcast here too.',
  );
  show.addEventListener('click', () => {
    shown.value = !shown.value;
  });
  section.addEventListener('toggle', () => {
    if (!section.open) shown.value = false;
  });
  copyOnClick(find('#copy-ingest', HTMLButtonElement), {
    text: () => command(bearer.peek() ?? ''),
    select: () => {
      shown.value = true;
      field.focus();
      field.select();
    },
  });
}

/** A label in the middle of the video, for five seconds. */
const HELLO = {
  kind: 'shapes',
  topic: 'hello',
  ttlMs: 5_000,
  shapes: [{ type: 'label', x: 0.5, y: 0.5, text: 'hello from a program' }],
} as const;

/**
 * A shell command that draws over the video. It sets the secret on a line of its own, so that later
 * programs in the same shell find it too.
 * @param bearer a text for which isPlain() is true, or the mask: a shell would interpret others
 */
export function ingestCommand(origin: string, room: RoomId, bearer: string): string {
  return [
    `export ONECAST_SECRET='${bearer}'`,
    `curl '${origin}/api/rooms/${room}/overlay' \\`,
    `  -H "Authorization: Bearer $ONECAST_SECRET" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${JSON.stringify(HELLO)}'`,
  ].join('\n');
}

/** Whether a shell leaves `bearer` as it is. A command that people paste must contain nothing else. */
export function isPlain(bearer: string): boolean {
  return /^[A-Za-z0-9_.-]+$/.test(bearer);
}
