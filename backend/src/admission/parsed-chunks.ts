/**
 * How many requests Node parses at a time. It parses all requests of a chunk of 64 KiB at once, closed
 * connection or not, and what it makes for each costs 0.1 ms: a connection with two thousand requests of
 * 26 bytes each would hold everybody up for a fifth of a second. So they are counted before.
 */
import type { Socket } from 'node:net';

/** A request's head ends with this (llhttp accepts no other line ends), and so does a chunked body. */
const END = Buffer.from('\r\n\r\n');

/** @returns whether `chunk` has more than `max` ends of heads or of chunked bodies */
function hasMoreEnds(chunk: Buffer, max: number): boolean {
  let at = 0;
  for (let count = 0; count <= max; count += 1) {
    at = chunk.indexOf(END, at);
    if (at === -1) return false;
    at += END.length;
  }
  return true;
}

/**
 * To be called when Node's HTTP server listens to the socket. A chunk with more than `requestsMax`
 * requests is not parsed, and `refuse` is called.
 * @returns lets the socket's data go its way, as an upgrade needs it
 */
export function limitParsedRequests(
  socket: Socket,
  requestsMax: number,
  refuse: () => void,
): () => void {
  const listeners = socket.listeners('data');
  const onData = (chunk: Buffer) => {
    if (socket.destroyed) return;
    if (hasMoreEnds(chunk, 2 * requestsMax)) refuse();
    else for (const listener of listeners) Reflect.apply(listener, socket, [chunk]);
  };
  socket.removeAllListeners('data');
  socket.on('data', onData);
  return () => socket.off('data', onData);
}
