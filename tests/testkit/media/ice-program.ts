/**
 * An ICE agent of a program rather than of a browser: it sends checks and makes a DTLS handshake, for
 * which it uses the command `openssl`. It answers checks only if asked to, and it can send its checks
 * from any address.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket as TcpSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { types } from 'mediasoup';
import { bindingRequest, framed, refusal, stunType } from './stun.ts';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** What has arrived at one address, by kind. */
export interface Arrived {
  media: number;
  checks: number;
  bytes: number;
}

/** One address of the program. */
export class Endpoint {
  readonly arrived: Arrived = { media: 0, checks: 0, bytes: 0 };
  /** Called for DTLS records. */
  onDtls: (record: Buffer) => void = () => undefined;
  readonly send: (packet: Buffer) => void;
  readonly port: number;
  readonly #answers: boolean;

  constructor(port: number, answers: boolean, send: (packet: Buffer) => void) {
    this.port = port;
    this.#answers = answers;
    this.send = send;
  }

  receive(packet: Buffer): void {
    const [first = 0, second = 0] = packet;
    this.arrived.bytes += packet.length;
    if (first >> 6 === 2) {
      // RTP, but not RTCP.
      if (second < 192 || second > 223) this.arrived.media += 1;
    } else if (first >= 20 && first < 64) this.onDtls(packet);
    else if (stunType(packet) === 0x0001) {
      this.arrived.checks += 1;
      if (this.#answers) this.send(refusal(packet));
    }
  }

  /** Sends a check with the transport's own password. */
  check(transport: types.WebRtcTransport): void {
    this.send(bindingRequest(transport.iceParameters));
  }
}

export class IceProgram implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'onecast-ice-'));
  readonly #closers: (() => void)[] = [];

  constructor() {
    const subject = ['-subj', '/CN=program', '-days', '2', '-nodes'];
    const files = ['-keyout', this.#file('key'), '-out', this.#file('certificate')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...files], { stdio: 'ignore' });
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  get dtlsParameters(): types.DtlsParameters {
    const { fingerprint256 } = new X509Certificate(readFileSync(this.#file('certificate')));
    return { role: 'client', fingerprints: [{ algorithm: 'sha-256', value: fingerprint256 }] };
  }

  /**
   * Opens a UDP socket on a local address.
   * @param port of the worker
   * @param answers whether it answers checks, as browsers do
   */
  async endpoint(address: string, port: number, answers = false): Promise<Endpoint> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    this.#closers.push(() => socket.close());
    socket.bind(0, address);
    await once(socket, 'listening');
    const endpoint = new Endpoint(socket.address().port, answers, (packet) => {
      socket.send(packet, port, '127.0.0.1');
    });
    socket.on('message', (packet) => endpoint.receive(packet));
    return endpoint;
  }

  /** Opens a TCP connection to a worker. */
  async connection(port: number): Promise<{ endpoint: Endpoint; socket: TcpSocket }> {
    const socket = connect(port, '127.0.0.1');
    this.#closers.push(() => socket.destroy());
    await once(socket, 'connect');
    const endpoint = new Endpoint(socket.localPort ?? 0, false, (packet) => {
      socket.write(framed(packet));
    });
    let rest = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
        const end = 2 + rest.readUInt16BE();
        endpoint.receive(rest.subarray(2, end));
        rest = rest.subarray(end);
      }
    });
    return { endpoint, socket };
  }

  /** Begins a DTLS handshake from this address. */
  async shakeHands(endpoint: Endpoint): Promise<void> {
    const inner = createSocket('udp4');
    this.#closers.push(() => inner.close());
    inner.bind(0, '127.0.0.1');
    await once(inner, 'listening');
    let client = 0;
    inner.on('message', (packet, { port }) => {
      client = port;
      endpoint.send(packet);
    });
    endpoint.onDtls = (record) => {
      if (client > 0) inner.send(record, client, '127.0.0.1');
    };
    const own = ['-cert', this.#file('certificate'), '-key', this.#file('key')];
    const protocol = ['-dtls1_2', '-use_srtp', 'SRTP_AES128_CM_SHA1_80'];
    const to = ['-connect', `127.0.0.1:${inner.address().port}`];
    const child: ChildProcess = spawn('openssl', ['s_client', ...protocol, ...own, ...to], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#closers.push(() => child.kill('SIGKILL'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.splice(0)) close();
    rmSync(this.#folder, { recursive: true, force: true });
    return Promise.resolve();
  }
}
