/*
 * The library's counters: a page of shared memory named "onecast-egress", which the server finds
 * among the worker's descriptors. It leaves no file, and disappears with the process.
 * backend/src/media/workers/egress-stats.ts reads it: eight bytes each, in this order.
 */
#ifndef EGRESS_STATS_H
#define EGRESS_STATS_H

#include <stdint.h>

enum { STATS_MAGIC = 0x4f434547, STATS_VERSION = 2 };

typedef struct {
  uint64_t magic_and_version;
  /* 1 while datagrams are queued; 0 if the kernel cannot segment, or if queueing is turned off. */
  uint64_t on;
  /* Datagrams that were queued. */
  uint64_t queued;
  /* Datagrams that were sent directly, by a system call of their own. */
  uint64_t direct;
  /* Queued datagrams that were sent in a segmented message, and alone. */
  uint64_t segmented;
  uint64_t single;
  /* Messages with which they were sent, and the number of system calls for these messages. */
  uint64_t messages;
  uint64_t calls;
  /* Segmented messages that the kernel refused, and that were sent again as single datagrams. */
  uint64_t refused;
  /* Sockets that no longer segment. */
  uint64_t sockets_without_segments;
  /* How often the kernel accepted no more for the moment. */
  uint64_t blocked;
  /* Queued datagrams that could not be sent. */
  uint64_t lost;
  /* Retransmissions that were not sent, because their destination had no budget left. */
  uint64_t over_budget;
  /* Received packets and frames that were too large. */
  uint64_t oversize;
  /* TCP connections that were refused, and that were cut: without a check in time, or stalled. */
  uint64_t connections_refused;
  uint64_t connections_cut;
  /* Frames for a TCP connection that accepted no more. */
  uint64_t frames_dropped;
  /* Datagrams for an address that has not proved that it receives. */
  uint64_t unproved;
  /* How often an address has proved it: by answering a check, by a handshake. */
  uint64_t proved_by_check;
  uint64_t proved_by_handshake;
} Stats;

/* Never null. Without shared memory it is a private page that nothing reads. */
extern Stats *stats;

void stats_open(void);
/* Call this in the child after a fork: the shared page belongs to the parent. */
void stats_detach(void);

#endif
