/* Every limit of batched sending, with its reason. */
#ifndef EGRESS_LIMITS_H
#define EGRESS_LIMITS_H

enum {
  /* A larger datagram does not fit an Ethernet frame: the kernel fragments it, but can't segment it. */
  DATAGRAM_BYTES_MAX = 1472,
  /* UDP_MAX_SEGMENTS of kernels before 6.9. */
  SEGMENTS_MAX = 64,
  /* A message is one IP packet until the kernel segments it: 65,535 bytes minus the headers. */
  MESSAGE_BYTES_MAX = 65000,
  /* Messages passed to the kernel in one system call; more save too little to measure. */
  MESSAGES_MAX = 64,
  /* Iovecs of one call. */
  PIECES_MAX = 1024,
  /* Capacity of the queue: a key frame of 20 packets of 1,250 bytes for 400 viewers. When it is full,
   * everything in it is sent at once. */
  QUEUE_DATAGRAMS_MAX = 8192,
  QUEUE_BYTES_MAX = 10 * 1024 * 1024,
  /* Capacity of the table of destinations; a full table is cleared. A power of two. */
  DESTINATIONS_MAX = 8192,
  /* Number of sockets that are batched; datagrams on further sockets are sent directly. */
  SOCKETS_MAX = 4096,
  DESCRIPTORS_MAX = 65536,
  /* If a turn of the loop takes longer than this, the queue is sent before the turn ends. */
  TURN_MAX_US = 10 * 1000,
  /* Interval of further attempts while the kernel accepts no more. */
  RETRY_MS = 1,
  /* After this many refused segmented messages in a row, a socket stops segmenting, even if the
     reason may have been only their size. */
  REFUSALS_MAX = 16,
  /* How long media may wait for more media after a turn. 0, because a window was measured to save
     nothing: Chromium sends in bursts, and a busy worker has much to send in each turn anyway. */
  WINDOW_DEFAULT_US = 0,
  WINDOW_MAX_US = 3 * 1000,
};

#endif
