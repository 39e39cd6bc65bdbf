import { OnecastError } from '#protocol/errors.ts';
import { type AnswerOf, JOIN_PATH, type SessionGrant } from '#protocol/signalling.ts';
import { PROTOCOL_VERSION } from '#protocol/version.ts';
import {
  newRequestId,
  type Outgoing,
  parseAnswer,
  type SignalClient,
} from '../connection/signal-client.ts';
import type { SessionOpened } from '../connection/states.ts';
import type { JoinTracer } from './join-trace.ts';

/** After this time the socket is up and can send the request itself. */
const AHEAD_DEADLINE_MS = 2_500;

export interface ViewerJoinOptions {
  /** Built again for each attempt: the token may have changed. */
  request(): Promise<Outgoing<'join'>>;
  readonly signalling: Pick<SignalClient, 'request'>;
  readonly tracer: JoinTracer;
  /** The answer to the request ahead of the socket; `certificate` is the page's side of the transport. */
  joinedAhead(answer: AnswerOf<'join'>, certificate: RTCCertificate): void;
  /** The server has refused the request ahead of the socket. */
  refusedAhead(error: OnecastError): void;
  readonly closed: AbortSignal;
}

/**
 * How a viewer's page gets a session. It sends its `join` by HTTP as soon as it can, while the socket
 * is still being opened; the socket takes that session over with `attach`. Where there is no such
 * session, the page sends `join` over the socket.
 */
export class ViewerJoin {
  readonly #options: ViewerJoinOptions;
  /** The session that was joined ahead, until the socket has it. */
  #ahead: Promise<SessionGrant | undefined> | undefined;

  constructor(options: ViewerJoinOptions) {
    this.#options = options;
  }

  /** To be called again where no socket gets through: the page then has media without one. */
  start(): void {
    this.#ahead = this.#joinAhead();
  }

  /** @throws OnecastError where the server refuses; Error where no answer comes. */
  async openSession(): Promise<SessionOpened> {
    const grant = await this.#ahead;
    return (grant && (await this.#attach(grant))) ?? this.#join();
  }

  /** Never rejects: where the request ahead fails, the join over the socket reports the reason. */
  async #joinAhead(): Promise<SessionGrant | undefined> {
    const { closed, tracer } = this.#options;
    try {
      const [join, ownSide] = await Promise.all([this.#options.request(), createOwnSide()]);
      if (!ownSide) return undefined;
      const { certificate, dtlsParameters } = ownSide;
      tracer.requested('ahead');
      const answer = await postJoin({ ...join, dtlsParameters }, closed);
      if (closed.aborted) return undefined;
      this.#options.joinedAhead(answer, certificate);
      return answer.session;
    } catch (error) {
      if (error instanceof OnecastError) this.#options.refusedAhead(error);
      return undefined;
    }
  }

  /** Gives the socket the session that was joined ahead; undefined where the server no longer has it. */
  async #attach(grant: SessionGrant): Promise<SessionOpened | undefined> {
    const request = { protocol: PROTOCOL_VERSION, ...grant };
    try {
      const value = await this.#options.signalling.request('attach', request);
      this.#ahead = undefined;
      return { ahead: true, answer: { to: 'attach', value } };
    } catch (error) {
      if (!(error instanceof OnecastError)) throw error;
      this.#ahead = undefined;
      return undefined;
    }
  }

  async #join(): Promise<SessionOpened> {
    const { signalling, tracer } = this.#options;
    const join = await this.#options.request();
    tracer.requested('socket');
    const value = await signalling.request('join', join);
    return { ahead: false, answer: { to: 'join', value } };
  }
}

/** Posts `join` over the HTTP connection that has brought the page. */
async function postJoin(request: Outgoing<'join'>, closed: AbortSignal): Promise<AnswerOf<'join'>> {
  const response = await fetch(JOIN_PATH, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ requestId: newRequestId(), ...request }),
    signal: AbortSignal.any([closed, AbortSignal.timeout(AHEAD_DEADLINE_MS)]),
  });
  return parseAnswer('join', await response.json());
}

/** The page's side of a transport that does not exist yet. */
interface OwnSide {
  readonly certificate: RTCCertificate;
  readonly dtlsParameters: {
    readonly role: 'client';
    readonly fingerprints: readonly { readonly algorithm: string; readonly value: string }[];
  };
}

/** undefined where the browser does not reveal a certificate's fingerprints before it is used. */
async function createOwnSide(): Promise<OwnSide | undefined> {
  const algorithm: EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' };
  const certificate = await RTCPeerConnection.generateCertificate(algorithm);
  // Absent in some browsers, although the types promise it.
  if (typeof certificate.getFingerprints !== 'function') return undefined;
  const fingerprints = certificate
    .getFingerprints()
    .flatMap(({ algorithm, value }) =>
      algorithm === undefined || value === undefined
        ? []
        : [{ algorithm, value: value.toUpperCase() }],
    );
  if (fingerprints.length === 0) return undefined;
  return { certificate, dtlsParameters: { role: 'client', fingerprints } };
}
