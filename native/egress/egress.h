/*
 * Batched sending: datagrams that a loop sends in one turn are gathered, and handed to the kernel
 * together when the loop is about to wait. What goes to one destination keeps its order and becomes
 * one segmented message (UDP GSO). Everything that is not a plain datagram on an unconnected,
 * non-blocking UDP socket goes its usual way, after what is queued on the same socket.
 *
 * What callers see: a datagram that is queued counts as sent, as one in the kernel's own queue does.
 * While the kernel takes no more, nothing more is queued on that socket and its answer (EAGAIN,
 * ENOBUFS) is passed on. A datagram that is refused after it was queued cannot be told any more; from
 * then on its destination's are sent each by itself, with the kernel's own answer, until one succeeds.
 */
#ifndef EGRESS_H
#define EGRESS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef struct {
  /* How long media may wait for more after a turn. */
  unsigned window_us;
} EgressOptions;

/* False where the kernel cannot segment: nothing is gathered then. */
bool egress_open(EgressOptions options);

/* True if the datagram was dealt with: `*sent` and errno are the answer. */
bool egress_send(int descriptor, const struct msghdr *message, int flags, ssize_t *sent);

/*
 * The loop of this thread is about to wait. Gives for how many ms at most before it must ask again;
 * -1 for as long as it likes.
 */
int egress_turn_ends(void);

/* Sends what can be sent at once: the process ends, or becomes another. */
void egress_send_all(void);
/* Before the socket changes: options, peer. */
void egress_changes(int descriptor);
/* Before the descriptor is closed or becomes another's. */
void egress_closes(int descriptor);

/* Around fork(): the child has nothing queued. */
void egress_before_fork(void);
void egress_after_fork(bool in_child);

#endif
