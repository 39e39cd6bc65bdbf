/* Hands what is queued to the kernel, segmented where that can be. */
#ifndef EGRESS_SENDER_H
#define EGRESS_SENDER_H

#include <stdbool.h>

#include "sockets.h"

/* How many of the datagrams from `index` on make one message. */
unsigned run_from(uint32_t index);

/* True if nothing is left. What is left waits for the kernel: socket->flow tells for what. */
bool send_socket(Socket *socket);
/* The same for every socket. */
bool send_all(void);

/* What is queued on it counts as lost. */
void drop_socket(Socket *socket);

/* What the kernel says while it takes no more. */
int errno_of(Flow flow);
/* FLOWING for every errno that is no such thing. */
Flow flow_of(int error);

#endif
