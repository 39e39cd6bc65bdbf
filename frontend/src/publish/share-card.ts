import type { RoomId } from '#protocol/ids.ts';
import type { PageConfig } from '#protocol/signalling.ts';
import { copyOnClick, textOf } from '../ui/copy-button.ts';
import { find, setText } from '../ui/elements.ts';
import { showQrCode } from '../ui/qr-code.ts';
import { embedCode, isLoopbackHost, joinUrl } from '../ui/room-link.ts';

/**
 * The card with the link for viewers, to read and to copy, its QR code and the code for embedding. With
 * tokens it only has a link that opens the viewers' page.
 */
export function bindShareCard(room: RoomId, page: PageConfig, lacksToken: boolean): void {
  const url = joinUrl(location.origin, room);
  const open = find('#open-link', HTMLAnchorElement);
  const qr = find('#qr', HTMLElement);
  open.href = url;
  find('#share-open', HTMLElement).hidden = page.tokens;
  find('#share-by-token', HTMLElement).hidden = !page.tokens;
  qr.hidden = page.tokens;
  find('#qr-words', HTMLElement).hidden = page.tokens;
  // The viewers' page needs a token too.
  find('#open-words', HTMLElement).hidden = lacksToken;
  find('#embed', HTMLElement).hidden = page.tokens || !page.embedding;
  if (page.tokens) {
    // The address alone lets nobody in, and this page's own token is not for sharing. Only a tab
    // opened from here has the token: a tab with an opener starts with a copy of this tab's
    // sessionStorage.
    open.rel = 'opener';
    setText(open, 'Open the viewers’ page');
    return;
  }
  bindField('#share-link', '#copy-link', url);
  bindField('#embed-code', '#copy-embed', embedCode(location.origin, room));
  showQrCode(qr, url);
  find('#loopback-hint', HTMLElement).hidden = !isLoopbackHost(location.hostname);
}

/** A field with text to read and to copy. */
function bindField(input: string, button: string, text: string): void {
  const field = find(input, HTMLInputElement);
  field.value = text;
  field.addEventListener('focus', () => field.select());
  copyOnClick(find(button, HTMLButtonElement), textOf(field));
}
