/* The UDP sockets whose datagrams may be gathered. */
#ifndef EGRESS_SOCKETS_H
#define EGRESS_SOCKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Why a socket keeps what it has. */
typedef enum { FLOWING, BUFFER_FULL, NO_BUFFERS } Flow;

typedef struct Socket {
  /* One of its descriptors: dup() gives a socket several. */
  int descriptor;
  unsigned descriptors;
  ino_t inode;
  int family;
  /* False after a change that may alter the next. */
  bool looked_at;
  /* Bound to no peer, not blocking, UDP: else all that is sent on it goes its usual way. */
  bool gathers;
  bool segments;
  unsigned refusals;
  Flow flow;
  /* Destinations for which something is queued, in the order in which they came up. */
  struct Destination *first, *last;
  struct Socket *next_waiting;
} Socket;

/* The socket of a descriptor, looked at anew when nothing is queued on it; null if it is none. */
Socket *socket_of(int descriptor);
/* The same without a look: null if it was never asked for. */
Socket *socket_known(int descriptor);
/* Whether the descriptor still is that socket's: closed ones are not always seen. */
bool socket_is_there(const Socket *socket);
/* The descriptor is closed, or about to change. Nothing may be queued on a socket's last one. */
void socket_forget(int descriptor);

#endif
