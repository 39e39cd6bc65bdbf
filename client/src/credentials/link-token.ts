import type { RoomId } from '#protocol/ids.ts';
import { TOKEN_MAX_CHARS } from '#protocol/ids.ts';

export interface TokenPlaces {
  /** The address of the page, of which only the fragment is read. */
  readonly location: Pick<Location, 'pathname' | 'search' | 'hash'>;
  readonly history: Pick<History, 'state' | 'replaceState'>;
  /** sessionStorage: a token is a key, and this tab's alone. */
  storage(): Pick<Storage, 'getItem' | 'setItem'>;
}

/**
 * The token of the page's link (`#token=…`, which no server and no log sees). It is taken out of the
 * address, so that who copies that does not hand out a key, and kept so that a reload goes on.
 */
export class LinkToken {
  readonly #key: string;
  readonly #places: TokenPlaces;
  #value: string | undefined;

  constructor(room: RoomId, places: TokenPlaces) {
    this.#key = `onecast.token.${room}`;
    this.#places = places;
    this.#value = this.#kept();
    this.take();
  }

  /** The one last seen in the address, or kept from before a reload. */
  get value(): string | undefined {
    return this.#value;
  }

  /** Takes what stands in the address now. Whether there was a token. */
  take(): boolean {
    const { location, history } = this.#places;
    const fields = new URLSearchParams(location.hash.slice(1));
    const shown = fields.get('token');
    if (shown === null || shown === '') return false;
    // One that is too long is no token; cut, it is refused for what it is.
    this.#value = shown.slice(0, TOKEN_MAX_CHARS);
    if (!this.#keep(this.#value)) return true;
    fields.delete('token');
    const rest = fields.toString();
    const address = `${location.pathname}${location.search}${rest === '' ? '' : `#${rest}`}`;
    history.replaceState(history.state, '', address);
    return true;
  }

  #kept(): string | undefined {
    try {
      return this.#places.storage().getItem(this.#key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** False where storage is closed to this page: then the address is all that a reload has. */
  #keep(token: string): boolean {
    try {
      this.#places.storage().setItem(this.#key, token);
      return true;
    } catch {
      return false;
    }
  }
}

/**
 * The token of this page. `renewed` is called when the page is given another: a link that differs in
 * its fragment alone does not load the page anew.
 */
export function watchLinkToken(room: RoomId, renewed: () => void): LinkToken {
  const token = new LinkToken(room, { location, history, storage: () => sessionStorage });
  window.addEventListener('hashchange', () => {
    if (token.take()) renewed();
  });
  return token;
}
