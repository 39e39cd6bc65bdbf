/*
 * What the library tells of itself: a page of shared memory named "onecast-egress", which the server
 * finds among the worker's descriptors. It leaves no file and goes with the process.
 * backend/src/media/workers/egress-stats.ts reads it: eight bytes each, in this order.
 */
#ifndef EGRESS_STATS_H
#define EGRESS_STATS_H

#include <stdint.h>

enum { STATS_MAGIC = 0x4f434547, STATS_VERSION = 1 };

typedef struct {
  uint64_t magic_and_version;
  /* 1 while datagrams are gathered, 0 where the kernel cannot segment. */
  uint64_t on;
  /* Datagrams taken over from the worker. */
  uint64_t taken;
  /* Datagrams that went their usual way, by a system call of their own. */
  uint64_t direct;
  /* Of those taken: sent in a segmented message, and alone. */
  uint64_t segmented;
  uint64_t single;
  /* Messages handed to the kernel for all of these, and the system calls that took. */
  uint64_t messages;
  uint64_t calls;
  /* Segmented messages that were refused, and sent again as single datagrams. */
  uint64_t refused;
  /* Sockets on which nothing is segmented any more. */
  uint64_t sockets_without_segments;
  /* Times the kernel took no more for now. */
  uint64_t blocked;
  /* Datagrams taken that could not be sent. */
  uint64_t lost;
} Stats;

/* Never null: where there is no shared memory, the figures are kept for nobody. */
extern Stats *stats;

void stats_open(void);
/* After a fork: the figures are the parent's. */
void stats_leave(void);

#endif
