#define _GNU_SOURCE
#include "connections.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "budget.h"
#include "kernel.h"
#include "limits.h"
#include "packets.h"
#include "stats.h"

/* A frame begins with its length. */
enum { LENGTH_BYTES = 2 };

typedef struct {
  bool known;
  /* No STUN check has succeeded yet: it is in the list. */
  bool unproved;
  /* IPv4 addresses are mapped (::ffff:a.b.c.d). */
  struct in6_addr address;
  uint64_t accepted_us;
  /* Since when it has accepted nothing; 0 if it accepts. */
  uint64_t stalled_us;
  /* The end of a frame of which the kernel has accepted the beginning. */
  unsigned char *rest;
  size_t rest_length;
  /* The frame that is being received: bytes seen of its length, its length, bytes missing. */
  unsigned char length_seen;
  uint16_t length;
  uint16_t missing;
  Budget budget;
  /* Descriptors of the neighbours in the list; 0 at its ends. */
  int before, after;
} Connection;

static Connection connections[DESCRIPTORS_MAX];
/* The list of unproved connections, oldest first. */
static int oldest, newest;
static unsigned unproved;
/* No descriptor above this was ever known. */
static int highest;

static uint64_t unproved_max_us = UNPROVED_MAX_MS * UINT64_C(1000);

void connections_open(unsigned unproved_ms) { unproved_max_us = unproved_ms * UINT64_C(1000); }

static Connection *connection_of(int descriptor) {
  if (descriptor <= 0 || descriptor >= DESCRIPTORS_MAX) return 0;
  Connection *connection = &connections[descriptor];
  /* Read without the lock, too. */
  return __atomic_load_n(&connection->known, __ATOMIC_RELAXED) ? connection : 0;
}

static void set_known(int descriptor, bool known) {
  __atomic_store_n(&connections[descriptor].known, known, __ATOMIC_RELAXED);
}

bool connection_is_known(int descriptor) { return connection_of(descriptor); }

static void leave_list(Connection *connection) {
  if (!connection->unproved) return;
  connection->unproved = false;
  unproved--;
  *(connection->before ? &connections[connection->before].after : &oldest) = connection->after;
  *(connection->after ? &connections[connection->after].before : &newest) = connection->before;
}

/* The worker then reads the end of the connection, and closes it. */
static void cut(int descriptor) {
  leave_list(&connections[descriptor]);
  stats->connections_cut++;
  kernel.shutdown(descriptor, SHUT_RDWR);
}

static bool address_of_peer(int descriptor, struct in6_addr *address) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } name;
  socklen_t length = sizeof name;
  if (getpeername(descriptor, &name.any, &length) != 0) return false;
  if (name.any.sa_family == AF_INET6) {
    *address = name.v6.sin6_addr;
    return true;
  }
  if (name.any.sa_family != AF_INET) return false;
  *address = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
  memcpy(&address->s6_addr[12], &name.v4.sin_addr, 4);
  return true;
}

/* True if the networks that the address belongs to may have one more unproved connection. */
static bool has_room(const struct in6_addr *address) {
  bool v4 = IN6_IS_ADDR_V4MAPPED(address);
  unsigned bytes[] = {v4 ? 16 : 8, 7, 6}, counts[3] = {0}, tiers = v4 ? 1 : 3;
  for (int at = oldest; at; at = connections[at].after) {
    for (unsigned tier = 0; tier < tiers; tier++) {
      counts[tier] += memcmp(&connections[at].address, address, bytes[tier]) == 0;
    }
  }
  for (unsigned tier = 0; tier < tiers; tier++) {
    if (counts[tier] >= (unsigned)UNPROVED_PER_ADDRESS_MAX << tier) return false;
  }
  return true;
}

bool connection_accepted(int descriptor) {
  struct in6_addr address;
  if (descriptor <= 0 || descriptor >= DESCRIPTORS_MAX) return true;
  connection_closed(descriptor);
  if (!address_of_peer(descriptor, &address)) return true;
  if (!has_room(&address)) {
    stats->connections_refused++;
    return false;
  }
  if (unproved == UNPROVED_MAX) cut(oldest);
  Connection *connection = &connections[descriptor];
  connection->unproved = true;
  connection->address = address;
  connection->accepted_us = kernel.now_us();
  connection->stalled_us = 0;
  connection->length_seen = 0;
  connection->before = newest;
  connection->after = 0;
  budget_init(&connection->budget);
  set_known(descriptor, true);
  *(newest ? &connections[newest].after : &oldest) = descriptor;
  newest = descriptor;
  if (descriptor > highest) highest = descriptor;
  unproved++;
  return true;
}

