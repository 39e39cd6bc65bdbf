/* Shared by the tests: real sockets on loopback, numbered datagrams, the turn of an event loop. */
#ifndef EGRESS_TEST_SUPPORT_H
#define EGRESS_TEST_SUPPORT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../egress.h"
#include "../kernel.h"
#include "../limits.h"
#include "../stats.h"

typedef struct {
  const char *name;
  void (*run)(void);
} Test;

extern const Test DELIVERY_TESTS[], ERROR_TESTS[], LIFE_TESTS[], TURN_TESTS[], BUDGET_TESTS[],
    CONNECTION_TESTS[], PATH_TESTS[];

/* If the condition is false, prints its place and ends the process with code 1. */
#define check(what)                                                        \
  do {                                                                     \
    if (!(what)) {                                                         \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);           \
      exit(1);                                                             \
    }                                                                      \
  } while (0)

/* Ends the process with code 77: this machine lacks something that the test needs. */
void skip(const char *why);

typedef union {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} Name;

/* Creates a bound, non-blocking UDP socket. */
int udp(int family);
Name name_of(int descriptor);
socklen_t length_of(const Name *name);

/* Ends the loop's turn: it waits for `ms` at most. */
void turn(int ms);

/* Sends a datagram of `length` bytes that contains `number`, and content computed from it. */
ssize_t send_numbered(int descriptor, const Name *to, unsigned number, size_t length);
/* Checks that the next datagram has that number and length. */
void expect_datagram(int descriptor, unsigned number, size_t length);
/* Receives the next datagram, checks its content and returns its number; -1 if
 * none has arrived yet. Does not wait. */
int receive_number(int descriptor);
void expect_nothing(int descriptor);

/* Moves the process to a network namespace with only loopback; `setup` is a shell command. */
void enter_own_network(const char *setup);

#endif
