import { effect, signal } from '@preact/signals-core';
import type { PublisherConnection } from '#client/connection/types.ts';
import { requestDeviceCode } from '#client/credentials/room-codes.ts';
import type { RoomOwnership } from '#client/credentials/room-ownership.ts';
import { OnecastError } from '#protocol/errors.ts';
import type { RoomId } from '#protocol/ids.ts';
import { type DeviceCode, inGroups, recoveryCodeOf } from '#protocol/room-codes.ts';
import { copyOnClick, textOf } from '../ui/copy-button.ts';
import { find, setText } from '../ui/elements.ts';
import { run } from '../ui/page.ts';
import { showQrCode } from '../ui/qr-code.ts';
import { continueUrl } from '../ui/room-link.ts';
import type { CodeControl, CodeState } from './code-control.ts';

/** The notice in which a code from another device is offered, entered and used. */
export function bindCodeNotice(
  room: RoomId,
  control: CodeControl,
  connection: PublisherConnection,
): void {
  const entry = find('#code', HTMLInputElement);
  const agree = find('#continue-here', HTMLButtonElement);
  const use = async (text: string) => {
    if (!(await control.use(text))) {
      entry.focus();
      return;
    }
    // The refusal that led here is over: the page offers start again.
    if (connection.status.peek() === 'failed') connection.close();
    find('#start', HTMLButtonElement).focus();
  };
  find('#code-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    run(use(entry.value), 'using a code');
  });
  agree.addEventListener('click', () => {
    const state = control.state.peek();
    if (state.step === 'offered') run(use(state.code), 'using a code');
  });
  effect(() => {
    const status = connection.status.value;
    if (status === 'failed' && connection.failure.value?.code === 'room-taken') control.ask();
    else if (status !== 'idle') control.dismiss();
  });
  effect(() => {
    const state = control.state.value;
    const words = codeWords(state, room);
    find('#code-notice', HTMLElement).hidden = words === undefined;
    setText(find('#code-title', HTMLElement), words?.title ?? '');
    setText(find('#code-detail', HTMLElement), words?.detail ?? '');
    const fault = state.step === 'entry' ? state.fault : undefined;
    setText(find('#code-fault', HTMLElement), fault ?? '');
    if (fault === undefined) entry.removeAttribute('aria-invalid');
    else entry.setAttribute('aria-invalid', 'true');
    find('#code-form', HTMLElement).hidden = state.step !== 'entry';
    agree.hidden = state.step !== 'offered';
  });
}

function codeWords(
  { step }: CodeState,
  room: RoomId,
): { readonly title: string; readonly detail: string } | undefined {
  switch (step) {
    case 'none':
      return undefined;
    case 'offered':
      return {
        title: `Continue in room ${room} on this device?`,
        detail:
          'Go on only if you have made this code yourself: whoever made it can take over what you broadcast here.',
      };
    case 'entry':
      return {
        title: 'Have you broadcast in this room before?',
        detail: 'Enter the code that your other device shows, or your recovery code.',
      };
    case 'checking':
      return { title: 'Checking the code…', detail: '' };
    case 'accepted':
      return {
        title: 'This device may broadcast in this room',
        detail: 'Press start when you are ready. If your other device is on air, it stops then.',
      };
    default:
      return step satisfies never;
  }
}

/** The card with the code for another device and the recovery code. */
export function bindOwnerCard(
  room: RoomId,
  ownership: RoomOwnership,
  connection: PublisherConnection,
): void {
  const made = signal<{ code: DeviceCode; expiresAt: number } | undefined>(undefined);
  const fault = signal('');
  const shownRecovery = signal(false);
  const kept = signal(ownership.recoveryKept);
  const link = find('#device-link', HTMLInputElement);
  const recovery = find('#recovery-code', HTMLTextAreaElement);

  const makeCode = async () => {
    const { secret } = ownership;
    if (secret === undefined) return;
    fault.value = '';
    try {
      const { code, expiresInMs } = await requestDeviceCode(room, secret);
      made.value = { code, expiresAt: Date.now() + expiresInMs };
    } catch (error) {
      made.value = undefined;
      fault.value = makingFault(error);
    }
  };
  find('#make-code', HTMLButtonElement).addEventListener('click', () => {
    run(makeCode(), 'making a code');
  });
  find('#show-recovery', HTMLButtonElement).addEventListener('click', () => {
    shownRecovery.value = true;
    recovery.focus();
  });
  find('#recovery-kept', HTMLButtonElement).addEventListener('click', () => {
    ownership.keepRecovery();
    kept.value = true;
  });
  copyOnClick(find('#copy-device-link', HTMLButtonElement), textOf(link));
  copyOnClick(find('#copy-recovery', HTMLButtonElement), textOf(recovery));

  effect(() => {
    const status = connection.status.value;
    // The other device has used it.
    if (status === 'superseded') made.value = undefined;
    const owns = ownership.secret !== undefined && status !== 'failed';
    find('#device-not-yet', HTMLElement).hidden = owns;
    find('#device-ready', HTMLElement).hidden = !owns;
    kept.value = ownership.recoveryKept;
  });
  effect(() => {
    const shown = made.value;
    find('#device-code', HTMLElement).hidden = shown === undefined;
    setText(find('#device-fault', HTMLElement), fault.value);
    if (!shown) {
      link.value = '';
      find('#device-qr', HTMLElement).replaceChildren();
      return undefined;
    }
    const code = inGroups(shown.code);
    link.value = continueUrl(location.origin, room, code);
    showQrCode(find('#device-qr', HTMLElement), link.value);
    setText(find('#device-code-text', HTMLElement), code);
    const until = new Date(shown.expiresAt);
    const time = until.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    setText(find('#device-code-until', HTMLElement), time);
    const timer = setTimeout(() => (made.value = undefined), shown.expiresAt - Date.now());
    return () => clearTimeout(timer);
  });
  effect(() => {
    const { secret } = ownership;
    const shown = shownRecovery.value && !kept.value && secret !== undefined;
    find('#recovery-offer', HTMLElement).hidden = kept.value || shown;
    find('#recovery-shown', HTMLElement).hidden = !shown;
    find('#recovery-done', HTMLElement).hidden = !kept.value;
    recovery.value = shown ? inGroups(recoveryCodeOf(secret)) : '';
  });
}

function makingFault(error: unknown): string {
  if (!(error instanceof OnecastError)) return 'The server could not be reached. Try again.';
  return error.code === 'room-unknown'
    ? 'The server does not have this room at the moment. Start the broadcast first.'
    : error.message;
}