void connection_closed(int descriptor) {
  Connection *connection = connection_of(descriptor);
  if (!connection) return;
  leave_list(connection);
  free(connection->rest);
  connection->rest = 0;
  set_known(descriptor, false);
}

bool connection_received(int descriptor, const unsigned char *bytes, size_t length) {
  Connection *connection = connection_of(descriptor);
  while (connection && length > 0) {
    if (connection->length_seen < LENGTH_BYTES) {
      connection->length = (uint16_t)(connection->length << 8 | *bytes++);
      length--;
      if (++connection->length_seen < LENGTH_BYTES) continue;
      connection->missing = connection->length;
    } else {
      bool first = connection->missing == connection->length;
      bool rtp = first && is_rtp_or_rtcp(bytes, length);
      if (first && connection->length > (rtp ? RTP_BYTES_MAX : FRAME_BYTES_MAX)) {
        stats->oversize++;
        return false;
      }
      size_t part = length < connection->missing ? length : connection->missing;
      connection->missing -= (uint16_t)part;
      bytes += part;
      length -= part;
    }
    if (connection->missing == 0) connection->length_seen = 0;
  }
  return true;
}

static void stall(int descriptor, Connection *connection) {
  stats->frames_dropped++;
  uint64_t now = kernel.now_us();
  if (connection->stalled_us == 0) connection->stalled_us = now;
  else if (now - connection->stalled_us > STALLED_MAX_MS * UINT64_C(1000)) cut(descriptor);
}

/* Writes the rest of an earlier frame. -1, with errno, if not all of it was accepted. */
static int write_rest(int descriptor, Connection *connection) {
  if (!connection->rest) return 0;
  struct iovec piece = {connection->rest, connection->rest_length};
  ssize_t sent = kernel.writev(descriptor, &piece, 1);
  if (sent < 0) return -1;
  connection->stalled_us = 0;
  connection->rest_length -= (size_t)sent;
  memmove(connection->rest, connection->rest + sent, connection->rest_length);
  errno = EAGAIN;
  if (connection->rest_length > 0) return -1;
  free(connection->rest);
  connection->rest = 0;
  return 0;
}

/* Keeps what follows after the first `sent` bytes. */
static bool keep_rest(Connection *connection, const struct iovec *pieces, int count, size_t sent,
                      size_t length) {
  connection->rest_length = length - sent;
  connection->rest = malloc(connection->rest_length);
  if (!connection->rest) return false;
  size_t kept = 0;
  for (int i = 0; i < count; i++) {
    size_t skipped = sent < pieces[i].iov_len ? sent : pieces[i].iov_len;
    size_t part = pieces[i].iov_len - skipped;
    sent -= skipped;
    if (part > 0) memcpy(connection->rest + kept, (char *)pieces[i].iov_base + skipped, part);
    kept += part;
  }
  return true;
}

ssize_t connection_write(int descriptor, const struct iovec *pieces, int count) {
  Connection *connection = connection_of(descriptor);
  unsigned char copy[PACKET_START_BYTES];
  size_t length;
  const unsigned char *start = packet_start(pieces, (size_t)count, copy, &length);
  if (!connection || length <= LENGTH_BYTES) return kernel.writev(descriptor, pieces, count);
  const unsigned char *packet = start + LENGTH_BYTES;
  bool stun = is_stun(packet, length - LENGTH_BYTES);
  if (stun && read_16(packet) == STUN_SUCCESS) leave_list(connection);
  if (!budget_allows(&connection->budget, packet, length - LENGTH_BYTES)) return (ssize_t)length;
  ssize_t sent = write_rest(descriptor, connection);
  if (sent == 0) sent = kernel.writev(descriptor, pieces, count);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK) return -1;
    stall(descriptor, connection);
    return (ssize_t)length;
  }
  connection->stalled_us = 0;
  if ((size_t)sent < length && !keep_rest(connection, pieces, count, (size_t)sent, length)) {
    cut(descriptor);
  }
  return (ssize_t)length;
}

int connections_turn_ends(void) {
  if (!oldest) return -1;
  uint64_t now = kernel.now_us();
  while (oldest && now - connections[oldest].accepted_us >= unproved_max_us) cut(oldest);
  if (!oldest) return -1;
  return (int)((connections[oldest].accepted_us + unproved_max_us - now) / 1000) + 1;
}

void connections_clear(void) {
  for (int descriptor = 0; descriptor <= highest; descriptor++) connection_closed(descriptor);
}
