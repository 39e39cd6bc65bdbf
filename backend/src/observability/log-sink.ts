/**
 * Where log lines go. A log that can't be written (a pipe that nobody reads, a full disk, a stopped
 * terminal) must never stop the server: nothing here blocks the event loop, the number of waiting
 * bytes is limited, and lines beyond the limit are dropped and counted.
 */
import { fstatSync, write as writeFile } from 'node:fs';
import { isatty } from 'node:tty';
import type { Limits } from '#config/limits.ts';

type Done = (error: Error | null | undefined, writtenBytes: number) => void;

/** Writes some or all bytes without blocking the caller, then calls `done`, once. */
export interface Output {
  write(bytes: Buffer, done: Done): void;
  /**
   * True if a write that never ends also keeps `process.exit` from ending the process: Node waits for
   * the threads that write files.
   */
  readonly holdsExit: boolean;
}

export type SinkLimits = Pick<Limits, 'logBacklogBytes' | 'logRetryMs'>;

/** One write of at most this many bytes at a time, so that little is lost when a pipe breaks. */
const CHUNK_BYTES = 64 * 1024;

export class LogSink {
  readonly #output: Output;
  readonly #limits: SinkLimits;
  #lines: Buffer[] = [];
  /** Bytes that are accepted and not yet written. */
  #waitingBytes = 0;
  /** Bytes of the write that is in progress, or that waits for another try. */
  #unwritten: Buffer | undefined;
  #isWriting = false;
  #retry: NodeJS.Timeout | undefined;
  #dropped = 0;
  #reportedDropped = 0;
  readonly #emptied = new Set<() => void>();
  /** Called with the number of lines that were dropped, when everything that waited is written. */
  onRecovered: ((dropped: number) => void) | undefined;

  constructor(output: Output, limits: SinkLimits) {
    this.#output = output;
    this.#limits = limits;
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether a write is in progress that would keep `process.exit` from ending the process. */
  get holdsExit(): boolean {
    return this.#isWriting && this.#output.holdsExit;
  }

  /** Never blocks and never throws. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > this.#limits.logBacklogBytes) {
      this.#dropped += 1;
      return;
    }
    this.#waitingBytes += bytes.length;
    this.#lines.push(bytes);
    this.#next();
  }

  /** Resolves when everything is written, or after `deadlineMs`. */
  async flush(deadlineMs: number): Promise<void> {
    if (this.#waitingBytes === 0) return;
    await new Promise<void>((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        this.#emptied.delete(finish);
        resolve();
      };
      const timer = setTimeout(finish, deadlineMs);
      this.#emptied.add(finish);
    });
  }

  #next(): void {
    if (this.#isWriting || this.#retry) return;
    this.#unwritten ??= this.#takeChunk();
    if (!this.#unwritten) return;
    this.#isWriting = true;
    this.#output.write(this.#unwritten, (error, writtenBytes) => {
      this.#isWriting = false;
      this.#written(writtenBytes);
      if (error) this.#retryLater();
      else this.#next();
    });
  }

  #takeChunk(): Buffer | undefined {
    let bytes = 0;
    let count = 0;
    for (const line of this.#lines) {
      if (count > 0 && bytes + line.length > CHUNK_BYTES) break;
      bytes += line.length;
      count += 1;
    }
    return count === 0 ? undefined : Buffer.concat(this.#lines.splice(0, count), bytes);
  }

  #written(bytes: number): void {
    const rest = this.#unwritten?.subarray(bytes);
    this.#unwritten = rest && rest.length > 0 ? rest : undefined;
    this.#waitingBytes -= bytes;
    if (this.#waitingBytes > 0) return;
    for (const finish of this.#emptied) finish();
    const lost = this.#dropped - this.#reportedDropped;
    if (lost === 0) return;
    this.#reportedDropped = this.#dropped;
    this.onRecovered?.(lost);
  }

  /** The unwritten bytes are kept, so that a line that was written in part is completed later. */
  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#next();
    }, this.#limits.logRetryMs);
    this.#retry.unref();
  }
}

/** A sink for stdout or stderr, whatever they are. */
export function standardSink(name: 'stdout' | 'stderr', limits: SinkLimits): LogSink {
  const stream = process[name];
  const { fd } = stream;
  const kind = fstatSync(fd);
  const isStream = isatty(fd) || kind.isFIFO() || kind.isSocket();
  return new LogSink(isStream ? streamOutput(stream) : fileOutput(fd), limits);
}

/**
 * Pipes, sockets and terminals. Node writes to a terminal synchronously, so a terminal that is stopped
 * (Ctrl+S) would stop the server; Node has no public option for that. After an error, for example
 * because the reader of a pipe has gone, Node's own stdout and stderr accept further writes.
 */
export function streamOutput(stream: NodeJS.WriteStream): Output {
  const handle: unknown = Reflect.get(stream, '_handle');
  if (isSwitchable(handle)) handle.setBlocking(false);
  // Each failed write reports its error to its callback too.
  stream.on('error', () => undefined);
  return {
    holdsExit: false,
    write(bytes, done) {
      // A stream does not report how much it has written before an error: the whole chunk counts.
      stream.write(bytes, (error) => done(error, error ? 0 : bytes.length));
    },
  };
}

/** Regular files and devices such as /dev/null. */
export function fileOutput(fd: number): Output {
  return {
    holdsExit: true,
    write(bytes, done) {
      writeFile(fd, bytes, 0, bytes.length, null, done);
    },
  };
}

function isSwitchable(handle: unknown): handle is { setBlocking(blocking: boolean): unknown } {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    typeof Reflect.get(handle, 'setBlocking') === 'function'
  );
}
