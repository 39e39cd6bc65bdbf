import { describe, expect, it } from 'vitest';
import { LIMITS } from '#config/limits.ts';
import { createLog, missingLinesOf } from './log.ts';
import { LogSink, type Output } from './log-sink.ts';

const LINE = `${'x'.repeat(99)}\n`;

function raise(message: string): never {
  throw new Error(message);
}

/** An output that a test lets write or fail, write by write. */
class FakeOutput implements Output {
  readonly holdsExit = true;
  text = '';
  #pending: { bytes: Buffer; done: Parameters<Output['write']>[1] } | undefined;

  write(bytes: Buffer, done: Parameters<Output['write']>[1]): void {
    if (this.#pending) throw new Error('two writes at once');
    this.#pending = { bytes, done };
  }

  /** Ends the write in progress after `count` bytes. */
  finish(count = Infinity, error?: Error): void {
    const { bytes, done } = this.#pending ?? raise('no write is in progress');
    this.#pending = undefined;
    const written = bytes.subarray(0, count);
    this.text += written.toString();
    done(error, written.length);
  }

  get isWriting(): boolean {
    return this.#pending !== undefined;
  }
}

function sinkOf(logBacklogBytes: number, logRetryMs = 1) {
  const output = new FakeOutput();
  return { output, sink: new LogSink(output, { logBacklogBytes, logRetryMs }) };
}

const retried = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('OBS-3 the sink never blocks and never holds more than its limit', () => {
  it('lines beyond the limit are dropped and counted, and reported once when the rest is written', () => {
    const { output, sink } = sinkOf(1_000);
    const reports: number[] = [];
    sink.onRecovered = (dropped) => reports.push(dropped);
    for (let i = 0; i < 25; i += 1) sink.write(LINE);
    expect([sink.waitingBytes, sink.dropped, sink.holdsExit]).toEqual([1_000, 15, true]);
    output.finish();
    expect(reports).toEqual([]);
    output.finish();
    expect([output.text, sink.waitingBytes, sink.dropped]).toEqual([LINE.repeat(10), 0, 15]);
    expect(reports).toEqual([15]);
    sink.write(LINE);
    output.finish();
    expect(reports).toEqual([15]);
    expect(sink.holdsExit).toBe(false);
  });

  it('after an error it tries again, and completes a line that was written in part', async () => {
    const { output, sink } = sinkOf(10_000);
    sink.write('first line\n');
    sink.write('second line\n');
    output.finish(5, Object.assign(new Error('full'), { code: 'ENOSPC' }));
    expect(output.isWriting).toBe(false);
    await retried();
    output.finish(0, new Error('full'));
    await retried();
    output.finish();
    output.finish();
    expect(output.text).toBe('first line\nsecond line\n');
  });

  it('writes many waiting lines together', () => {
    const { output, sink } = sinkOf(10_000);
    for (let i = 0; i < 50; i += 1) sink.write(LINE);
    output.finish();
    output.finish();
    expect(output.isWriting).toBe(false);
    expect(output.text).toBe(LINE.repeat(50));
  });

  it('a flush ends when everything is written, or at its deadline', async () => {
    const { output, sink } = sinkOf(10_000);
    await sink.flush(10_000);
    sink.write(LINE);
    await sink.flush(5);
    const flushed = sink.flush(10_000);
    output.finish();
    await flushed;
    expect(sink.waitingBytes).toBe(0);
  });

  it('the log reports what its sink has dropped', () => {
    const { output, sink } = sinkOf(1_000);
    const log = createLog({ logLevel: 'info' }, false, sink);
    for (let i = 0; i < 15; i += 1) log.info({ pad: 'x'.repeat(80) }, `kind ${i}`);
    const { dropped } = missingLinesOf(log);
    expect(dropped).toBeGreaterThan(0);
    while (output.isWriting) output.finish();
    const last = output.text.trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({
      level: 40,
      dropped,
      msg: 'log lines were dropped: the log could not be written fast enough',
    });
  });

  it('the limit holds a minute of lines and no more than some MiB', () => {
    expect(LIMITS.logBacklogBytes).toBeLessThanOrEqual(4 * 1024 * 1024);
  });
});
