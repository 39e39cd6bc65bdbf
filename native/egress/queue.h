/* The datagrams of one turn. They are copies, because a caller may reuse its buffers at once. */
#ifndef EGRESS_QUEUE_H
#define EGRESS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "destinations.h"

typedef struct {
  uint32_t offset;
  uint32_t next;
  uint16_t length;
} Datagram;

extern Datagram queue_datagrams[];
extern unsigned char queue_bytes[];

/* Number of datagrams that are queued and not yet sent. */
unsigned queue_length(void);
bool queue_has_room(size_t length);
/* Appends the message to its destination and returns the copy. The message has `length` bytes, and
   there is room for it. */
const unsigned char *queue_add(Destination *destination, const struct msghdr *message, size_t length);
/* Removes the oldest datagram of the socket's first destination. */
void queue_remove_first(Socket *socket);
/* Removes all datagrams, of every socket. */
void queue_clear(void);

/* List of the sockets that have queued datagrams, linked by `next_waiting`. */
extern Socket *queue_sockets;
/* Removes sockets without queued datagrams from the list, and frees the space of an empty queue. */
void queue_clean_up(void);

#endif
