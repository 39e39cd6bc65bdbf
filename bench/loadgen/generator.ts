/** Controls the load generator (loadgen.h): a process with many legs, each of which is a transport. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type LegEvent = 'ice' | 'dtls' | 'data' | 'packet' | 'error';
export type LegListener = (event: LegEvent, us: number, detail: string) => void;

/** The server's side of a transport, and what a leg does with it. */
export interface Leg {
  readonly id: number;
  readonly ip: string;
  readonly port: number;
  readonly usernameFragment: string;
  readonly password: string;
  /** Our ICE credentials; a server with full ICE must know them. */
  readonly own?: Credentials;
  readonly ownPort?: number;
  /** False where the server made the offer and is not ICE lite. */
  readonly controlling?: boolean;
  /** SSRC of the stream that the leg receives; 0 for a publisher. */
  readonly ssrc: number;
  /** Decrypts, checks and times each packet instead of only counting headers. */
  readonly sampled: boolean;
  readonly feedback: Feedback;
  /** Also opens SCTP. */
  readonly data?: boolean;
}

export interface Credentials {
  readonly usernameFragment: string;
  readonly password: string;
}

/** RTCP feedback of a viewer: receiver reports only, REMB, or transport-cc with that extension id. */
export type Feedback = { readonly kind: 'rr' | 'remb' } | { readonly kind: 'twcc'; id: number };

export interface Stream {
  readonly ssrc: number;
  readonly payloadType: number;
  /** Ids of header extensions; 0: absent. */
  readonly mid: number;
  readonly absSendTime: number;
  readonly transportCc: number;
}

/** How the packets of a frame are sent. */
export interface Pace {
  readonly packetsPerFrame: number;
  /** UDP payload, including SRTP's tag. */
  readonly packetBytes: number;
  readonly fps: number;
  /** The part of the frame's time over which its packets are sent; 0: all at once. */
  readonly spread: number;
}

/** Counts since the last mark. Delays in ms, of the sampled viewers. */
export interface Report {
  readonly up: number;
  readonly silent: number;
  readonly received: number;
  readonly least: number;
  readonly lost: number;
  /** Packets of other streams: probes. */
  readonly other: number;
  readonly broken: number;
  readonly wrong: number;
  readonly sent: number;
  readonly keyRequests: number;
  /** Data-channel messages; all viewers decrypt them. */
  readonly messages: number;
  readonly messagesSent: number;
  readonly samples: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** What hostile legs have sent, and what it made the server send. */
export interface HostileCounts {
  readonly checkBytes: number;
  readonly strangerPackets: number;
  readonly strangerBytes: number;
  readonly nackBytes: number;
}

const ANSWER_DEADLINE_MS = 10_000;
export class Generator {
  readonly fingerprint: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #listeners = new Map<number, LegListener>();
  readonly #waiting = new Map<string, (line: string) => void>();

  static async start(child: ChildProcess): Promise<Generator> {
    if (!child.stdout) throw new Error('no output to read');
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, 'line', {
      signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
    })) as [string];
    const generator = new Generator(child, line.replace('fingerprint ', ''));
    lines.on('line', (text) => generator.#receive(text));
    return generator;
  }

  private constructor(child: ChildProcess, fingerprint: string) {
    this.#child = child;
    this.fingerprint = fingerprint;
    this.pid = child.pid ?? 0;
  }

  listen(id: number, listener: LegListener): void {
    this.#listeners.set(id, listener);
  }

