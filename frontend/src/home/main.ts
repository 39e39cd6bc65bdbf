import { readPasted } from '#protocol/room-link.ts';
import { find, setText } from '../ui/elements.ts';
import { readPageConfig, run } from '../ui/page.ts';
import { linkToNewRoom } from '../ui/room-link.ts';

const newBroadcast = find('#new-broadcast', HTMLAnchorElement);
const form = find('#join-form', HTMLFormElement);
const input = find('#join-room', HTMLInputElement);
const fault = find('#join-fault', HTMLParagraphElement);

// On a server with tokens nobody would have a token for a new room.
const { tokens } = readPageConfig();
newBroadcast.hidden = tokens;
find('#open-hint', HTMLElement).hidden = tokens;
find('#token-hint', HTMLElement).hidden = !tokens;
if (tokens) setText(find('#join-label', HTMLLabelElement), 'Watch a broadcast: its link');

// A link and not a redirect by script, so that it can be opened in a new tab.
const offer = () => linkToNewRoom(newBroadcast);
// A page that comes back from the history must not offer the room of the previous broadcast.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) run(offer(), 'making a room');
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const { room, token } = readPasted(input.value);
  if (room === undefined) {
    setText(
      fault,
      input.value.trim() === ''
        ? 'Paste the link you were given, or type the name of the room.'
        : 'That is no link to a broadcast. A room’s name has 3 to 64 letters, digits, - or _.',
    );
    input.setAttribute('aria-invalid', 'true');
    input.focus();
    return;
  }
  location.assign(
    `/join/${room}${token === undefined ? '' : `#token=${encodeURIComponent(token)}`}`,
  );
});

input.addEventListener('input', () => {
  setText(fault, '');
  input.removeAttribute('aria-invalid');
});

run(
  offer().then(() => {
    document.documentElement.dataset.ready = 'true';
  }),
  'making a room',
);
