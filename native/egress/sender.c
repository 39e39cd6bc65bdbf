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

/* One message to come: some datagrams of one destination. */
typedef struct {
  Destination *to;
  uint32_t head;
  unsigned datagrams;
} Part;

typedef union {
  struct cmsghdr header;
  char space[CMSG_SPACE(sizeof(uint16_t))];
} SegmentSize;

/* One sender at a time: the library's lock is held. Too large for a stack that is not ours. */
static Part parts[MESSAGES_MAX];
static struct mmsghdr messages[MESSAGES_MAX];
static struct iovec pieces[PIECES_MAX];
static SegmentSize sizes[MESSAGES_MAX];

int errno_of(Flow flow) { return flow == NO_BUFFERS ? ENOBUFS : EAGAIN; }

Flow flow_of(int error) {
  if (error == EAGAIN || error == EWOULDBLOCK) return BUFFER_FULL;
  return error == ENOBUFS || error == ENOMEM ? NO_BUFFERS : FLOWING;
}

/* The kernel cuts a message into equal parts; only the last may be shorter. */
unsigned run_from(uint32_t index) {
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

static void write_message(struct msghdr *message, const Part *part, struct iovec *piece,
                          SegmentSize *size) {
  *message = (struct msghdr){.msg_name = &part->to->address,
                             .msg_namelen = part->to->address_length,
                             .msg_iov = piece,
                             .msg_iovlen = part->datagrams};
  uint32_t index = part->head;
  for (unsigned i = 0; i < part->datagrams; i++) {
    const Datagram *datagram = &queue_datagrams[index];
    piece[i] = (struct iovec){queue_bytes + datagram->offset, datagram->length};
    index = datagram->next;
  }
  if (part->datagrams == 1) return;
  uint16_t bytes = queue_datagrams[part->head].length;
  size->header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof bytes),
                                  .cmsg_level = IPPROTO_UDP,
                                  .cmsg_type = UDP_SEGMENT};
  memcpy(CMSG_DATA(&size->header), &bytes, sizeof bytes);
  message->msg_control = size;
  message->msg_controllen = sizeof *size;
}

/* The next messages of the socket, in order; how many there are. */
static unsigned next_messages(const Socket *socket) {
  unsigned count = 0, used = 0;
  for (Destination *to = socket->first; to; to = to->next) {
    for (uint32_t head = to->head; head != NONE;) {
      unsigned datagrams = socket->segments ? run_from(head) : 1;
      if (count == MESSAGES_MAX || used + datagrams > PIECES_MAX) return count;
      parts[count] = (Part){.to = to, .head = head, .datagrams = datagrams};
      write_message(&messages[count].msg_hdr, &parts[count], &pieces[used], &sizes[count]);
      for (unsigned i = 0; i < datagrams; i++) head = queue_datagrams[head].next;
      used += datagrams;
      count++;
    }
  }
  return count;
}

static void was_sent(Socket *socket, const Part *part) {
  stats->messages++;
  if (part->datagrams == 1) stats->single++;
  else {
    stats->segmented += part->datagrams;
    socket->refusals = 0;
  }
  for (unsigned i = 0; i < part->datagrams; i++) queue_remove_first(socket);
}

static void was_lost(Socket *socket, Destination *to) {
  stats->lost++;
  to->refuses = true;
  queue_remove_first(socket);
}

/* True if the kernel takes no more for now. */
static bool is_blocked(Socket *socket, int error) {
  socket->flow = flow_of(error);
  if (socket->flow != FLOWING) stats->blocked++;
  return socket->flow != FLOWING;
}

static void was_refused(Socket *socket, int error) {
  stats->refused++;
  socket->refusals++;
  /* The device cannot, or the path is narrower than the datagrams, which single ones survive. */
  bool for_good = error == EIO || error == EOPNOTSUPP || error == ENOPROTOOPT;
  if (!socket->segments || (!for_good && socket->refusals < REFUSALS_MAX)) return;
  socket->segments = false;
  stats->sockets_without_segments++;
}

/* The datagrams of a message that was refused, one by one. False if the kernel takes no more. */
static bool send_singly(Socket *socket, const Part *part, int error) {
  bool one_went = false, went_on = true;
  for (unsigned i = 0; i < part->datagrams && went_on;) {
    Part single = {.to = part->to, .head = part->to->head, .datagrams = 1};
    struct msghdr message;
    struct iovec piece;
    write_message(&message, &single, &piece, 0);
    stats->calls++;
    if (kernel.sendmsg(socket->descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      was_sent(socket, &single);
      one_went = true;
      i++;
    } else if (is_blocked(socket, errno)) {
      went_on = false;
    } else if (errno != EINTR) {
      was_lost(socket, part->to);
      i++;
    }
  }
  if (one_went) was_refused(socket, error);
  return went_on;
}

/* False if the kernel takes no more for now. */
static bool send_messages(Socket *socket, unsigned count) {
  for (unsigned at = 0; at < count;) {
    int sent = kernel.sendmmsg(socket->descriptor, messages + at, count - at,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
    stats->calls++;
    for (int i = 0; i < sent; i++) was_sent(socket, &parts[at++]);
    if (sent > 0 || errno == EINTR) continue;
    /* The first of them was not sent, for this reason. */
    if (is_blocked(socket, errno)) return false;
    if (parts[at].datagrams == 1) was_lost(socket, parts[at].to);
    else if (!send_singly(socket, &parts[at], errno)) return false;
    at++;
  }
  return true;
}

void drop_socket(Socket *socket) {
  while (socket->first) was_lost(socket, socket->first);
  socket->flow = FLOWING;
}

bool send_socket(Socket *socket) {
  socket->flow = FLOWING;
  if (socket->first && !socket_is_there(socket)) drop_socket(socket);
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
  queue_tidy();
  return all;
}
