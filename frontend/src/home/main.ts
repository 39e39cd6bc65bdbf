import { find, setText } from '../ui/elements.ts';
import { roomFromInput, unguessableRoom } from '../ui/room-link.ts';

const newBroadcast = find('#new-broadcast', HTMLAnchorElement);
const form = find('#join-form', HTMLFormElement);
const input = find('#join-room', HTMLInputElement);
const fault = find('#join-fault', HTMLParagraphElement);

// A link rather than a script's redirect, so that it opens in a new tab like any other.
newBroadcast.href = `/publish/${unguessableRoom()}`;
// A page brought back from the history must not offer the room of the broadcast before.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) newBroadcast.href = `/publish/${unguessableRoom()}`;
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const room = roomFromInput(input.value);
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
  location.assign(`/join/${room}`);
});

input.addEventListener('input', () => {
  setText(fault, '');
  input.removeAttribute('aria-invalid');
});

document.documentElement.dataset.ready = 'true';
