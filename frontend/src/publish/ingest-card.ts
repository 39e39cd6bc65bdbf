import type { RoomId } from '#protocol/ids.ts';
import { computed, effect, signal } from '@preact/signals-core';
import { readPublisherSecret } from '#client/credentials/publisher-secret.ts';
import type { PublisherConnection } from '#client/connection/types.ts';
import { copyOnClick } from '../ui/copy-button.ts';
import { find, setText } from '../ui/elements.ts';
import { isPlain, MASK, ingestCommand } from './ingest-command.ts';

/**
 * How a program sends data to this room. The secret is only shown where somebody asks for it: the
 * screen may be what is being broadcast.
 */
export function bindIngestCard({
  room,
  connection,
  token,
}: {
  readonly room: RoomId;
  readonly connection: Pick<PublisherConnection, 'status'>;
  /** Where tokens decide who publishes: this page's own; `null` where they do not. */
  readonly token: string | undefined | null;
}): void {
  const card = find('#program', HTMLDetailsElement);
  const field = find('#program-command', HTMLTextAreaElement);
  const show = find('#show-secret', HTMLButtonElement);
  const shown = signal(false);
  const bearer = computed(() => {
    // The first broadcast makes the secret.
    void connection.status.value;
    const held = token === null ? readPublisherSecret(room) : token;
    return held !== undefined && isPlain(held) ? held : undefined;
  });
  const command = (secret: string) => ingestCommand(location.origin, room, secret);

  effect(() => {
    const secret = bearer.value;
    find('#program-none', HTMLElement).hidden = secret !== undefined;
    find('#program-open', HTMLElement).hidden = secret === undefined;
    field.value = secret === undefined ? '' : command(shown.value ? secret : MASK);
    setText(show, shown.value ? 'Hide secret' : 'Show secret');
  });
  setText(
    find('#program-warning', HTMLElement),
    token === null
      ? 'It holds the room’s secret: whoever has it can broadcast here too.'
      : 'It holds your own token: whoever has it can broadcast here too.',
  );
  show.addEventListener('click', () => {
    shown.value = !shown.value;
  });
  card.addEventListener('toggle', () => {
    if (!card.open) shown.value = false;
  });
  copyOnClick(find('#copy-program', HTMLButtonElement), {
    text: () => command(bearer.peek() ?? ''),
    select: () => {
      shown.value = true;
      field.focus();
      field.select();
    },
  });
}
