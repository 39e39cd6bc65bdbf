import type { Failure } from '#client/connection/types.ts';

export interface TokenWords {
  readonly title: string;
  /** What the person can do about it. */
  readonly detail: string;
}

const AS_GIVEN = 'Open it exactly as you were given it, or ask for a new one.';

const WORDS: Readonly<Partial<Record<Failure['code'], TokenWords>>> = {
  'token-missing': {
    title: 'This link is not complete',
    detail: `The part that lets you in is missing. ${AS_GIVEN}`,
  },
  'token-invalid': {
    title: 'This link is not valid',
    detail: `It may have been changed on its way. ${AS_GIVEN}`,
  },
  'token-expired': {
    title: 'This link has expired',
    detail: 'Ask whoever gave it to you for a new one.',
  },
  'token-wrong-room': { title: 'This link is for another room', detail: AS_GIVEN },
  'token-wrong-role': {
    title: 'This link is for watching',
    detail: 'To broadcast in this room you need a link of your own. Ask for one.',
  },
};

/** Words for a failure that is due to the token in the page's link; undefined for other failures. */
export function tokenWords(code: Failure['code'] | undefined): TokenWords | undefined {
  return code && WORDS[code];
}
