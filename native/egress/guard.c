#define _GNU_SOURCE
#include "guard.h"

#include <errno.h>

#include "budget.h"
#include "connections.h"
#include "limits.h"
#include "lock.h"
#include "packets.h"
#include "paths.h"
#include "sockets.h"
#include "stats.h"

bool guard_allows(Destination *to, const struct msghdr *message, const unsigned char *start,
                   size_t length) {
  if (is_stun(start, length)) {
    if (read_16(start) != STUN_SUCCESS) return true;
    to->proved = false;
    path_answered(to->socket, &to->address, to->address_length, start, length);
    return true;
  }
  const unsigned char *bytes = message->msg_iovlen == 1 ? message->msg_iov[0].iov_base : 0;
  return (to->proved || path_allows(to->socket, &to->address, to->address_length, start, bytes,
                                    length, &to->proved)) &&
         budget_allows(&to->budget, start, length);
}

bool guard_accepted(int descriptor) {
  if (!lock_enter()) return true;
  bool accepted = connection_accepted(descriptor);
  lock_leave();
  return accepted;
}

bool guard_read(int descriptor, const void *bytes, size_t length) {
  if (!connection_is_known(descriptor) || !lock_enter()) return true;
  bool going_on = connection_received(descriptor, bytes, length);
  lock_leave();
  return going_on;
}

bool guard_write(int descriptor, const struct iovec *pieces, int count, ssize_t *sent) {
  if (!connection_is_known(descriptor) || !lock_enter()) return false;
  *sent = connection_write(descriptor, pieces, count);
  int error = errno;
  lock_leave();
  errno = error;
  return true;
}

static bool received(int descriptor, const struct msghdr *message, const unsigned char *bytes,
                     size_t length) {
  Address address;
  Socket *socket = socket_lookup(descriptor);
  if (!socket) socket = socket_of(descriptor);
  if (!socket || !socket->batched) return true;
  socklen_t address_length =
      address_of(socket, message->msg_name, message->msg_namelen, &address);
  return address_length == 0 || !path_received(socket, &address, address_length, bytes, length);
}

bool guard_received(int descriptor, const struct msghdr *message, size_t length) {
  /* Without a name it is a stream. */
  if (!message->msg_name || message->msg_namelen == 0 || message->msg_iovlen == 0) return true;
  const struct iovec *piece = &message->msg_iov[0];
  const unsigned char *bytes = piece->iov_base;
  if (length > piece->iov_len) return true;
  bool oversize = length > RTP_BYTES_MAX && is_rtp_or_rtcp(bytes, length);
  if (!oversize && !paths_count_received() && !is_stun(bytes, length)) return true;
  int error = errno;
  if (!lock_enter()) return true;
  bool wanted = !oversize && received(descriptor, message, bytes, length);
  stats->oversize += oversize;
  lock_leave();
  errno = error;
  return wanted;
}
