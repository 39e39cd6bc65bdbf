/** HTTP requests that fetch can't make. */
import { type Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends any path, Host and Origin unchanged, and does not decompress the body. */
export async function httpRequest(
  origin: string,
  path: string,
  { body, ...options }: HttpRequest = {},
): Promise<HttpResponse> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, ...options }, (response) => {
      const { statusCode = 0, headers } = response;
      buffer(response).then((data) => resolve({ status: statusCode, headers, body: data }), reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Writes `parts` to a TCP connection; resolves with all that the server sent before it closed it. */
export async function rawHttp(origin: string, parts: AsyncIterable<string>): Promise<string> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const answer = text(socket).catch(() => '');
  for await (const part of parts) {
    if (socket.destroyed || socket.readableEnded) break;
    socket.write(part);
  }
  return answer;
}
