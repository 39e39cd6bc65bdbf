/** Starts the process of a media worker, within a deadline. */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { createWorker, type types, workerBin as ownWorkerBin } from 'mediasoup';
import { generateRouterRtpCapabilities } from 'mediasoup/ortc';
import { ROUTER_CODECS } from '#config/media.ts';
import { withoutSecrets } from '#config/secret-variables.ts';

/** Protects the worker from signals to the process group, and preloads native/egress if asked to. */
export const LAUNCHER = join(import.meta.dirname, '../../../../native/egress/launch.sh');

export interface WorkerCommand {
  /** Path of the media worker's binary; undefined: the one in the mediasoup package. */
  readonly workerBin: string | undefined;
  /** Path of the library that is preloaded; undefined: none. */
  readonly egressLibrary: string | undefined;
  /** The library sends every datagram directly. */
  readonly egressDirect?: boolean;
}

/** Payload types of retransmissions (RTX): every router, and so every consumer, has the same. */
export const RETRANSMISSION_TYPES: readonly number[] = (
  generateRouterRtpCapabilities(ROUTER_CODECS).codecs ?? []
)
  .filter(({ mimeType }) => mimeType.toLowerCase().endsWith('/rtx'))
  .map(({ preferredPayloadType }) => preferredPayloadType);

/** The environment of a media worker and of the launcher: this process's own, without secrets. */
export function workerEnvironment({ workerBin, egressLibrary, egressDirect }: WorkerCommand) {
  return {
    ...withoutSecrets(process.env),
    MEDIASOUP_WORKER_BIN: workerBin ?? ownWorkerBin,
    MEDIA_EGRESS_LIBRARY: egressLibrary ?? '',
    EGRESS_BATCHING: egressDirect === true ? 'off' : 'auto',
    EGRESS_RETRANSMISSION_TYPES: RETRANSMISSION_TYPES.join(','),
  };
}

export interface WorkerStart<T> {
  /** Resolves when the worker runs and `prepare` has resolved. */
  readonly done: Promise<T>;
  /** Kills the process; `done` then rejects. */
  abort(): void;
}

/**
 * Starts a worker and prepares it. `done` rejects with a sentence that names the cause.
 * @param deadlineMs a worker that has not started and been prepared within this time is killed
 */
export function startWorker<T>(
  command: WorkerCommand,
  deadlineMs: number,
  prepare: (worker: types.Worker) => Promise<T>,
): WorkerStart<T> {
  const binary = command.workerBin ?? ownWorkerBin;
  let isLate = false;
  const { child, created } = spawn(command);
  const abort = () => {
    // The system may have given the pid of a process that has ended to another one.
    if (child?.exitCode === null && child.signalCode === null) kill(child.pid);
  };
  const deadline = setTimeout(() => {
    isLate = true;
    abort();
  }, deadlineMs);
  const start = async () => {
    try {
      const worker = await created.catch((error: unknown) => {
        const advice =
          command.workerBin === undefined && !existsSync(binary)
            ? ' (npm start sets a media worker up, and starts the server)'
            : '';
        throw new Error(`${binary} did not start: ${String(error)}${advice}`, { cause: error });
      });
      return await prepare(worker);
    } catch (error) {
      abort();
      if (!isLate) throw error;
      const seconds = deadlineMs / 1_000;
      const sentence = `${binary} did not start within ${seconds} s: is it a media worker for this machine?`;
      throw new Error(sentence, { cause: error });
    } finally {
      clearTimeout(deadline);
    }
  };
  return { done: start(), abort };
}

/**
 * mediasoup creates the process before `createWorker` returns, copies `process.env` for it, and keeps it
 * to itself until it runs. Node reports each new process on a diagnostics channel.
 */
function spawn(command: WorkerCommand) {
  let child: ChildProcess | undefined;
  const remember = (message: unknown) => {
    if (hasProcess(message)) child = message.process;
  };
  const { env } = process;
  process.env = workerEnvironment(command);
  subscribe('child_process', remember);
  try {
    const created = createWorker({ logLevel: 'warn', workerBin: LAUNCHER });
    return { child, created };
  } finally {
    unsubscribe('child_process', remember);
    process.env = env;
  }
}

function hasProcess(message: unknown): message is { readonly process: ChildProcess } {
  return typeof message === 'object' && message !== null && 'process' in message;
}

/** Kills a worker with all processes of its group: the launcher gives each worker its own group. */
export function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
      return;
    } catch {
      // There is no such group, or the process has ended already.
    }
  }
}
