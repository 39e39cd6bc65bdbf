/**
 * What a page does after the server refuses a request:
 * - `never`   stop and show the message
 * - `later`   send the same request again after the backoff
 * - `rebuild` keep the session, create a new transport
 * - `rejoin`  the session no longer exists: join or publish again from the same page
 */
export type Retry = 'never' | 'later' | 'rebuild' | 'rejoin';

/**
 * Every code with which the server can refuse a request: what the page does next, and the sentence
 * that people read.
 */
export const ERRORS = {
  'bad-request': { retry: 'never', message: 'The request was not understood.' },
  'protocol-mismatch': {
    retry: 'never',
    message: 'This page and the server are of different versions. Open the link again.',
  },
  'room-taken': {
    retry: 'never',
    message: 'Somebody else is the publisher of this room.',
  },
  'code-invalid': {
    retry: 'never',
    message: 'This code is not valid: mistyped, used already, or too old.',
  },
  superseded: {
    retry: 'never',
    message: 'Another page has taken over this broadcast.',
  },
  'not-allowed': { retry: 'never', message: 'This is not for this role.' },
  'token-missing': {
    retry: 'never',
    message: 'This link lacks its token. Open it exactly as it was given to you.',
  },
  'token-invalid': {
    retry: 'never',
    message: 'The token in this link is not valid here. Ask for a new link.',
  },
  'token-expired': { retry: 'never', message: 'This link has expired. Ask for a new one.' },
  'token-wrong-room': { retry: 'never', message: 'The token in this link is for another room.' },
  'token-wrong-role': {
    retry: 'never',
    message: 'The token in this link is for watching, not for broadcasting.',
  },
  'origin-refused': {
    retry: 'never',
    message: 'A page of another address may not connect to this server.',
  },
  'codec-unsupported': {
    retry: 'never',
    message: 'This browser cannot play what the publisher sends.',
  },
  'offer-unsupported': {
    retry: 'never',
    message: 'This server cannot receive what the encoder offers.',
  },
  'authority-missing': {
    retry: 'never',
    message: 'The publisher’s secret or token is missing: Authorization: Bearer …',
  },
  'media-type': {
    retry: 'never',
    message: 'Send application/json, or application/x-ndjson with a message a line, uncompressed.',
  },
  'room-unknown': { retry: 'never', message: 'Nobody has broadcast in this room yet.' },
  'not-live': {
    retry: 'never',
    message: 'Nothing is on air. Messages with a key are kept even so.',
  },
  'message-too-large': { retry: 'never', message: 'One overlay message is too large.' },
  'clock-off': {
    retry: 'never',
    message: 'A time in this message is far from the present. Set the clock that it comes from.',
  },
  'state-full': {
    retry: 'never',
    message: 'The room keeps no more keys: delete some, or make them smaller.',
  },
  'session-gone': { retry: 'rejoin', message: 'The server no longer knows this session.' },
  'transport-gone': { retry: 'rebuild', message: 'The media connection no longer exists.' },
  'stale-epoch': { retry: 'rejoin', message: 'The broadcast has changed meanwhile.' },
  'media-unavailable': { retry: 'later', message: 'The media workers are not ready.' },
  draining: { retry: 'later', message: 'The server is about to restart.' },
  'too-many': {
    retry: 'later',
    message: 'There are too many requests or pages from your address just now.',
  },
  'overlay-flood': {
    retry: 'never',
    message: 'This page sent more overlay data than the server takes.',
  },
  'bitrate-exceeded': {
    retry: 'never',
    message: 'This page sent more video or data than the server takes.',
  },
  'too-slow': { retry: 'later', message: 'The request took too long to arrive.' },
  internal: { retry: 'later', message: 'Something went wrong on the server.' },
} as const satisfies Record<string, { retry: Retry; message: string }>;

/** Stable: programs may rely on a code, but not on the wording of its message. */
export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value);
}

/** A refusal. The server's handlers throw it, and so does the page's request when the ack is a refusal. */
export class OnecastError extends Error {
  readonly code: ErrorCode;

  /** @param detail replaces the code's own sentence */
  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail ?? ERRORS[code].message, options);
    this.name = 'OnecastError';
    this.code = code;
  }

  get retry(): Retry {
    return ERRORS[this.code].retry;
  }
}
