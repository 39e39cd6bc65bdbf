import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VARIABLE_NAMES } from '#config/env.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8');

type Yaml = string | Yaml[] | { [key: string]: Yaml };

/** The part of YAML that the Compose file uses: maps, lists of scalars, comments on their own lines. */
function parseYaml(text: string): Yaml {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(?:#.*)?$/.test(line))
    .map((line) => ({ indent: line.search(/\S/), text: line.trim() }));
  let next = 0;
  const scalar = (value: string): string => value.replace(/^"(.*)"$/, '$1');
  const block = (indent: number): Yaml => {
    const list: Yaml[] = [];
    const map: Record<string, Yaml> = {};
    for (; lines[next]?.indent === indent; ) {
      const line = lines[next++]?.text ?? '';
      const [, key, value] = /^([\w.-]+):(?:\s+(.*))?$/.exec(line) ?? [];
      if (line.startsWith('- ')) list.push(scalar(line.slice(2)));
      else if (key === undefined) throw new Error(`not understood: ${line}`);
      else if (value !== undefined) map[key] = scalar(value);
      else if ((lines[next]?.indent ?? 0) > indent) map[key] = block(lines[next]?.indent ?? 0);
      else map[key] = '';
    }
    if (lines[next] && (lines[next]?.indent ?? 0) > indent) throw new Error('indented too far');
    return list.length > 0 ? list : map;
  };
  return block(0);
}

/** Replaces `${NAME:-default}` as Compose does; defaults may contain further ones. */
function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  const inner = /\$\{([A-Z_]+):-([^${}]*)\}/;
  let result = text;
  while (inner.test(result)) {
    result = result.replace(inner, (_all, name: string, other: string) => env[name] || other);
  }
  return result;
}

interface Service {
  readonly [key: string]: Yaml | undefined;
  readonly environment: Record<string, string>;
  readonly ports: string[];
  readonly mem_limit: string;
  readonly logging: { driver: string; options: Record<string, string> };
}
const file = read('docker-compose.yml');
const { services } = parseYaml(file) as unknown as { services: Record<string, Service> };
const all = Object.entries(services);

/** Variables that the file does not pass on, with the reason. */
const NOT_PASSED: Readonly<Record<string, string>> = {
  ONECAST_DEV: 'set by npm run dev only',
  MEDIASOUP_WORKER_BIN: 'a path in the image, which the image sets',
  MEDIA_EGRESS_LIBRARY: 'a path in the image, which the image sets',
  STATE_DIR: 'a folder on the volume, which the image sets',
};
/** Variables that have one value inside the container, and decide what is published outside. */
const PUBLISHED: Readonly<Record<string, string>> = {
  HOST: '0.0.0.0',
  PORT: '8088',
  MEDIA_LISTEN_ADDRESS: '0.0.0.0',
};

describe('SETUP-3 docker-compose.yml', () => {
  it.each(all)('confines %s', (_name, service) => {
    expect(service).toMatchObject({
      read_only: 'true',
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    for (const right of ['cap_add', 'privileged', 'network_mode', 'pid', 'devices']) {
      expect(service[right]).toBeUndefined();
    }
    // A volume of its own for what outlives a restart; no folder of the host.
    const volumes = (service['volumes'] ?? []) as string[];
    expect(volumes.filter((volume) => !/^[a-z]+:\/var\/lib\/onecast$/.test(volume))).toEqual([]);
    for (const mount of service['tmpfs'] as string[]) {
      expect(mount).toMatch(/^\/\w+:size=\d+m,noexec,nosuid,nodev$/);
    }
  });

  it.each(all)('limits memory, processes and log of %s', (_name, service) => {
    expect(interpolate(service.mem_limit, {})).toMatch(/^\d+g$/);
    expect(Number(service['pids_limit'])).toBeGreaterThan(0);
    expect(service.logging.driver).toBe('json-file');
    expect(service.logging.options).toEqual({ 'max-size': '10m', 'max-file': '5' });
  });

  const { onecast } = services;
  const environment = onecast?.environment ?? {};
  const ports = (env: Record<string, string>): string[] =>
    (onecast?.ports ?? []).map((port) => interpolate(port, env));

  it('passes every variable of the server', () => {
    const missing = VARIABLE_NAMES.filter((name) => !Object.hasOwn(environment, name));
    expect(missing.filter((name) => !Object.hasOwn(NOT_PASSED, name))).toEqual([]);
    expect(Object.keys(environment).filter((name) => !VARIABLE_NAMES.includes(name))).toEqual([]);
    for (const [name, value] of Object.entries(environment)) {
      expect(interpolate(value, { [name]: 'given' })).toBe(PUBLISHED[name] ?? 'given');
    }
  });

  it('publishes for this machine only, unless HOST or MEDIA_LISTEN_ADDRESS say otherwise', () => {
    const of = (pages: string, media: string): string[] => [
      `${pages}:8088:8088`,
      `${media}:17400-17401:17400-17401/udp`,
      `${media}:17400-17401:17400-17401/tcp`,
    ];
    expect(ports({})).toEqual(of('127.0.0.1', '127.0.0.1'));
    expect(ports({ ANNOUNCED_ADDRESS: '192.0.2.1' })).toEqual(of('127.0.0.1', '127.0.0.1'));
    expect(ports({ HOST: '0.0.0.0' })).toEqual(of('0.0.0.0', '0.0.0.0'));
    expect(ports({ HOST: '127.0.0.1', MEDIA_LISTEN_ADDRESS: '0.0.0.0' })).toEqual(
      of('127.0.0.1', '0.0.0.0'),
    );
    expect(ports({ PORT: '80' })[0]).toBe('127.0.0.1:80:8088');
    expect(ports({ MEDIA_PORTS: '5000-5003' })[1]).toBe('127.0.0.1:5000-5003:5000-5003/udp');
  });

  it('has a page that lists the variables that only this file reads', () => {
    const names = [...file.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name ?? '');
    const own = [...new Set(names)].filter((name) => !VARIABLE_NAMES.includes(name));
    const [, section = ''] = read('docs/configuration.md').split('## Variables of Compose\n');
    const [table = ''] = section.split('\n## ');
    const listed = [...table.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, name]) => name);
    expect(new Set(listed)).toEqual(new Set(own));
  });
});
