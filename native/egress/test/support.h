/* What the tests share: real sockets on loopback, numbered datagrams, a loop's turn. */
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

extern const Test DELIVERY_TESTS[], ERROR_TESTS[], LIFE_TESTS[], TURN_TESTS[];

/* Ends the process with code 1 and where it was. */
#define check(what)                                                        \
  do {                                                                     \
    if (!(what)) {                                                         \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);           \
      exit(1);                                                             \
    }                                                                      \
  } while (0)

/* Ends the process with code 77: this machine lacks what the test needs. */
void skip(const char *why);

typedef union {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} Name;

/* A bound UDP socket that does not block. */
int udp(int family);
Name name_of(int descriptor);
socklen_t length_of(const Name *name);

/* The loop waits, for `ms` at most. */
void turn(int ms);

/* Sends a datagram of `length` bytes that tells `number` and is filled by it. */
ssize_t say(int descriptor, const Name *to, unsigned number, size_t length);
/* The next datagram must be that one. */
void hear(int descriptor, unsigned number, size_t length);
/* The number of the next one, whose content is checked; -1 if there is none. */
int heard(int descriptor);
void hear_nothing(int descriptor);


/* A network of our own with nothing but loopback; `setup` is a line of shell. */
void enter_own_network(const char *setup);

#endif
