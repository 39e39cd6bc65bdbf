#define _GNU_SOURCE
#include "egress.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <unistd.h>

#include "kernel.h"
#include "limits.h"
#include "queue.h"
#include "sender.h"
#include "stats.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* The clock is read once per this many datagrams, which together take less than a millisecond. */
enum { CLOCK_EVERY = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool on;
static unsigned window_us;
/* When the clock was first read since the last flush; 0 if it was not read since. */
static uint64_t oldest_us;
/* Something other than media is queued, which must not wait for a window. */
static bool urgent;

/* This thread waits in epoll, so what it queues will be sent at the end of the turn. */
static _Thread_local bool has_loop;
/* This thread holds the lock. A signal handler that sends in it must not wait for the lock. */
static _Thread_local bool inside;
static _Thread_local bool forking;

static bool enter(void) {
  if (!on || inside) return false;
  inside = true;
  pthread_mutex_lock(&lock);
  return true;
}

static void leave(void) {
  pthread_mutex_unlock(&lock);
  inside = false;
}

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
  on = can_segment();
  stats->on = on;
  return on;
}

static bool flush_all(void) {
  bool all = send_all();
  oldest_us = 0;
  urgent = false;
  return all;
}

/* The length of a message that may be queued; 0 for one that is sent directly. */
static size_t plain_length(const struct msghdr *message, int flags) {
  if (message->msg_controllen > 0 || (flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL)) != 0) return 0;
  size_t length = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++) {
    size_t piece = message->msg_iov[i].iov_len;
    if (piece > DATAGRAM_BYTES_MAX) return 0;
    length += piece;
    if (length > DATAGRAM_BYTES_MAX) return 0;
  }
  return length;
}

/* RTP but not RTCP (RFC 7983, RFC 5761). Everything else is urgent: the remote end waits for it. */
static bool is_media(const unsigned char *bytes, size_t length) {
  return length >= 12 && bytes[0] >> 6 == 2 && !(bytes[1] >= 192 && bytes[1] <= 223);
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

static bool send_or_queue(int descriptor, const struct msghdr *message, int flags, ssize_t *sent) {
  Socket *socket = socket_of(descriptor);
  if (!socket || !socket->batched) return false;
  if (socket->flow != FLOWING && !send_socket(socket)) return refuse(socket, sent);
  size_t length = has_loop ? plain_length(message, flags) : 0;
  if (length == 0) return bypass_queue(socket, sent);
  Address address;
  socklen_t address_length =
      address_of(socket, message->msg_name, message->msg_namelen, &address);
  if (address_length == 0) return bypass_queue(socket, sent);
  if (!queue_has_room(length)) flush_all();
  Destination *to = destination_of(socket, &address, address_length);
  if (!to) {
    if (flush_all()) destinations_clear();
    return bypass_queue(socket, sent);
  }
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
  if (!message || !message->msg_name || !enter()) return false;
  bool handled = send_or_queue(descriptor, message, flags, sent);
  int error = errno;
  leave();
  errno = error;
  return handled;
}

/* Microseconds that the queue may still wait for more media. */
static uint64_t remaining_wait_us(void) {
  if (window_us == 0 || urgent || oldest_us == 0) return 0;
  uint64_t waited = kernel.now_us() - oldest_us;
  return waited < window_us ? window_us - waited : 0;
}

int egress_turn_ends(void) {
  has_loop = true;
  if (!enter()) return -1;
  int wait = -1;
  if (queue_length() > 0) {
    uint64_t left_us = remaining_wait_us();
    if (left_us > 0) wait = (int)((left_us + 999) / 1000);
    else if (!flush_all()) wait = RETRY_MS;
  }
  leave();
  return wait;
}

void egress_send_all(void) {
  if (!enter()) return;
  flush_all();
  leave();
}

/* Calls `prepare` if the socket of the descriptor has been used for sending. */
static void with_socket(int descriptor, void (*prepare)(Socket *socket, int descriptor)) {
  int error = errno;
  if (!socket_lookup(descriptor) || !enter()) return;
  Socket *socket = socket_lookup(descriptor);
  if (socket) prepare(socket, descriptor);
  queue_clean_up();
  leave();
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

void egress_before_close(int descriptor) { with_socket(descriptor, prepare_close); }

void egress_before_fork(void) {
  forking = enter();
  if (forking) flush_all();
}

void egress_after_fork(bool in_child) {
  if (!forking) return;
  forking = false;
  if (in_child) {
    queue_clear();
    stats_detach();
  }
  leave();
}
