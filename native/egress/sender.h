/* Passes queued datagrams to the kernel, in segmented messages where possible. */
#ifndef EGRESS_SENDER_H
#define EGRESS_SENDER_H

#include <stdbool.h>

#include "sockets.h"

/* How many of the datagrams from `index` on fit into one segmented message. */
unsigned segments_from(uint32_t index);

/* Returns true if everything was sent. Otherwise socket->flow is the reason why the rest waits. */
bool send_socket(Socket *socket);
/* The same for every socket. */
bool send_all(void);

/* Drops what is queued on the socket, and counts it as lost. */
void drop_socket(Socket *socket);

/* The errno that the kernel returns while it accepts no more. */
int errno_of(Flow flow);
/* FLOWING for every other errno. */
Flow flow_of(int error);

#endif
