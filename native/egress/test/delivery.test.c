/* EGRESS-1: every datagram arrives unchanged, and in order for each destination. */
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>

enum { VIEWERS = 6 };

static void a_burst_of_equal_ones(void) {
  int from = udp(AF_INET), to[VIEWERS];
  for (int i = 0; i < VIEWERS; i++) to[i] = udp(AF_INET);
  for (unsigned n = 0; n < 5; n++) {
    for (int i = 0; i < VIEWERS; i++) {
      Name name = name_of(to[i]);
      check(send_numbered(from, &name, n, 1200) == 1200);
    }
  }
  expect_nothing(to[0]);
  turn(0);
  for (int i = 0; i < VIEWERS; i++) {
    for (unsigned n = 0; n < 5; n++) expect_datagram(to[i], n, 1200);
    expect_nothing(to[i]);
  }
  check(stats->segmented == 5 * VIEWERS && stats->messages == VIEWERS && stats->calls == 1);
}

static void sizes_that_differ(void) {
  static const size_t SIZES[] = {1190, 1190, 1191, 1191, 1190, 12, 12, 1472, 1, 1, 1};
  enum { COUNT = sizeof SIZES / sizeof *SIZES };
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  for (unsigned n = 0; n < COUNT; n++) check(send_numbered(from, &name, n, SIZES[n]) == (ssize_t)SIZES[n]);
  turn(0);
  for (unsigned n = 0; n < COUNT; n++) expect_datagram(to, n, SIZES[n]);
  expect_nothing(to);
  /* 1190 1190 | 1191 1191 1190 | 12 12 | 1472 1 | 1 1 */
  check(stats->messages == 5 && stats->segmented == COUNT);
}

static void more_than_one_message_holds(void) {
  int from = udp(AF_INET), to = udp(AF_INET), large = udp(AF_INET);
  Name name = name_of(to), large_name = name_of(large);
  for (unsigned n = 0; n < 130; n++) check(send_numbered(from, &name, n, 100) == 100);
  for (unsigned n = 0; n < 60; n++) check(send_numbered(from, &large_name, n, 1400) == 1400);
  turn(0);
  for (unsigned n = 0; n < 130; n++) expect_datagram(to, n, 100);
  for (unsigned n = 0; n < 60; n++) expect_datagram(large, n, 1400);
  /* 64 + 64 + 2 and 46 + 14 */
  check(stats->messages == 5 && stats->refused == 0);
}

static void every_size(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  check(send_numbered(from, &name, 1, 100) == 100);
  /* A datagram that is not queued is sent at once, after the queued ones. */
  check(send_numbered(from, &name, 2, 65507) == 65507);
  expect_datagram(to, 1, 100);
  expect_datagram(to, 2, 65507);
  check(sendto(from, "", 0, 0, &name.any, length_of(&name)) == 0);
  char byte;
  check(recv(to, &byte, 1, 0) == 0);
  check(send_numbered(from, &name, 3, 65508) == -1 && errno == EMSGSIZE);
  check(send_numbered(from, &name, 4, 1473) == 1473);
  expect_datagram(to, 4, 1473);
  check(stats->queued == 1);
}

static void ipv6_and_mapped_ipv4(void) {
  int six = udp(AF_INET6), four = udp(AF_INET), to_six = udp(AF_INET6), to_four = udp(AF_INET);
  Name six_name = name_of(to_six), four_name = name_of(to_four);
  Name mapped = {.v6 = {.sin6_family = AF_INET6, .sin6_port = four_name.v4.sin_port}};
  memset(&mapped.v6.sin6_addr.s6_addr[10], 0xff, 2);
  memcpy(&mapped.v6.sin6_addr.s6_addr[12], &four_name.v4.sin_addr, 4);
  for (unsigned n = 0; n < 3; n++) {
    check(send_numbered(six, &six_name, n, 1200) == 1200);
    check(send_numbered(six, &mapped, n, 1200) == 1200);
  }
  for (unsigned n = 3; n < 6; n++) check(send_numbered(four, &four_name, n, 1200) == 1200);
  /* Only the kernel can judge an IPv4 address on an IPv6 socket: it is sent directly. */
  check(send_numbered(six, &four_name, 6, 1200) == 1200);
  expect_datagram(to_four, 0, 1200);
  expect_datagram(to_four, 1, 1200);
  expect_datagram(to_four, 2, 1200);
  expect_datagram(to_four, 6, 1200);
  turn(0);
  for (unsigned n = 0; n < 3; n++) expect_datagram(to_six, n, 1200);
  for (unsigned n = 3; n < 6; n++) expect_datagram(to_four, n, 1200);
  check(stats->segmented == 9 && stats->messages == 3);
}

