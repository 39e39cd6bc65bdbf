#define _GNU_SOURCE
#include "egress.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "budget.h"
#include "connections.h"
#include "kernel.h"
#include "guard.h"
#include "limits.h"
#include "lock.h"
#include "packets.h"
#include "queue.h"
#include "sender.h"
#include "stats.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* The clock is read once per this many datagrams, which together take less than a millisecond. */
enum { CLOCK_EVERY = 64 };

static bool batching;
static unsigned window_us;
/* When the clock was first read since the last flush; 0 if it was not read since. */
static uint64_t oldest_us;
/* Something other than media is queued, which must not wait for a window. */
static bool urgent;

/* This thread waits in epoll, so what it queues will be sent at the end of the turn. */
static _Thread_local bool has_loop;
static _Thread_local bool forking;

static bool can_segment(void) {
  int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) probe = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  int size = 1200;
  /* Tested here: on a message, an older kernel ignores the option and sends one large datagram. */
  bool can = setsockopt(probe, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0;
  close(probe);
  return can;
}

bool egress_open(EgressOptions options) {
  window_us = options.window_us < WINDOW_MAX_US ? options.window_us : WINDOW_MAX_US;
  batching = !options.direct && can_segment();
  budget_set_types(options.retransmission_types);
  connections_open(options.unproved_ms ? options.unproved_ms : UNPROVED_MAX_MS);
  stats->on = batching;
  lock_open();
  return batching;
}

static bool flush_all(void) {
  bool all = send_all();
  oldest_us = 0;
  urgent = false;
  return all;
}

static bool is_plain(const struct msghdr *message, int flags, size_t length) {
  return length > 0 && length <= DATAGRAM_BYTES_MAX && message->msg_controllen == 0 &&
         (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) == 0;
}

static bool refuse(const Socket *socket, ssize_t *sent) {
  errno = errno_of(socket->flow);
  *sent = -1;
  return true;
}

static void queue(Destination *to, const struct msghdr *message, size_t length) {
  const unsigned char *copy = queue_add(to, message, length);
  stats->queued++;
  if (!is_media(copy, length)) urgent = true;
  unsigned queued = queue_length();
  if (queued % CLOCK_EVERY != 0 && (queued > 1 || window_us == 0)) return;
  uint64_t now = kernel.now_us();
  if (oldest_us == 0) oldest_us = now;
  else if (now - oldest_us > TURN_MAX_US) flush_all();
}

/* Sends what is queued on the socket. False if the caller must now send its message directly. */
static bool bypass_queue(Socket *socket, ssize_t *sent) {
  if (!send_socket(socket)) return refuse(socket, sent);
  stats->direct++;
  return false;
}

/* Null if the table is full and can't be cleared. */
static Destination *find_destination(Socket *socket, const struct msghdr *message) {
  Address address;
  socklen_t length = address_of(socket, message->msg_name, message->msg_namelen, &address);
  if (length == 0) return 0;
  Destination *to = destination_of(socket, &address, length);
  if (to || !flush_all()) return to;
  destinations_clear();
  return destination_of(socket, &address, length);
}

static bool send_or_queue(int descriptor, const struct msghdr *message, int flags, ssize_t *sent) {
  /* Where nothing is queued, a socket that the library has not seen change need not be looked at. */
  Socket *socket = batching ? 0 : socket_lookup(descriptor);
  if (!socket || !socket->inspected) socket = socket_of(descriptor);
  if (!socket || !socket->batched) return false;
  if (socket->flow != FLOWING && !send_socket(socket)) return refuse(socket, sent);
  unsigned char copy[PACKET_START_BYTES];
  size_t length;
  const unsigned char *start =
      packet_start(message->msg_iov, message->msg_iovlen, copy, &length);
  Destination *to = find_destination(socket, message);
  if (to && !guard_allows(to, message, start, length)) {
    *sent = (ssize_t)length;
    return true;
  }
  if (!to || !batching || !has_loop || !is_plain(message, flags, length)) {
    return bypass_queue(socket, sent);
  }
  if (!queue_has_room(length)) flush_all();
  if (!to->last_failed && socket->flow == FLOWING && queue_has_room(length)) {
    queue(to, message, length);
    *sent = (ssize_t)length;
    return true;
  }
  if (!send_socket(socket)) return refuse(socket, sent);
  *sent = kernel.sendmsg(descriptor, message, flags);
  stats->direct++;
  if (*sent >= 0) to->last_failed = false;
  return true;
}

bool egress_send(int descriptor, const struct msghdr *message, int flags, ssize_t *sent) {
  if (!message || !message->msg_name || !lock_enter()) return false;
  bool handled = send_or_queue(descriptor, message, flags, sent);
  int error = errno;
  lock_leave();
  errno = error;
  return handled;
}

/* Microseconds that the queue may still wait for more media. */
static uint64_t remaining_wait_us(void) {
  if (window_us == 0 || urgent || oldest_us == 0) return 0;
  uint64_t waited = kernel.now_us() - oldest_us;
  return waited < window_us ? window_us - waited : 0;
}

static int queue_turn_ends(void) {
  if (queue_length() == 0) return -1;
  uint64_t left_us = remaining_wait_us();
  if (left_us > 0) return (int)((left_us + 999) / 1000);
  return flush_all() ? -1 : RETRY_MS;
}

int egress_turn_ends(void) {
  has_loop = true;
  if (!lock_enter()) return -1;
  int wait = queue_turn_ends(), until_cut = connections_turn_ends();
  if (wait < 0 || (until_cut >= 0 && until_cut < wait)) wait = until_cut;
  lock_leave();
  return wait;
}

void egress_send_all(void) {
  if (!lock_enter()) return;
  flush_all();
  lock_leave();
}

/* Calls `prepare` if the socket of the descriptor has been used for sending. */
static void with_socket(int descriptor, void (*prepare)(Socket *socket, int descriptor)) {
  int error = errno;
  if (!socket_lookup(descriptor) || !lock_enter()) return;
  Socket *socket = socket_lookup(descriptor);
  if (socket) prepare(socket, descriptor);
  queue_clean_up();
  lock_leave();
  errno = error;
}

static void prepare_change(Socket *socket, int descriptor) {
  (void)descriptor;
  send_socket(socket);
  socket->inspected = false;
}

static void prepare_close(Socket *socket, int descriptor) {
  if (!send_socket(socket) && socket->descriptor == descriptor) drop_socket(socket);
  socket_forget(descriptor);
}

void egress_before_change(int descriptor) { with_socket(descriptor, prepare_change); }

void egress_before_close(int descriptor) {
  with_socket(descriptor, prepare_close);
  if (!connection_is_known(descriptor) || !lock_enter()) return;
  connection_closed(descriptor);
  lock_leave();
}

void egress_before_fork(void) {
  forking = lock_enter();
  if (forking) flush_all();
}

void egress_after_fork(bool in_child) {
  if (!forking) return;
  forking = false;
  if (in_child) {
    queue_clear();
    connections_clear();
    stats_detach();
  }
  lock_leave();
}
