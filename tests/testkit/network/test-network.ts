/**
 * A small network for one test: the server's host and some hosts with one browser each, as network
 * namespaces connected by veth pairs. Faults are real: packets are dropped, connections reset,
 * addresses changed. The machine's own network is not touched.
 *
 *   server 10.77.0.1 ── 10.77.1.1 ═ 10.77.1.2 host 1    (spare: 10.77.101.1 ═ 10.77.101.2)
 *                    └─ 10.77.2.1 ═ 10.77.2.2 host 2    (spare: 10.77.102.1 ═ 10.77.102.2)
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SERVER_ADDRESS = '10.77.0.1';
let networks = 0;

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Why this machine can't have a test network; undefined when it can. */
export function networkUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const name = `oc-probe-${process.pid}`;
  try {
    run('ip', 'netns', 'add', name);
  } catch (error) {
    return `no network namespaces here (iproute2): ${String(error).split('\n')[0] ?? ''}`;
  }
  try {
    run('ip', 'netns', 'exec', name, 'iptables', '-A', 'OUTPUT', '-p', 'udp', '-j', 'DROP');
    return undefined;
  } catch (error) {
    return `iptables does not work here: ${String(error).split('\n')[0] ?? ''}`;
  } finally {
    run('ip', 'netns', 'del', name);
  }
}

/** One host of a test network. */
export class Host {
  readonly namespace: string;
  /** From 1. */
  readonly index: number;
  readonly #folder: string;

  constructor(namespace: string, folder: string, index: number) {
    this.namespace = namespace;
    this.index = index;
    this.#folder = folder;
  }

  /** Path of a command that runs `program` on this host. */
  commandFor(program: string): string {
    const path = join(this.#folder, this.namespace);
    writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${this.namespace} ${program} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /** Drops all UDP packets, in and out. */
  blockUdp(): void {
    for (const chain of ['INPUT', 'OUTPUT']) this.#iptables('-A', chain, '-p', 'udp', '-j', 'DROP');
  }

  /** Drops all UDP and TCP packets to `count` ports from `first` on, as a firewall does. */
  blockPorts(first: number, count: number): void {
    const range = `${first}:${first + count - 1}`;
    for (const protocol of ['udp', 'tcp'])
      this.#iptables('-A', 'OUTPUT', '-p', protocol, '--dport', range, '-j', 'DROP');
  }

  /** Drops this share (0 to 1) of the incoming UDP packets at random. */
  loseUdp(share: number): void {
    const random = ['-m', 'statistic', '--mode', 'random', '--probability', String(share)];
    this.#iptables('-A', 'INPUT', '-p', 'udp', ...random, '-j', 'DROP');
  }

  /** Drops everything, in and out. */
  cut(): void {
    this.#iptables('-A', 'INPUT', '!', '-i', 'lo', '-j', 'DROP');
    this.#iptables('-A', 'OUTPUT', '!', '-o', 'lo', '-j', 'DROP');
  }

  /** Answers every packet of a TCP connection to `port` with a reset. */
  resetTcp(port: number): void {
    const match = ['-p', 'tcp', '--dport', String(port)];
    this.#iptables('-A', 'OUTPUT', ...match, '-j', 'REJECT', '--reject-with', 'tcp-reset');
  }

  /** Ends all faults except a changed address. */
  heal(): void {
    this.#iptables('-F');
  }

  /** Moves to the spare network: the address changes and the old path is gone. */
  changeAddress(): void {
    const n = this.index;
    const ip = (...args: string[]) => run('ip', '-n', this.namespace, ...args);
    ip('link', 'set', 'main', 'down');
    ip('link', 'set', 'spare', 'up');
    ip('route', 'replace', 'default', 'via', `10.77.${100 + n}.1`);
  }

  /** Moves back to the first network. */
  changeAddressBack(): void {
    const ip = (...args: string[]) => run('ip', '-n', this.namespace, ...args);
    ip('link', 'set', 'spare', 'down');
    ip('link', 'set', 'main', 'up');
    ip('route', 'replace', 'default', 'via', `10.77.${this.index}.1`);
  }

  #iptables(...args: string[]): void {
    run('ip', 'netns', 'exec', this.namespace, 'iptables', '-w', ...args);
  }
}

export class TestNetwork {
  readonly serverAddress = SERVER_ADDRESS;
  readonly serverNamespace: string;
  /** Put before the server's command, to run it on its host. */
  readonly serverPrefix: readonly string[];
  readonly hosts: readonly Host[];
  readonly #namespaces: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'onecast-net-'));

  constructor(hosts: number) {
    networks += 1;
    const name = (suffix: string) => `oc-${process.pid}-${networks}-${suffix}`;
    const server = name('s');
    this.#add(server);
    run('ip', '-n', server, 'addr', 'add', `${SERVER_ADDRESS}/32`, 'dev', 'lo');
    this.serverNamespace = server;
    this.serverPrefix = ['ip', 'netns', 'exec', server];
    this.hosts = Array.from({ length: hosts }, (_, i) => {
      const n = i + 1;
      const host = name(`h${n}`);
      this.#add(host);
      this.#join(server, host, 'main', `m${n}`, n);
      this.#join(server, host, 'spare', `s${n}`, 100 + n);
      run('ip', '-n', host, 'link', 'set', 'main', 'up');
      run('ip', '-n', host, 'route', 'add', 'default', 'via', `10.77.${n}.1`);
      return new Host(host, this.#folder, n);
    });
  }

  /** Adds a veth pair: `10.77.<net>.1` on the server's side, `10.77.<net>.2` on the host's, still down. */
  #join(server: string, host: string, name: string, serverName: string, net: number): void {
    run('ip', '-n', host, 'link', 'add', name, 'type', 'veth', 'peer', serverName, 'netns', server);
    run('ip', '-n', host, 'addr', 'add', `10.77.${net}.2/24`, 'dev', name);
    run('ip', '-n', server, 'addr', 'add', `10.77.${net}.1/24`, 'dev', serverName);
    run('ip', '-n', server, 'link', 'set', serverName, 'up');
  }

  #add(namespace: string): void {
    run('ip', 'netns', 'add', namespace);
    this.#namespaces.push(namespace);
    run('ip', '-n', namespace, 'link', 'set', 'lo', 'up');
  }

  /** All processes in the namespaces must have exited before. */
  close(): void {
    for (const namespace of this.#namespaces) run('ip', 'netns', 'del', namespace);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
