/** What programs need for this room: an encoder that publishes (WHIP), and programs that send data (ingest). */
import { computed, effect, type ReadonlySignal, signal } from '@preact/signals-core';
import type { PublisherConnection } from '#client/connection/types.ts';
import type { RoomOwnership } from '#client/credentials/room-ownership.ts';
import type { RoomId } from '#protocol/ids.ts';
import { copyOnClick, textOf } from '../ui/copy-button.ts';
import { find, setText } from '../ui/elements.ts';

export interface ProgramAccess {
  readonly room: RoomId;
  readonly connection: Pick<PublisherConnection, 'status'>;
  readonly ownership: Pick<RoomOwnership, 'secret' | 'claimAhead'>;
  /** On a server with tokens the token of this page, if it has one; `null` on a server without. */
  readonly token: string | undefined | null;
}

/** Shown in place of the secret while it is hidden. */
const MASK = '•'.repeat(12);

/** How a program sends data to this room. */
export function bindIngest(access: ProgramAccess): void {
  const bearer = bearerOf(access);
  effect(() => {
    find('#ingest-not-yet', HTMLElement).hidden = bearer.value !== undefined;
    find('#ingest-ready', HTMLElement).hidden = bearer.value === undefined;
  });
  setText(find('#ingest-warning', HTMLElement), `It holds ${warning(access)}`);
  bindSecretText({
    section: find('#ingest', HTMLDetailsElement),
    field: find('#ingest-command', HTMLTextAreaElement),
    show: find('#show-secret', HTMLButtonElement),
    copy: find('#copy-ingest', HTMLButtonElement),
    name: 'secret',
    bearer,
    text: (secret) => ingestCommand(location.origin, access.room, secret),
  });
}

/**
 * How an encoder publishes in this room. If nobody has published here yet, opening the section makes the
 * secret: the encoder is then the first that shows it.
 */
export function bindEncoder(access: ProgramAccess): void {
  const section = find('#encoder', HTMLDetailsElement);
  const server = find('#encoder-server', HTMLInputElement);
  const opened = signal(0);
  const bearer = bearerOf(access, opened);
  server.value = whipUrl(location.origin, access.room);
  copyOnClick(find('#copy-encoder-server', HTMLButtonElement), textOf(server));
  setText(find('#encoder-warning', HTMLElement), `It is ${warning(access)}`);
  section.addEventListener('toggle', () => {
    if (section.open && access.token === null) access.ownership.claimAhead();
    opened.value += 1;
  });
  bindSecretText({
    section,
    field: find('#encoder-bearer', HTMLInputElement),
    show: find('#show-encoder-bearer', HTMLButtonElement),
    copy: find('#copy-encoder-bearer', HTMLButtonElement),
    name: '',
    bearer,
    text: (secret) => secret,
  });
  const command = find('#encoder-command', HTMLTextAreaElement);
  command.value = ffmpegCommand(location.origin, access.room);
  copyOnClick(find('#copy-encoder-command', HTMLButtonElement), textOf(command));
}

/** The page's authority in a form that a shell leaves as it is, as soon as there is one. */
function bearerOf(
  { connection, ownership, token }: ProgramAccess,
  changed?: ReadonlySignal<unknown>,
): ReadonlySignal<string | undefined> {
  return computed(() => {
    // Read again on each change: the first broadcast makes the secret.
    void connection.status.value;
    void changed?.value;
    const secret = token === null ? ownership.secret : token;
    return secret !== undefined && isPlain(secret) ? secret : undefined;
  });
}

function warning({ token }: ProgramAccess): string {
  const what = token === null ? 'the room’s secret' : 'your own token';
  return `${what}: whoever has it can broadcast here too.`;
}

/** A text with the secret, which is shown only on request: the screen may be what is being broadcast. */
function bindSecretText({
  section,
  field,
  show,
  copy,
  name,
  bearer,
  text,
}: {
  readonly section: HTMLDetailsElement;
  readonly field: HTMLInputElement | HTMLTextAreaElement;
  readonly show: HTMLButtonElement;
  readonly copy: HTMLButtonElement;
  /** The button reads "Show <name>". */
  readonly name: string;
  readonly bearer: ReadonlySignal<string | undefined>;
  readonly text: (secret: string) => string;
}): void {
  const shown = signal(false);
  effect(() => {
    const secret = bearer.value;
    field.value = secret === undefined ? '' : text(shown.value ? secret : MASK);
    setText(show, `${shown.value ? 'Hide' : 'Show'} ${name}`.trimEnd());
  });
  show.addEventListener('click', () => {
    shown.value = !shown.value;
  });
  section.addEventListener('toggle', () => {
    if (!section.open) shown.value = false;
  });
  copyOnClick(copy, {
    text: () => text(bearer.peek() ?? ''),
    select: () => {
      shown.value = true;
      field.focus();
      field.select();
    },
  });
}

/** Where encoders publish in `room` (RFC 9725). */
export function whipUrl(origin: string, room: RoomId): string {
  return `${origin}/whip/${room}`;
}

/** A shell command that publishes a test picture and a tone. It needs FFmpeg 8. */
export function ffmpegCommand(origin: string, room: RoomId): string {
  return [
    `ffmpeg -re -f lavfi -i testsrc2=size=1280x720:rate=30 -f lavfi -i sine=frequency=440 \\`,
    `  -c:v libx264 -profile:v main -pix_fmt yuv420p -tune zerolatency -bf 0 -g 30 -b:v 2M \\`,
    `  -c:a libopus -ar 48000 -ac 2 -f whip \\`,
    `  -authorization "$ONECAST_SECRET" '${whipUrl(origin, room)}'`,
  ].join('\n');
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
