/** Every attack of the bench, in the order of the tables. */
import { type Attack, AttackerProcess } from './attacker.ts';
import { dataFlood, redirect, requestAgain } from './media-attacks.ts';

const http = (id: string, title: string): Attack => ({
  id,
  title,
  prepare: async (target) => AttackerProcess.start('http-attacks.ts', id, target),
});

const socket = (id: string, title: string): Attack => ({
  id,
  title,
  prepare: async (target) => AttackerProcess.start('socket-attacks.ts', id, target),
});

export const ATTACKS: readonly Attack[] = [
  http(
    'pipelined-assets',
    '1,500 pipelined requests on a connection that goes away, twice a second',
  ),
  http('unread-pages', '40 connections with 1,500 pipelined requests, never read'),
  http('unread-connections', '12,000 connections with one request each, never read'),
  http('flood-pages', 'pages over 50 connections'),
  http('flood-joins', 'joins that are refused, over 50 connections'),
  http('flood-overlay', 'overlay without authority, over 50 connections'),
  http('flood-connections', '50 connections at a time, each gone after one request'),
  socket('messages', '1,000 messages/s from one socket, reconnecting when closed'),
  socket('unread-sockets', '200 sockets that request much and never read'),
  socket('joins', '200 sockets that join a full room as often as they may'),
  {
    id: 'redirect',
    title: 'six viewers redirect their media to an address that never asked',
    prepare: redirect,
  },
  {
    id: 'request-again',
    title: 'six viewers request every packet again and again',
    prepare: requestAgain,
  },
  ...[16, 64].map((kib) => ({
    id: `data-${kib}`,
    title: `${kib} KiB × 1,000/s on a publisher’s data channel`,
    prepare: (target: Parameters<Attack['prepare']>[0]) => dataFlood(target, kib * 1024),
  })),
];
