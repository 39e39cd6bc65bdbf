import type { RoomId } from '#protocol/ids.ts';
import { TOKEN_MAX_CHARS } from '#protocol/ids.ts';

export interface TokenPlaces {
  /** The page's address. Only the fragment is read. */
  readonly location: Pick<Location, 'pathname' | 'search' | 'hash'>;
  readonly history: Pick<History, 'state' | 'replaceState'>;
  /** sessionStorage, because a token is a key that only this tab may use. Throws where it is blocked. */
  storage(): Pick<Storage, 'getItem' | 'setItem'>;
}

/**
 * The token of the page's link (`#token=…`; browsers never send a fragment, so no server or log sees
 * it). It is removed from the address, so that a copied address does not contain the key, and it is
 * stored so that the page still has it after a reload.
 */
export class LinkToken {
  readonly #key: string;
  readonly #places: TokenPlaces;
  #value: string | undefined;

  constructor(room: RoomId, places: TokenPlaces) {
    this.#key = `onecast.token.${room}`;
    this.#places = places;
    this.#value = this.#readStored();
    this.readFromAddress();
  }

  /** The token last seen in the address, or stored before a reload. */
  get value(): string | undefined {
    return this.#value;
  }

  /** Moves a token from the address to this tab's storage. @returns whether there was a token */
  readFromAddress(): boolean {
    const { location, history } = this.#places;
    const fields = new URLSearchParams(location.hash.slice(1));
    const found = fields.get('token');
    if (found === null || found === '') return false;
    // A longer text is not a valid token. Cut off, it fits the schema and the server refuses it as invalid.
    this.#value = found.slice(0, TOKEN_MAX_CHARS);
    if (!this.#store(this.#value)) return true;
    fields.delete('token');
    const rest = fields.toString();
    const address = `${location.pathname}${location.search}${rest === '' ? '' : `#${rest}`}`;
    history.replaceState(history.state, '', address);
    return true;
  }

  #readStored(): string | undefined {
    try {
      return this.#places.storage().getItem(this.#key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  /** @returns false where storage is blocked: then the token stays in the address, for a reload */
  #store(token: string): boolean {
    try {
      this.#places.storage().setItem(this.#key, token);
      return true;
    } catch {
      return false;
    }
  }
}

/**
 * The token of this page. `renewed` is called when the address gets another token: opening a link
 * that differs only in its fragment does not reload the page.
 */
export function watchLinkToken(room: RoomId, renewed: () => void): LinkToken {
  const token = new LinkToken(room, { location, history, storage: () => sessionStorage });
  window.addEventListener('hashchange', () => {
    if (token.readFromAddress()) renewed();
  });
  return token;
}
