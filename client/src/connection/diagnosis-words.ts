/** The sentences for people about a connection that does not come up: what is the matter, and what to do. */
import type { Cause } from './diagnosis.ts';

export type ConnectionRole = 'viewer' | 'publisher';

/** Why a connection does not come up, in words for the person at this page. */
export interface Diagnosis {
  readonly cause: Cause['kind'];
  readonly title: string;
  readonly detail: string;
}

const KEEPS_TRYING = 'This page keeps trying.';

export function diagnosisOf(cause: Cause, role: ConnectionRole): Diagnosis {
  const { title, detail } = sentences(cause, role === 'publisher');
  return { cause: cause.kind, title, detail: `${detail} ${KEEPS_TRYING}` };
}

function sentences(cause: Cause, publishing: boolean): { title: string; detail: string } {
  const picture = publishing ? 'Your picture' : 'The picture';
  switch (cause.kind) {
    case 'media-blocked': {
      const where = `${portsOf(cause.ports)} at ${listOf(cause.addresses)}`;
      const open = `${portsOf(cause.ports)}${cause.tcp ? ' (UDP and TCP)' : ' (UDP)'}`;
      return {
        title: `${picture} can’t get through`,
        detail: publishing
          ? `The server answers, but nothing comes back from ${where}: a firewall blocks the way. Open ${open} in the firewall of the server and in its router, or try another network here.`
          : `The server answers, but nothing comes back from ${where}: a firewall blocks the way. Try another network, or ask the operator of the server to open ${open}.`,
      };
    }
    case 'wrong-address':
      return {
        title: `${picture} can’t get through`,
        detail: `The server asks for media at ${listOf(cause.addresses)}, but this page has reached it at ${cause.host}. Its operator can correct that: ANNOUNCED_ADDRESS must be the address that browsers can reach.`,
      };
    case 'browser-hides-paths':
      return {
        title: 'This browser allows no direct connection',
        detail:
          'A privacy setting or an extension lets WebRTC use relays only, and this server has none. Allow WebRTC for this page, or use another browser.',
      };
    case 'no-common-family':
      return {
        title: `${picture} can’t get through`,
        detail:
          'This device and the server have no kind of address in common: one has only IPv6, the other only IPv4. Try another network, or ask the operator of the server to announce both.',
      };
    case 'no-video':
      return {
        title: publishing ? 'The picture does not leave this page' : 'No picture arrives',
        detail: publishing
          ? 'The connection is up, but the server gets no picture. Choose the camera again, or another one.'
          : 'The connection is up, but the publisher sends no picture just now.',
      };
    case 'encryption-blocked':
      return {
        title: `${picture} can’t get through`,
        detail:
          'Packets reach the server and come back, but the encrypted connection does not start: something in this network filters it. Try another network.',
      };
    case 'websocket-blocked':
      return {
        title: 'No websocket gets through',
        detail: `The server answers, but no websocket opens. ${
          publishing
            ? 'If a proxy is in front of the server, it must pass the headers Upgrade and Connection on.'
            : 'A proxy in front of the server, or in this network, does not pass it on.'
        } An extension of this browser can block it, too. Try another network or browser.`,
      };
    case 'origin-refused':
      return { title: 'The server refuses this page', detail: cause.message };
    case 'refused':
      return { title: 'The server refuses this page for now', detail: cause.message };
    case 'server-foreign':
      return {
        title: 'Something else answers for the server',
        detail: `A proxy or a login page of this network answers instead (HTTP ${cause.status}). Open another page to see whether this network asks for a login; otherwise the server is down.`,
      };
    case 'server-silent':
      return {
        title: 'The server can’t be reached',
        detail: `Nothing answers at ${cause.host}. Check the network of this device. If it works, the server is down or being restarted.`,
      };
    case 'unknown':
      return {
        title: 'Connecting takes longer than usual',
        detail: 'The cause is not clear. Another network or another browser may help.',
      };
    default:
      return cause satisfies never;
  }
}

/** Why a browser can't do what the page needs: WebRTC is missing, or switched off, or too old. */
export function unsupportedWords(role: ConnectionRole, peerConnection: unknown): string {
  const what = role === 'publisher' ? 'send' : 'play';
  if (typeof peerConnection !== 'function') {
    return `This browser can not ${what} live video: it has no WebRTC, or an extension or a setting has switched it off. Allow WebRTC for this page, or try a current Chrome, Firefox or Safari.`;
  }
  return `This browser can not ${what} live video: an extension or a setting may block WebRTC. Allow it for this page, or try a current Chrome, Firefox or Safari.`;
}

/** What works only in part while the connection is up. */
export type Limitation = 'no-overlay' | 'no-websocket';

export function limitationWords(
  limitation: Limitation,
  role: ConnectionRole,
): { readonly title: string; readonly detail: string } {
  switch (limitation) {
    case 'no-overlay':
      return {
        title: role === 'publisher' ? 'The overlay is not sent' : 'The overlay is missing',
        detail:
          'This browser opens no data channel: an extension or a setting blocks it. Picture and sound are not affected.',
      };
    case 'no-websocket':
      return {
        title: 'No websocket gets through',
        detail:
          'The picture is live, but this page will not notice changes: a proxy or an extension blocks websockets.',
      };
    default:
      return limitation satisfies never;
  }
}

function portsOf(ports: readonly number[]): string {
  return `${ports.length === 1 ? 'port' : 'ports'} ${listOf(ports.map(String))}`;
}

/** At most three, so that the sentence stays short. */
function listOf(values: readonly string[]): string {
  const shown = values.slice(0, 3);
  const last = shown.pop() ?? '';
  const more = values.length > 3 ? ' …' : '';
  return shown.length === 0 ? `${last}${more}` : `${shown.join(', ')} and ${last}${more}`;
}
