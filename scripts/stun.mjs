// The part of STUN (RFC 5389) that an ICE binding request needs.

import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const MAGIC = 0x2112a442;

function attribute(type, value) {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

/** The length in the header must already include the `extra` bytes of the attribute added next. */
function withLength(message, extra) {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(message.length - 20 + extra, 2);
  return copy;
}

export function bindingRequest(remoteFragment, remotePassword) {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x0001);
  header.writeUInt32BE(MAGIC, 4);
  randomBytes(12).copy(header, 8);
  const priority = Buffer.alloc(4);
  priority.writeUInt32BE(0x6e0001ff);
  let message = Buffer.concat([
    header,
    attribute(0x0006, Buffer.from(`${remoteFragment}:probe`)),
    attribute(0x0024, priority),
    attribute(0x802a, randomBytes(8)),
  ]);
  const signed = withLength(message, 24);
  const hmac = createHmac('sha1', remotePassword).update(signed).digest();
  message = Buffer.concat([signed, attribute(0x0008, hmac)]);
  const summed = withLength(message, 8);
  const fingerprint = Buffer.alloc(4);
  fingerprint.writeUInt32BE((crc32(summed) ^ 0x5354554e) >>> 0);
  return Buffer.concat([summed, attribute(0x8028, fingerprint)]);
}

/** Whether `message` answers `request`. The server sends checks of its own, which are no answers. */
export const isAnswer = (message, request) =>
  message.length >= 20 &&
  (message.readUInt16BE(0) & 0x0110) >= 0x0100 &&
  message.subarray(8, 20).equals(request.subarray(8, 20));

export const isSuccess = (message) => message.length >= 20 && message.readUInt16BE(0) === 0x0101;
