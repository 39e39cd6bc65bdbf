/* The addresses that a socket sends to, and the datagrams queued for each. */
#ifndef EGRESS_DESTINATIONS_H
#define EGRESS_DESTINATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "budget.h"
#include "sockets.h"

/* Index that means "no datagram". */
#define NONE UINT32_MAX

typedef struct Destination {
  Socket *socket;
  Address address;
  socklen_t address_length;
  /* A queued datagram failed. Until a send succeeds, each datagram is sent directly, so that the
     caller gets the kernel's error. */
  bool last_failed;
  Budget budget;
  /* It receives, or need not show that it does: see paths.h. */
  bool proved;
  /* Datagrams queued for this destination, oldest first. */
  uint32_t head, tail;
  /* The next destination of the same socket that has queued datagrams. */
  struct Destination *next;
} Destination;

/* Null if the table is full: see destinations_clear(). */
Destination *destination_of(Socket *socket, const Address *address, socklen_t length);

/* Forgets all destinations. Allowed only while nothing is queued. */
void destinations_clear(void);

#endif
