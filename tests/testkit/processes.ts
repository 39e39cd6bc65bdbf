/** What Linux knows of processes: their memory, their processor time, their children. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';

/** Kernel ticks; 100 a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Ends a child at once, if it has not ended by itself; resolves when it is gone. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Resident memory, bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) * 1024;
}

export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Processor time that these processes and all below them have used, s. The dead don't count. */
export function cpuSeconds(pids: readonly number[]): number {
  const all = processes();
  const seen = new Set<number>();
  let ticks = 0;
  const visit = (pid: number) => {
    if (seen.has(pid)) return;
    seen.add(pid);
    ticks += all.get(pid)?.ticks ?? 0;
    for (const [child, { parent }] of all) if (parent === pid) visit(child);
  };
  for (const pid of pids) visit(pid);
  return ticks / TICKS_PER_SECOND;
}

/**
 * The same from the scheduler's own clock, which is exact enough for short windows. What the kernel
 * does for a core in the background (ksoftirqd) counts where that core is named.
 */
export function exactCpuSeconds(pids: readonly number[], core: number | undefined): number {
  const all = processes();
  const wanted = new Set<number>();
  const visit = (pid: number) => {
    wanted.add(pid);
    for (const [child, { parent }] of all) if (parent === pid) visit(child);
  };
  for (const pid of pids) visit(pid);
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
    // It ended meanwhile.
  }
  return sum;
}

/** Resident memory of these processes and all below them, bytes. */
export function residentBytesOfAll(pids: readonly number[]): number {
  const all = processes();
  const sum = (pid: number): number =>
    [...all]
      .filter(([, { parent }]) => parent === pid)
      .reduce((total, [child]) => total + sum(child), residentBytes(pid));
  return pids.reduce((total, pid) => total + sum(pid), 0);
}

/** Processor time that the whole machine has used, s. */
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
      // The name stands in brackets and may hold anything; what follows is fields 3, 4, …
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      all.set(Number(entry), {
        name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
        parent: Number(fields[1]),
        ticks: Number(fields[11]) + Number(fields[12]),
      });
    } catch {
      // It ended meanwhile.
    }
  }
  return all;
}
