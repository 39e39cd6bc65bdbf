/** STUN messages as an ICE agent sends them (RFC 8489, RFC 8445). */
import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

export interface IceCredentials {
  readonly usernameFragment: string;
  readonly password: string;
}

const COOKIE = 0x2112_a442;
const HEADER_BYTES = 20;

function attribute(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, 4);
  return padded;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** The message with an attribute whose value is computed over everything before it. */
function sealed(message: Buffer, type: number, size: number, value: (over: Buffer) => Buffer) {
  const over = Buffer.from(message);
  over.writeUInt16BE(message.length - HEADER_BYTES + 4 + size, 2);
  return Buffer.concat([over, attribute(type, value(over))]);
}

/** A check that the server accepts, and that nominates the path. */
export function bindingRequest({ usernameFragment, password }: IceCredentials): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(0x0001, 0);
  header.writeUInt32BE(COOKIE, 4);
  randomBytes(12).copy(header, 8);
  const plain = Buffer.concat([
    header,
    attribute(0x0006, Buffer.from(`${usernameFragment}:page`)),
    attribute(0x0024, uint32(0x6e_7f_00_ff)),
    attribute(0x802a, randomBytes(8)),
    attribute(0x0025, Buffer.alloc(0)),
  ]);
  const signed = sealed(plain, 0x0008, 20, (over) =>
    createHmac('sha1', password).update(over).digest(),
  );
  return sealed(signed, 0x8028, 4, (over) => uint32(crc32(over) ^ 0x5354_554e));
}

/** The answer of an ICE agent to a check that is not signed. */
export function refusal(request: Buffer): Buffer {
  const header = Buffer.from(request.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(0x0111, 0);
  const code = attribute(0x0009, Buffer.from([0, 0, 4, 0]));
  header.writeUInt16BE(code.length, 2);
  return Buffer.concat([header, code]);
}

/** 0x0101 for a success response; undefined if it is no STUN message. */
export function stunType(message: Buffer): number | undefined {
  if (message.length < HEADER_BYTES || message.readUInt32BE(4) !== COOKIE) return undefined;
  return message.readUInt16BE(0);
}

/** As one frame of a TCP connection (RFC 4571). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}
