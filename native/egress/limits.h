/* Every limit of the library, with its reason. */
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
  /* What may be sent to a destination again before it has earned more: after a gap of a second in a
   * video of 2 Mbit/s, everything that was lost. */
  RETRANSMISSION_BURST_BYTES = 256 * 1024,
  /* A larger RTP or RTCP packet is not passed on. Senders stay below the MTU of Ethernet, 1,500; the
   * worker keeps up to 2,500 packets of a stream for retransmission. */
  RTP_BYTES_MAX = 2048,
  /* A larger frame on a TCP connection ends it: a DTLS record has 16 KiB at most. */
  FRAME_BYTES_MAX = 16 * 1024 + 256,
  /* TCP connections on which no STUN check has succeeded yet, of one address (IPv6: a /64; a /56 has
   * twice, a /48 four times as many) and in all. Checks succeed within a round trip, so even the
   * viewers of one company that join at the same moment have fewer. */
  UNPROVED_PER_ADDRESS_MAX = 64,
  UNPROVED_MAX = 512,
  /* Time for the first check to succeed: three times the longest handshake on a mobile network. */
  UNPROVED_MAX_MS = 10 * 1000,
  /* A TCP connection that has data waiting and accepts none of it for this long is cut. */
  STALLED_MAX_MS = 10 * 1000,
  /* Addresses that are remembered with what they have proved: four times the viewers of a worker. When
   * it is full, the oldest that has proved nothing is forgotten. A power of two. */
  PATHS_MAX = 16384,
  /* How many times the bytes received from an address it may be sent before it has proved that it
   * receives, as in QUIC (RFC 9000, 8.1); and additional bytes of a DTLS handshake, which has a
   * certificate to send. */
  UNPROVED_FACTOR = 3,
  UNPROVED_HANDSHAKE_BYTES = 4096,
  /* A proved address is checked again after this time, and counts as unproved if it has not answered
   * after the second. Browsers send checks, and so cause ours, every 2 to 5 seconds. */
  PROOF_RENEWED_MS = 15 * 1000,
  PROOF_MAX_MS = 60 * 1000,
  /* A check that has not been answered is repeated when something waits for it. */
  CHECK_REPEAT_MS = 100,
  CHECK_REPEATS_MAX = 5,
  /* Handshakes in progress, and how long one may take. */
  HELLOS_MAX = 2048,
  HELLO_MAX_MS = 60 * 1000,
  /* The last checks received, until the worker answers them: libuv reads at most 32 datagrams before. */
  CHECKS_REMEMBERED = 64,
};

#endif
