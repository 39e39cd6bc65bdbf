/* EGRESS-2: how long a datagram may wait. */
#define _GNU_SOURCE
#include "support.h"

#include <poll.h>
#include <sys/epoll.h>

static uint64_t clock_us;

static uint64_t fake_clock(void) { return clock_us; }

static void a_long_turn(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  kernel.now_us = fake_clock;
  clock_us = 1000000;
  for (unsigned n = 0; n < 64; n++) check(send_numbered(from, &name, n, 100) == 100);
  expect_nothing(to);
  clock_us += TURN_MAX_US + 1;
  for (unsigned n = 64; n < 128; n++) check(send_numbered(from, &name, n, 100) == 100);
  /* They were sent although the turn has not ended. */
  for (unsigned n = 0; n < 128; n++) expect_datagram(to, n, 100);
}

static void without_a_window(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  check(send_numbered(from, &name, 1, 100) == 100);
  check(egress_turn_ends() == -1);
  expect_datagram(to, 1, 100);
}

static void with_a_window(void) {
  check(egress_open((EgressOptions){.window_us = 2500}));
  kernel.now_us = fake_clock;
  clock_us = 1000000;
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  check(send_numbered(from, &name, 1, 100) == 100);
  check(egress_turn_ends() == 3);
  clock_us += 1000;
  check(send_numbered(from, &name, 2, 100) == 100);
  check(egress_turn_ends() == 2);
  expect_nothing(to);
  clock_us += 1500;
  /* The window is counted from the first datagram. */
  check(egress_turn_ends() == -1);
  expect_datagram(to, 1, 100);
  expect_datagram(to, 2, 100);
  check(stats->messages == 1);
}

static void a_sleeping_loop(void) {
  check(egress_open((EgressOptions){.window_us = 2000}));
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  check(send_numbered(from, &name, 1, 100) == 100);
  int loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  check(epoll_ctl(loop, EPOLL_CTL_ADD, to, &event) == 0);
  /* Only the end of the window can wake the loop. */
  check(epoll_wait(loop, &event, 1, -1) == 1);
  expect_datagram(to, 1, 100);
}

static void answers_do_not_wait(void) {
  check(egress_open((EgressOptions){.window_us = 3000}));
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  check(send_numbered(from, &name, 1, 100) == 100);
  /* A STUN response, and RTCP. */
  static const unsigned char OTHERS[2][20] = {{0x01, 0x01}, {0x80, 200}};
  for (int i = 0; i < 2; i++) {
    check(sendto(from, OTHERS[i], 20, 0, &name.any, length_of(&name)) == 20);
    check(egress_turn_ends() == -1);
    if (i == 0) expect_datagram(to, 1, 100);
    unsigned char bytes[20];
    check(recv(to, bytes, sizeof bytes, 0) == 20 && memcmp(bytes, OTHERS[i], 20) == 0);
  }
}

static void window_at_most(void) {
  check(egress_open((EgressOptions){.window_us = 1000000}));
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  check(send_numbered(from, &name, 1, 100) == 100);
  check(egress_turn_ends() <= WINDOW_MAX_US / 1000);
}

const Test TURN_TESTS[] = {
    {"EGRESS-2 a long turn sends before it ends", a_long_turn},
    {"EGRESS-2 without a window everything is sent at the end of the turn", without_a_window},
    {"EGRESS-2 with a window media waits exactly that long", with_a_window},
    {"EGRESS-2 the end of the window wakes a sleeping loop", a_sleeping_loop},
    {"EGRESS-2 datagrams that are not media do not wait", answers_do_not_wait},
    {"EGRESS-2 a window is at most 3 ms", window_at_most},
    {0},
};
