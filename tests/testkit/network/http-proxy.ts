/** A reverse proxy in front of a test server, with the mistakes that people make. */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';

export interface ProxyOptions {
  /** Port of the server on this machine. */
  readonly to: number;
  /** What the server gets as `Host`: what the browser sent, that without its port, or its own address. */
  readonly host: 'kept' | 'without-port' | 'upstream';
  /** Whether websockets are passed on; otherwise they arrive as plain requests. */
  readonly upgrade: boolean;
}

export class HttpProxy {
  readonly port: number;
  readonly #close: () => void;

  static async start({ to, host, upgrade }: ProxyOptions): Promise<HttpProxy> {
    const hostFor = ({ headers }: IncomingMessage) => {
      if (host === 'upstream') return `127.0.0.1:${to}`;
      const own = headers.host ?? '';
      return host === 'kept' ? own : own.replace(/:\d+$/, '');
    };
    const server = createServer((incoming, answer) => {
      const headers = { ...incoming.headers, host: hostFor(incoming) };
      const { method, url: path } = incoming;
      const outgoing = request({ port: to, host: '127.0.0.1', method, path, headers }, (got) => {
        answer.writeHead(got.statusCode ?? 502, got.headers);
        got.pipe(answer);
      });
      outgoing.on('error', () => answer.writeHead(502).end('Bad gateway'));
      incoming.pipe(outgoing);
    });
    server.on('upgrade', (incoming: IncomingMessage, socket, head) => {
      socket.on('error', () => socket.destroy());
      const upstream = connect(to, '127.0.0.1', () => {
        const { upgrade: protocol, connection, ...rest } = incoming.headers;
        const headers = {
          ...rest,
          host: hostFor(incoming),
          ...(upgrade ? { upgrade: protocol, connection } : { connection: 'close' }),
        };
        const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
        upstream.write([`GET ${incoming.url} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
        upstream.write(head);
        upstream.pipe(socket).pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('close', () => upstream.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening');
    return new HttpProxy(address.port, () => {
      server.close();
      server.closeAllConnections();
    });
  }

  private constructor(port: number, close: () => void) {
    this.port = port;
    this.#close = close;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  close(): void {
    this.#close();
  }
}
