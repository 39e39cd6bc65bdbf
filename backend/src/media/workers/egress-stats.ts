/** Reads the counters of native/egress in one media worker. */
import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/** Since the worker was started. */
export interface EgressCounters {
  /** Datagrams sent as part of a segmented message, alone, or without being queued at all. */
  readonly segmented: number;
  readonly single: number;
  readonly direct: number;
  /** Segmented messages that the kernel refused, and that were sent again one datagram at a time. */
  readonly refused: number;
  /** Queued datagrams that could not be sent. */
  readonly lost: number;
  /** Retransmissions beyond the budget of their destination. */
  readonly overBudget: number;
  /** Received packets and frames that were too large. */
  readonly oversize: number;
  /** TCP connections that were refused, and that were cut. */
  readonly connectionsRefused: number;
  readonly connectionsCut: number;
  /** Frames for a TCP connection that accepted no more. */
  readonly framesDropped: number;
  /** Datagrams for an address that has not proved that it receives. */
  readonly unproved: number;
  /** How often an address has proved it: by answering a check, by a handshake. */
  readonly provedByCheck: number;
  readonly provedByHandshake: number;
}

/** The fields of `Stats` in native/egress/stats.h, 64 bits each. */
const FIELDS = [
  'magicAndVersion',
  'on',
  'queued',
  'direct',
  'segmented',
  'single',
  'messages',
  'calls',
  'refused',
  'socketsWithoutSegments',
  'blocked',
  'lost',
  'overBudget',
  'oversize',
  'connectionsRefused',
  'connectionsCut',
  'framesDropped',
  'unproved',
  'provedByCheck',
  'provedByHandshake',
] as const;
const MAGIC_AND_VERSION = (0x4f43_4547n << 32n) | 2n;

/** A page of memory that the worker shares. It stays readable after the worker has ended. */
export class EgressStats {
  readonly #buffer = Buffer.alloc(FIELDS.length * 8);
  #descriptor: number | undefined;

  /** Returns undefined if the process has no such page. */
  static of(pid: number): EgressStats | undefined {
    try {
      const folder = `/proc/${pid}/fd`;
      const name = readdirSync(folder).find((entry) =>
        readlinkSync(`${folder}/${entry}`).startsWith('/memfd:onecast-egress'),
      );
      if (name === undefined) return undefined;
      const stats = new EgressStats(openSync(`${folder}/${name}`, 'r'));
      if (stats.#field('magicAndVersion') === MAGIC_AND_VERSION) return stats;
      stats.close();
    } catch {
      // The process has ended, or we may not read its descriptors.
    }
    return undefined;
  }

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.#refresh();
  }

  read(): EgressCounters {
    this.#refresh();
    return {
      segmented: Number(this.#field('segmented')),
      single: Number(this.#field('single')),
      direct: Number(this.#field('direct')),
      refused: Number(this.#field('refused')),
      lost: Number(this.#field('lost')),
      overBudget: Number(this.#field('overBudget')),
      oversize: Number(this.#field('oversize')),
      connectionsRefused: Number(this.#field('connectionsRefused')),
      connectionsCut: Number(this.#field('connectionsCut')),
      framesDropped: Number(this.#field('framesDropped')),
      unproved: Number(this.#field('unproved')),
      provedByCheck: Number(this.#field('provedByCheck')),
      provedByHandshake: Number(this.#field('provedByHandshake')),
    };
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #refresh(): void {
    if (this.#descriptor !== undefined) {
      readSync(this.#descriptor, this.#buffer, 0, this.#buffer.length, 0);
    }
  }

  #field(name: (typeof FIELDS)[number]): bigint {
    const offset = FIELDS.indexOf(name) * 8;
    // The C library writes in the machine's byte order.
    return LITTLE_ENDIAN
      ? this.#buffer.readBigUInt64LE(offset)
      : this.#buffer.readBigUInt64BE(offset);
  }
}

const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
