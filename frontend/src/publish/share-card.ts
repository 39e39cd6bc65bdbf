import type { RoomId } from '#protocol/ids.ts';
import { copyOnClick } from '../ui/copy-button.ts';
import { find } from '../ui/elements.ts';
import { QrCode } from '../ui/qr-code.ts';
import { isLoopbackHost, joinUrl } from '../ui/room-link.ts';

/** The link for viewers: to read, to copy, to point a phone at. */
export function bindShareCard(room: RoomId): void {
  const url = joinUrl(location.origin, room);
  const field = find('#share-link', HTMLInputElement);
  field.value = url;
  field.addEventListener('focus', () => field.select());
  copyOnClick(find('#copy-link', HTMLButtonElement), field);
  find('#open-link', HTMLAnchorElement).href = url;
  find('#qr', QrCode).value = url;
  find('#loopback-hint', HTMLElement).hidden = !isLoopbackHost(location.hostname);
}
