#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <unistd.h>

void skip(const char *why) {
  printf("%s\n", why);
  fflush(stdout);
  _exit(77);
}

int udp(int family) {
  int descriptor = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0 && family == AF_INET6) skip("no IPv6 here");
  check(descriptor >= 0);
  Name name = {.v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
  if (family == AF_INET6) {
    int both = 0;
    name = (Name){.v6 = {.sin6_family = AF_INET6}};
    check(setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both) == 0);
  }
  check(bind(descriptor, &name.any, length_of(&name)) == 0);
  return descriptor;
}

Name name_of(int descriptor) {
  Name name = {0};
  socklen_t length = sizeof name;
  check(getsockname(descriptor, &name.any, &length) == 0);
  if (name.any.sa_family == AF_INET6) name.v6.sin6_addr = in6addr_loopback;
  return name;
}

socklen_t length_of(const Name *name) {
  return name->any.sa_family == AF_INET ? sizeof name->v4 : sizeof name->v6;
}

void turn(int ms) {
  static int loop = -1;
  if (loop < 0) loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event;
  check(epoll_wait(loop, &event, 1, ms) == 0);
}

/* The datagram starts like RTP, so that it counts as media. */
static void fill(unsigned char *bytes, unsigned number, size_t length) {
  for (size_t i = 0; i < length; i++) bytes[i] = (unsigned char)(number * 31 + i);
  unsigned char start[] = {0x80, 100, (unsigned char)(number >> 8), (unsigned char)number};
  memcpy(bytes, start, length < sizeof start ? length : sizeof start);
}

ssize_t send_numbered(int descriptor, const Name *to, unsigned number, size_t length) {
  unsigned char bytes[65536];
  fill(bytes, number, length);
  ssize_t sent = sendto(descriptor, bytes, length, 0, &to->any, length_of(to));
  int error = errno;
  /* A caller may reuse its buffer at once. */
  memset(bytes, 0xee, length);
  errno = error;
  return sent;
}

static ssize_t next(int descriptor, unsigned char *bytes) {
  return recv(descriptor, bytes, 65536, MSG_DONTWAIT);
}

int receive_number(int descriptor) {
  unsigned char bytes[65536], expected[65536];
  ssize_t length = next(descriptor, bytes);
  if (length < 0) return -1;
  check(length >= 4);
  unsigned number = (unsigned)bytes[2] << 8 | bytes[3];
  fill(expected, number, (size_t)length);
  check(memcmp(bytes, expected, (size_t)length) == 0);
  return (int)number;
}

void expect_datagram(int descriptor, unsigned number, size_t length) {
  unsigned char bytes[65536], expected[65536];
  fill(expected, number, length);
  check(next(descriptor, bytes) == (ssize_t)length);
  check(memcmp(bytes, expected, length) == 0);
}

void expect_nothing(int descriptor) {
  unsigned char bytes[65536];
  check(next(descriptor, bytes) == -1 && errno == EAGAIN);
}

void enter_own_network(const char *setup) {
  if (unshare(CLONE_NEWNET) != 0) skip("a network namespace needs root");
  if (system("ip link set lo up") != 0 || system(setup) != 0) skip("no iproute2 here");
}
