#include "queue.h"

#include <string.h>

#include "limits.h"

Datagram queue_datagrams[QUEUE_DATAGRAMS_MAX];
unsigned char queue_bytes[QUEUE_BYTES_MAX];
Socket *queue_sockets;

/* Both only grow, and are reset when the queue is empty. */
static uint32_t datagrams_used, bytes_used;
static unsigned length;

unsigned queue_length(void) { return length; }

bool queue_has_room(size_t bytes) {
  return datagrams_used < QUEUE_DATAGRAMS_MAX && bytes_used + bytes <= QUEUE_BYTES_MAX;
}

static void add_to_list(Socket *socket) {
  for (Socket *waiting = queue_sockets; waiting; waiting = waiting->next_waiting) {
    if (waiting == socket) return;
  }
  socket->next_waiting = queue_sockets;
  queue_sockets = socket;
}

const unsigned char *queue_add(Destination *to, const struct msghdr *message, size_t bytes) {
  uint32_t index = datagrams_used++;
  unsigned char *copy = queue_bytes + bytes_used;
  queue_datagrams[index] =
      (Datagram){.offset = bytes_used, .next = NONE, .length = (uint16_t)bytes};
  size_t offset = 0;
  for (size_t i = 0; i < message->msg_iovlen; i++) {
    const struct iovec *piece = &message->msg_iov[i];
    if (piece->iov_len > 0) memcpy(copy + offset, piece->iov_base, piece->iov_len);
    offset += piece->iov_len;
  }
  /* Aligned, because it makes the copy here and in the kernel faster. */
  bytes_used += (uint32_t)(bytes + 15) & ~15u;
  length++;
  if (to->head != NONE) {
    queue_datagrams[to->tail].next = index;
  } else {
    Socket *socket = to->socket;
    to->head = index;
    to->next = 0;
    if (socket->first) socket->last->next = to;
    else {
      socket->first = to;
      add_to_list(socket);
    }
    socket->last = to;
  }
  to->tail = index;
  return copy;
}

void queue_remove_first(Socket *socket) {
  Destination *to = socket->first;
  to->head = queue_datagrams[to->head].next;
  length--;
  if (to->head == NONE) socket->first = to->next;
}

void queue_clean_up(void) {
  Socket **link = &queue_sockets;
  while (*link) {
    if ((*link)->first) link = &(*link)->next_waiting;
    else *link = (*link)->next_waiting;
  }
  if (length == 0) datagrams_used = bytes_used = 0;
}

void queue_clear(void) {
  for (Socket *socket = queue_sockets; socket; socket = socket->next_waiting) {
    while (socket->first) queue_remove_first(socket);
  }
  queue_clean_up();
}
