/* The UDP sockets whose datagrams may be batched. */
#ifndef EGRESS_SOCKETS_H
#define EGRESS_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether the kernel accepts more from a socket; if not, why. */
typedef enum { FLOWING, BUFFER_FULL, NO_BUFFERS } Flow;

typedef struct Socket {
  /* One of the socket's descriptors: after dup() it has several. */
  int descriptor;
  unsigned descriptors;
  ino_t inode;
  int family;
  /* False after a change that may affect `family` or `batched`. */
  bool inspected;
  /* An unconnected, non-blocking UDP socket. On all other sockets everything is sent directly. */
  bool batched;
  bool can_segment;
  /* The worker has answered ICE checks on it. */
  bool ice;
  unsigned refusals;
  Flow flow;
  /* Destinations that have queued datagrams, in the order of their first datagram. */
  struct Destination *first, *last;
  struct Socket *next_waiting;
} Socket;

/* The socket of a descriptor, inspected again if nothing is queued on it; null if it is no socket. */
Socket *socket_of(int descriptor);
/* The same without inspection: null if socket_of() was never called for it. */
Socket *socket_lookup(int descriptor);
/* True if the descriptor still belongs to that socket: the library does not see every close. */
bool socket_is_open(const Socket *socket);
/* Call this when the descriptor is closed or about to change. If it is the socket's last one, nothing
   may be queued on the socket. */
void socket_forget(int descriptor);

#endif
