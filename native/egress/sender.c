#define _GNU_SOURCE
#include "sender.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#include "kernel.h"
#include "limits.h"
#include "queue.h"
#include "stats.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* The next message to a destination: one or more of its datagrams. */
typedef struct {
  Destination *to;
  uint32_t head;
  unsigned datagrams;
} PendingMessage;

typedef union {
  struct cmsghdr header;
  char space[CMSG_SPACE(sizeof(uint16_t))];
} SegmentSize;

/* Only one thread sends at a time, because it holds the library's lock. Static, because the stack is
   the application's and may be too small. */
static PendingMessage pending_messages[MESSAGES_MAX];
static struct mmsghdr messages[MESSAGES_MAX];
static struct iovec pieces[PIECES_MAX];
static SegmentSize sizes[MESSAGES_MAX];

int errno_of(Flow flow) { return flow == NO_BUFFERS ? ENOBUFS : EAGAIN; }

Flow flow_of(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return BUFFER_FULL;
  return error == ENOBUFS || error == ENOMEM ? NO_BUFFERS : FLOWING;
}

/* The kernel cuts a message into segments of equal size; only the last may be shorter. */
unsigned segments_from(uint32_t index) {
  unsigned size = queue_datagrams[index].length, sum = 0, count = 0;
  while (index != NONE && count < SEGMENTS_MAX) {
    unsigned length = queue_datagrams[index].length;
    if (length > size || sum + length > MESSAGE_BYTES_MAX) break;
    sum += length;
    count++;
    if (length < size) break;
    index = queue_datagrams[index].next;
  }
  return count;
}

static void write_message(struct msghdr *message, const PendingMessage *pending, struct iovec *piece,
                          SegmentSize *size) {
  *message = (struct msghdr){.msg_name = &pending->to->address,
                             .msg_namelen = pending->to->address_length,
                             .msg_iov = piece,
                             .msg_iovlen = pending->datagrams};
  uint32_t index = pending->head;
  for (unsigned i = 0; i < pending->datagrams; i++) {
    const Datagram *datagram = &queue_datagrams[index];
    piece[i] = (struct iovec){queue_bytes + datagram->offset, datagram->length};
    index = datagram->next;
  }
  if (pending->datagrams == 1) return;
  uint16_t bytes = queue_datagrams[pending->head].length;
  size->header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof bytes),
                                  .cmsg_level = IPPROTO_UDP,
                                  .cmsg_type = UDP_SEGMENT};
  memcpy(CMSG_DATA(&size->header), &bytes, sizeof bytes);
  message->msg_control = size;
  message->msg_controllen = sizeof *size;
}

/* Fills `messages` with the socket's next messages, in order. Returns their number. */
static unsigned next_messages(const Socket *socket) {
  unsigned count = 0, used = 0;
  for (Destination *to = socket->first; to; to = to->next) {
    for (uint32_t head = to->head; head != NONE;) {
      unsigned datagrams = socket->can_segment ? segments_from(head) : 1;
      if (count == MESSAGES_MAX || used + datagrams > PIECES_MAX) return count;
      pending_messages[count] = (PendingMessage){.to = to, .head = head, .datagrams = datagrams};
      write_message(&messages[count].msg_hdr, &pending_messages[count], &pieces[used], &sizes[count]);
      for (unsigned i = 0; i < datagrams; i++) head = queue_datagrams[head].next;
      used += datagrams;
      count++;
    }
  }
  return count;
}

static void record_sent(Socket *socket, const PendingMessage *pending) {
  stats->messages++;
  if (pending->datagrams == 1) stats->single++;
  else {
    stats->segmented += pending->datagrams;
    socket->refusals = 0;
  }
  for (unsigned i = 0; i < pending->datagrams; i++) queue_remove_first(socket);
}

static void record_lost(Socket *socket, Destination *to) {
  stats->lost++;
  to->last_failed = true;
  queue_remove_first(socket);
}

/* True if the error means that the kernel accepts no more for the moment. */
static bool is_blocked(Socket *socket, int error) {
  socket->flow = flow_of(error);
  if (socket->flow != FLOWING) stats->blocked++;
  return socket->flow != FLOWING;
}

static void record_refused(Socket *socket, int error) {
  stats->refused++;
  socket->refusals++;
  /* Either the device cannot segment, or the MTU of the path is smaller than the datagrams: the
     kernel then fragments single datagrams, but refuses to segment. */
  bool permanent = error == EIO || error == EOPNOTSUPP || error == ENOPROTOOPT;
  if (!socket->can_segment || (!permanent && socket->refusals < REFUSALS_MAX)) return;
  socket->can_segment = false;
  stats->sockets_without_segments++;
}

/* Sends the datagrams of a refused message one by one. False if the kernel accepts no more. */
static bool send_one_by_one(Socket *socket, const PendingMessage *pending, int error) {
  bool any_sent = false, unblocked = true;
  for (unsigned i = 0; i < pending->datagrams && unblocked;) {
    PendingMessage single = {.to = pending->to, .head = pending->to->head, .datagrams = 1};
    struct msghdr message;
    struct iovec piece;
    write_message(&message, &single, &piece, 0);
    stats->calls++;
    if (kernel.sendmsg(socket->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      record_sent(socket, &single);
      any_sent = true;
      i++;
    } else if (is_blocked(socket, errno)) {
      unblocked = false;
    } else if (errno != EINTR) {
      record_lost(socket, pending->to);
      i++;
    }
  }
  if (any_sent) record_refused(socket, error);
  return unblocked;
}

/* False if the kernel accepts no more for the moment. */
static bool send_messages(Socket *socket, unsigned count) {
  for (unsigned next = 0; next < count;) {
    int sent = kernel.sendmmsg(socket->descriptor, messages + next, count - next,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
    stats->calls++;
    for (int i = 0; i < sent; i++) record_sent(socket, &pending_messages[next++]);
    if (sent > 0 || errno == EINTR) continue;
    /* errno is the reason why the first of the remaining messages was not sent. */
    if (is_blocked(socket, errno)) return false;
    if (pending_messages[next].datagrams == 1) record_lost(socket, pending_messages[next].to);
    else if (!send_one_by_one(socket, &pending_messages[next], errno)) return false;
    next++;
  }
  return true;
}

void drop_socket(Socket *socket) {
  while (socket->first) record_lost(socket, socket->first);
  socket->flow = FLOWING;
}

bool send_socket(Socket *socket) {
  socket->flow = FLOWING;
  if (socket->first && !socket_is_open(socket)) drop_socket(socket);
  while (socket->first) {
    if (!send_messages(socket, next_messages(socket))) return false;
  }
  return true;
}

bool send_all(void) {
  bool all = true;
  for (Socket *socket = queue_sockets; socket; socket = socket->next_waiting) {
    all = send_socket(socket) && all;
  }
  queue_clean_up();
  return all;
}
