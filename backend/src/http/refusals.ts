/** What the APIs for programs have in common: the bearer, and the HTTP status of each refusal. */
import type { Request } from 'express';
import { type ErrorCode, OnecastError } from '#protocol/errors.ts';

const STATUS: Partial<Record<ErrorCode, number>> = {
  'bad-request': 400,
  'clock-off': 400,
  'authority-missing': 401,
  'token-invalid': 401,
  'token-expired': 401,
  'token-wrong-room': 403,
  'token-wrong-role': 403,
  'room-taken': 403,
  'room-unknown': 404,
  'session-gone': 404,
  'transport-gone': 409,
  superseded: 409,
  'not-live': 409,
  'state-full': 409,
  'message-too-large': 413,
  'media-type': 415,
  'offer-unsupported': 422,
  'too-many': 429,
  draining: 503,
  'media-unavailable': 503,
};

/** The secret or token of `Authorization: Bearer …`. */
export function bearerOf(request: Request): string | undefined {
  return /^Bearer +(\S+)$/i.exec(request.get('authorization') ?? '')?.[1];
}

/** Errors of the body parser have a `status`. */
export function refusalOf(error: unknown): OnecastError | undefined {
  if (error instanceof OnecastError) return error;
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  switch (error.status) {
    case 413:
      return new OnecastError('message-too-large', 'The request is too large.');
    case 415:
      return new OnecastError('media-type');
    case 400:
      return new OnecastError('bad-request');
    default:
      return undefined;
  }
}

export function statusOf(code: ErrorCode): number {
  return STATUS[code] ?? 500;
}
