import type { RoomId } from '#protocol/ids.ts';
import type { PageConfig } from '#protocol/signalling.ts';
import { copyOnClick, textOf } from '../ui/copy-button.ts';
import { find, setText } from '../ui/elements.ts';
import { QrCode } from '../ui/qr-code.ts';
import { embedCode, isLoopbackHost, joinUrl } from '../ui/room-link.ts';

/** The link for viewers: to read, to copy, to point a phone at. */
export function bindShareCard(room: RoomId, page: PageConfig, lacksToken: boolean): void {
  const url = joinUrl(location.origin, room);
  const open = find('#open-link', HTMLAnchorElement);
  open.href = url;
  find('#share-open', HTMLElement).hidden = page.tokens;
  find('#share-by-token', HTMLElement).hidden = !page.tokens;
  find('#qr', QrCode).hidden = page.tokens;
  find('#qr-words', HTMLElement).hidden = page.tokens;
  // Without a token the viewers' page is closed to this one too.
  find('#open-words', HTMLElement).hidden = lacksToken;
  find('#embed', HTMLElement).hidden = page.tokens || !page.embedding;
  if (page.tokens) {
    // The address alone lets nobody in, and this page's own token is not for handing out. Only a tab
    // opened from here has it: one with an opener begins with this tab's sessionStorage.
    open.rel = 'opener';
    setText(open, 'Open the viewers’ page');
    return;
  }
  bindField('#share-link', '#copy-link', url);
  bindField('#embed-code', '#copy-embed', embedCode(location.origin, room));
  find('#qr', QrCode).value = url;
  find('#loopback-hint', HTMLElement).hidden = !isLoopbackHost(location.hostname);
}

/** Text to read and to copy. */
function bindField(input: string, button: string, text: string): void {
  const field = find(input, HTMLInputElement);
  field.value = text;
  field.addEventListener('focus', () => field.select());
  copyOnClick(find(button, HTMLButtonElement), textOf(field));
}
