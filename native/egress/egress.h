/*
 * Batched sending. The datagrams that an event loop sends in one turn are queued, and passed to the
 * kernel together when the loop is about to wait. Datagrams to one destination keep their order and
 * become one segmented message (UDP GSO). Anything other than a plain datagram on an unconnected,
 * non-blocking UDP socket is sent directly, after what is queued on the same socket.
 *
 * What callers see: a queued datagram counts as sent, like a datagram in the kernel's own queue.
 * While the kernel accepts no more, nothing more is queued on that socket, and the kernel's error
 * (EAGAIN, ENOBUFS) is returned. If the kernel refuses a datagram after it was queued, its caller can
 * no longer be informed. The next datagrams to the same destination are then sent one at a time, with
 * the kernel's own result, until one succeeds.
 */
#ifndef EGRESS_H
#define EGRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef struct {
  /* Every datagram is sent directly. What protects the media port works all the same. */
  bool direct;
  /* How long media may wait for more datagrams after a turn, in microseconds. */
  unsigned window_us;
  /* Payload types of retransmissions, see budget.h; null: none. */
  const char *retransmission_types;
  /* Time that a TCP connection has for its first valid check, in ms; 0: UNPROVED_MAX_MS. */
  unsigned unproved_ms;
} EgressOptions;

/* Returns false if nothing is queued: it was not asked for, or the kernel cannot segment UDP. */
bool egress_open(EgressOptions options);

/* Call this for a datagram before it is sent. Returns true if it was handled: `*sent` and errno are then the result of the call. */
bool egress_send(int descriptor, const struct msghdr *message, int flags, ssize_t *sent);

/*
 * Call this when the loop of this thread is about to wait. Returns the longest time in ms that the
 * loop may wait before it must call again; -1 if there is no limit.
 */
int egress_turn_ends(void);

/* Sends what can be sent at once. Call this before the process exits or executes another program. */
void egress_send_all(void);
/* Call this before the socket changes: options, peer. */
void egress_before_change(int descriptor);
/* Call this before the descriptor is closed or replaced. */
void egress_before_close(int descriptor);

/* Call these around fork(): the child starts with an empty queue. */
void egress_before_fork(void);
void egress_after_fork(bool in_child);

#endif
