/**
 * A small network made for one test: the server's host and some hosts with a browser each, as
 * network namespaces joined by veth pairs. Faults are real: packets dropped, connections reset,
 * addresses changed. Nothing of the machine's own network is touched.
 *
 *   server 10.77.0.1 ── 10.77.1.1 ═ 10.77.1.2 host 1    (spare: 10.77.101.1 ═ 10.77.101.2)
 *                    └─ 10.77.2.1 ═ 10.77.2.2 host 2    (spare: 10.77.102.1 ═ 10.77.102.2)
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SERVER_ADDRESS = '10.77.0.1';
let made = 0;

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Why no such network can be made here, or undefined where it can. */
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

/** One host with a browser on it. */
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
  wrap(program: string): string {
    const path = join(this.#folder, this.namespace);
    writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${this.namespace} ${program} "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /** No UDP leaves or arrives. */
  blockUdp(): void {
    for (const chain of ['INPUT', 'OUTPUT']) this.#iptables('-A', chain, '-p', 'udp', '-j', 'DROP');
  }

  /** Of what arrives by UDP this share is lost at random. */
  loseUdp(share: number): void {
    const random = ['-m', 'statistic', '--mode', 'random', '--probability', String(share)];
    this.#iptables('-A', 'INPUT', '-p', 'udp', ...random, '-j', 'DROP');
  }

  /** Nothing at all leaves or arrives. */
  cut(): void {
    this.#iptables('-A', 'INPUT', '!', '-i', 'lo', '-j', 'DROP');
    this.#iptables('-A', 'OUTPUT', '!', '-o', 'lo', '-j', 'DROP');
  }

  /** Every TCP connection to `port` is answered with a reset. */
  resetTcp(port: number): void {
    const match = ['-p', 'tcp', '--dport', String(port)];
    this.#iptables('-A', 'OUTPUT', ...match, '-j', 'REJECT', '--reject-with', 'tcp-reset');
  }

  /** So many of the UDP packets that come, from 0 to 1, are lost. */
  losePackets(share: number): void {
    const match = ['-p', 'udp', '-m', 'statistic', '--mode', 'random'];
    this.#iptables('-A', 'INPUT', ...match, '--probability', String(share), '-j', 'DROP');
  }

  heal(): void {
    this.#iptables('-F');
  }

  /** From one network to another: the address changes and the old path is gone. */
  changeAddress(): void {
    const n = this.index;
    const ip = (...args: string[]) => run('ip', '-n', this.namespace, ...args);
    ip('link', 'set', 'main', 'down');
    ip('link', 'set', 'spare', 'up');
    ip('route', 'replace', 'default', 'via', `10.77.${100 + n}.1`);
  }

  /** Back to the first network. */
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
  /** Puts the server on its host. */
  readonly serverPrefix: readonly string[];
  readonly hosts: readonly Host[];
  readonly #namespaces: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'onecast-net-'));

  constructor(hosts: number) {
    made += 1;
    const name = (suffix: string) => `oc-${process.pid}-${made}-${suffix}`;
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

  /** A veth pair: `10.77.<net>.1` on the server's side, `10.77.<net>.2`, still down, on the host's. */
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

  /** What ran in the namespaces must have ended before. */
  close(): void {
    for (const namespace of this.#namespaces) run('ip', 'netns', 'del', namespace);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