  /** Starts ICE, then DTLS. */
  open(leg: Leg): void {
    const { own = iceCredentials(leg.id), ownPort = 0, controlling = true, feedback } = leg;
    this.#send([
      'open',
      leg.id,
      leg.ip,
      leg.port,
      '0.0.0.0',
      ownPort,
      leg.usernameFragment,
      leg.password,
      own.usernameFragment,
      own.password,
      controlling ? 1 : 0,
      leg.ssrc,
      leg.sampled ? 1 : 0,
      feedback.kind,
      feedback.kind === 'twcc' ? feedback.id : 0,
      leg.data ? 1 : 0,
    ]);
  }

  /** Resolves when the leg's DTLS is up. */
  up(id: number, deadlineMs = 20_000): Promise<void> {
    return this.#waitFor(id, 'dtls', deadlineMs);
  }

  /** Starts the stream on a leg that is up, or continues it at another pace. */
  stream(id: number, stream: Stream, pace: Pace): void {
    const { ssrc, payloadType, mid, absSendTime, transportCc } = stream;
    const { packetsPerFrame, packetBytes, fps, spread } = pace;
    const permille = Math.round(spread * 1000);
    const ids = [ssrc, payloadType, mid, absSendTime, transportCc];
    this.#send(['stream', id, ...ids, packetsPerFrame, packetBytes, fps, permille]);
  }

  /** Resolves when the leg's SCTP is up. */
  dataUp(id: number, deadlineMs = 20_000): Promise<void> {
    return this.#waitFor(id, 'data', deadlineMs);
  }

  /** Ends the stream. */
  quiet(): void {
    this.#send(['quiet']);
  }

  /** Sends messages on an SCTP stream of a leg; 0 per second stops them. */
  messages(id: number, stream: number, bytes: number, perSecond: number): void {
    this.#send(['messages', id, stream, bytes, perSecond]);
  }

  /** From now on a viewer's ICE checks come from `ip`, which answers nothing. */
  stranger(id: number, ip: string): void {
    this.#send(['stranger', id, ip]);
  }

  /** Lets a viewer request all recent packets a hundred times a second, or ends that. */
  nacks(id: number, on: boolean): void {
    this.#send(['nacks', id, on ? 1 : 0]);
  }

  async hostile(): Promise<HostileCounts> {
    const answer = await this.#request('hostile');
    return JSON.parse(answer.slice('hostile '.length)) as HostileCounts;
  }

  /** Resets the counts of `report`. */
  mark(): void {
    this.#send(['mark']);
  }

  async report(): Promise<Report> {
    return JSON.parse((await this.#request('report')).slice('report '.length)) as Report;
  }

  /** Packets that all viewers received, and packets that could not be decrypted. */
  async counts(): Promise<{ received: number; broken: number }> {
    const [, received, broken] = (await this.#request('counts')).split(' ');
    return { received: Number(received), broken: Number(broken) };
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #send(words: readonly (string | number)[]): void {
    this.#child.stdin?.write(`${words.join(' ')}\n`);
  }

  #request(word: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error(`the generator does not answer: ${word}`));
      }, ANSWER_DEADLINE_MS);
      this.#waiting.set(word, (line) => {
        clearTimeout(late);
        resolve(line);
      });
      this.#send([word]);
    });
  }

  #waitFor(id: number, wanted: LegEvent, deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`leg ${id}: no ${wanted}`)), deadlineMs);
      this.listen(id, (event, _, detail) => {
        if (event !== wanted && event !== 'error') return;
        clearTimeout(late);
        if (event === wanted) resolve();
        else reject(new Error(`leg ${id}: ${detail}`));
      });
    });
  }

  #receive(line: string): void {
    const [word = '', first = '', second = '', ...rest] = line.split(' ');
    const waiting = this.#waiting.get(word);
    if (waiting) {
      this.#waiting.delete(word);
      waiting(line);
    } else if (word === 'error') {
      this.#listeners.get(Number(first))?.('error', 0, [second, ...rest].join(' '));
    } else if (word === 'ice' || word === 'dtls' || word === 'data' || word === 'packet') {
      this.#listeners.get(Number(first))?.(word, Number(second), rest.join(' '));
    }
  }
}

/** As long as RFC 8445 requires. They need not be secret. */
export function iceCredentials(id: number): Credentials {
  return { usernameFragment: `leg${id}xx`, password: `password-of-a-bench-leg-${id}` };
}
