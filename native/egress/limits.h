/* Every cap of batched sending, with its reason. */
#ifndef EGRESS_LIMITS_H
#define EGRESS_LIMITS_H

enum {
  /* Larger ones do not fit an Ethernet frame: the kernel fragments them, but refuses to segment. */
  DATAGRAM_BYTES_MAX = 1472,
  /* UDP_MAX_SEGMENTS of kernels before 6.9. */
  SEGMENTS_MAX = 64,
  /* One message is one IP packet until the kernel cuts it: 65,535 bytes less the headers. */
  MESSAGE_BYTES_MAX = 65000,
  /* Messages handed over in one system call: beyond that the saving is too small to measure. */
  MESSAGES_MAX = 64,
  /* Iovecs of one call. */
  PIECES_MAX = 1024,
  /* What one turn may gather: a key frame of 20 packets for 400 viewers. More leaves at once. */
  QUEUE_DATAGRAMS_MAX = 8192,
  QUEUE_BYTES_MAX = 10 * 1024 * 1024,
  /* Destinations remembered; when they are this many all are forgotten. A power of two. */
  DESTINATIONS_MAX = 8192,
  /* Sockets that are looked after; what is sent on others goes its usual way. */
  SOCKETS_MAX = 4096,
  DESCRIPTORS_MAX = 65536,
  /* A turn of the loop that takes longer lets go what has waited so long. */
  TURN_MAX_US = 10 * 1000,
  /* While the kernel takes no more, it is asked again so often. */
  RETRY_MS = 1,
  /* So many segmented messages refused in a row, with nothing but their size to blame. */
  REFUSALS_MAX = 16,
  /* How long media may wait for more of its kind once the turn is over. Measured: it saves nothing
     that shows, for Chromium sends in bursts and a busy worker gathers by itself. */
  WINDOW_DEFAULT_US = 0,
  WINDOW_MAX_US = 3 * 1000,
};

#endif
