/* The datagrams of one turn: copies, for the caller's buffers are its own again at once. */
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

/* Datagrams queued and not sent yet. */
unsigned queue_length(void);
bool queue_has_room(size_t length);
/* At the end of its destination's; gives the copy. The message has `length` bytes, and fits. */
const unsigned char *queue_add(Destination *destination, const struct msghdr *message, size_t length);
/* The oldest of the socket's first destination has been dealt with. */
void queue_remove_first(Socket *socket);
/* All that is queued, on every socket, is dropped. */
void queue_clear(void);

/* Sockets on which something is queued, one after another by `next_waiting`. */
extern Socket *queue_sockets;
/* Takes out those that have nothing left. */
void queue_tidy(void);

#endif