static void pieces_and_many_at_once(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  struct iovec pieces[] = {{"ab", 2}, {0, 0}, {"cde", 3}};
  struct mmsghdr messages[3];
  for (int i = 0; i < 3; i++) {
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &name,
                                               .msg_namelen = length_of(&name),
                                               .msg_iov = pieces,
                                               .msg_iovlen = 3}};
  }
  check(sendmmsg(from, messages, 3, 0) == 3 && messages[2].msg_len == 5);
  turn(0);
  for (int i = 0; i < 3; i++) {
    char bytes[6];
    check(recv(to, bytes, sizeof bytes, 0) == 5 && memcmp(bytes, "abcde", 5) == 0);
  }
  check(stats->segmented == 3);
}

static void more_than_the_queue_holds(void) {
  enum { HERE = 64, EACH = QUEUE_DATAGRAMS_MAX / HERE + 40 };
  int from = udp(AF_INET), to[HERE];
  Name names[HERE];
  for (int i = 0; i < HERE; i++) names[i] = name_of(to[i] = udp(AF_INET));
  for (unsigned n = 0; n < EACH; n++) {
    for (int i = 0; i < HERE; i++) check(send_numbered(from, &names[i], n, 40) == 40);
  }
  turn(0);
  for (int i = 0; i < HERE; i++) {
    for (unsigned n = 0; n < EACH; n++) expect_datagram(to[i], n, 40);
  }
  check(stats->queued == HERE * EACH && stats->lost == 0);
}

static void more_destinations_than_are_remembered(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to), other = name;
  for (unsigned n = 0; n < DESTINATIONS_MAX * 2 + 10; n++) {
    other.v4.sin_addr.s_addr = htonl(0x7f100000 + n);
    check(send_numbered(from, &other, n, 40) == 40);
    if (n % 1000 == 0) check(send_numbered(from, &name, n / 1000, 40) == 40);
  }
  turn(0);
  for (unsigned n = 0; n <= DESTINATIONS_MAX * 2 / 1000; n++) expect_datagram(to, n, 40);
  expect_nothing(to);
}

static void anything_at_random(void) {
  enum { FROM = 3, TO = 20, ROUNDS = 200 };
  int from[FROM], to[TO];
  Name names[TO];
  unsigned sent[FROM][TO] = {0}, next[FROM][TO] = {0};
  for (int i = 0; i < FROM; i++) from[i] = udp(AF_INET);
  for (int i = 0; i < TO; i++) names[i] = name_of(to[i] = udp(AF_INET));
  srand(7);
  for (int round = 0; round < ROUNDS; round++) {
    int common = 4 + rand() % 1400;
    for (int burst = rand() % 150; burst > 0; burst--) {
      int f = rand() % FROM, t = rand() % TO;
      size_t length = (size_t)(rand() % 4 ? common : 4 + rand() % 1600);
      unsigned number = (unsigned)f * 20000 + sent[f][t]++;
      check(send_numbered(from[f], &names[t], number, length) == (ssize_t)length);
    }
    turn(0);
    for (int t = 0; t < TO; t++) {
      for (int number; (number = receive_number(to[t])) >= 0;) {
        int f = number / 20000;
        check((unsigned)number % 20000 == next[f][t]++);
      }
    }
  }
  check(memcmp(sent, next, sizeof sent) == 0);
  check(stats->lost == 0 && stats->refused == 0 && stats->segmented > 0);
}

const Test DELIVERY_TESTS[] = {
    {"EGRESS-1 a burst of datagrams of one size is sent as one message per destination",
     a_burst_of_equal_ones},
    {"EGRESS-1 datagrams of different sizes", sizes_that_differ},
    {"EGRESS-1 more datagrams than fit into one message", more_than_one_message_holds},
    {"EGRESS-1 every size from 0 to 65,507 bytes", every_size},
    {"EGRESS-1 IPv6, and IPv4-mapped addresses", ipv6_and_mapped_ipv4},
    {"EGRESS-1 datagrams in several pieces, several in one call", pieces_and_many_at_once},
    {"EGRESS-1 more datagrams than fit into the queue", more_than_the_queue_holds},
    {"EGRESS-1 more destinations than fit into the table", more_destinations_than_are_remembered},
    {"EGRESS-1 random bursts", anything_at_random},
    {0},
};
