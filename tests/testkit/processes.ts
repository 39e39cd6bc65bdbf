/** Memory, CPU time and children of processes, as Linux reports them below /proc. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** Unit of the CPU times in /proc. It is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Kills a child unless it has already exited; resolves when it has exited. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Resident memory of one process, in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/**
 * CPU time that these processes and their descendants have used, in seconds. Processes that have
 * exited don't count.
 */
export function cpuSeconds(pids: readonly number[]): number {
  const all = processes();
  let ticks = 0;
  for (const pid of withDescendants(pids, all)) ticks += all.get(pid)?.ticks ?? 0;
  return ticks / TICKS_PER_SECOND;
}

/**
 * The same from the scheduler's clock (schedstat), which is precise enough for short windows. With
 * `core`, the time of the kernel's background thread of that core (ksoftirqd) is included.
 */
export function exactCpuSeconds(pids: readonly number[], core: number | undefined): number {
  const all = processes();
  const wanted = withDescendants(pids, all);
  for (const [pid, { name }] of all) if (name === `ksoftirqd/${core}`) wanted.add(pid);
  let nanoseconds = 0;
  for (const pid of wanted) nanoseconds += onCpuNanoseconds(pid);
  return nanoseconds / 1e9;
}

function onCpuNanoseconds(pid: number): number {
  let sum = 0;
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const [onCpu = '0'] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ');
      sum += Number(onCpu);
    }
  } catch {
    // The process ended while it was read.
  }
  return sum;
}

/** Resident memory of these processes and their descendants, in bytes. */
export function residentBytesOfAll(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of withDescendants(pids, processes())) sum += residentBytes(pid);
  return sum;
}

/** CPU time that the whole machine has used, in seconds. */
export function machineCpuSeconds(): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync(
    '/proc/stat',
    'utf8',
  )
    .split('\n', 1)[0]!
    .split(/\s+/)
    .map(Number);
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND;
}

export function childrenOf(pid: number): number[] {
  return [...processes()].filter(([, { parent }]) => parent === pid).map(([child]) => child);
}

function withDescendants(pids: readonly number[], all: ReadonlyMap<number, Process>): Set<number> {
  const found = new Set<number>();
  const visit = (pid: number) => {
    if (found.has(pid)) return;
    found.add(pid);
    for (const [child, { parent }] of all) if (parent === pid) visit(child);
  };
  for (const pid of pids) visit(pid);
  return found;
}

interface Process {
  readonly name: string;
  readonly parent: number;
  readonly ticks: number;
}

function processes(): Map<number, Process> {
  const all = new Map<number, Process>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // proc(5): field 2 is the name in brackets and may hold any character; fields 3, 4, … follow.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      all.set(Number(entry), {
        name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
        parent: Number(fields[1]),
        ticks: Number(fields[11]) + Number(fields[12]),
      });
    } catch {
      // The process ended while it was read.
    }
  }
  return all;
}
