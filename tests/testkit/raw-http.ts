import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

/** Writes `parts` over a bare connection and gives back all that comes until the server closes it. */
export async function rawHttp(url: string, parts: AsyncIterable<string>): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  const answer = text(socket).catch(() => '');
  for await (const part of parts) {
    if (socket.destroyed || socket.readableEnded) break;
    socket.write(part);
  }
  return answer;
}
