/* EGRESS-3: which errors callers get, and that nothing is lost or sent twice if the kernel refuses. */
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <fcntl.h>

static Kernel real;
/* The error for the next calls with a segmented message, and with any message; 0 for none. `at_most`
   is the number of messages that one call accepts; 0 for no limit. */
static int for_segmented, for_any, at_most;
/* Number of calls for which `for_any` applies; 0 for no limit. */
static int for_calls;

static int scripted_sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags) {
  unsigned good = 0;
  while (good < count && !(for_segmented && messages[good].msg_hdr.msg_controllen > 0)) good++;
  errno = for_any ? for_any : for_segmented;
  if (for_any && for_calls && --for_calls == 0) return for_any = 0, -1;
  if (for_any || good == 0) return -1;
  if (at_most && good > (unsigned)at_most) good = (unsigned)at_most;
  return real.sendmmsg(descriptor, messages, good, flags);
}

static ssize_t scripted_sendmsg(int descriptor, const struct msghdr *message, int flags) {
  errno = for_any;
  return for_any ? -1 : real.sendmsg(descriptor, message, flags);
}

static void script(void) {
  real = kernel;
  kernel.sendmmsg = scripted_sendmmsg;
  kernel.sendmsg = scripted_sendmsg;
}

static void send_burst(int from, const Name *to, unsigned first, unsigned count) {
  for (unsigned n = first; n < first + count; n++) check(send_numbered(from, to, n, 1200) == 1200);
}

static void expect_burst(int to, unsigned first, unsigned count) {
  for (unsigned n = first; n < first + count; n++) expect_datagram(to, n, 1200);
  expect_nothing(to);
}

static void full_buffer(void) {
  script();
  int from = udp(AF_INET), other = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  send_burst(from, &name, 0, 5);
  for_any = EAGAIN;
  turn(0);
  /* What is queued stays queued. Nothing more is queued, and nothing overtakes it. */
  check(send_numbered(from, &name, 5, 1200) == -1 && errno == EAGAIN);
  check(send_numbered(from, &name, 5, 5000) == -1 && errno == EAGAIN);
  expect_nothing(to);
  for_any = 0;
  check(send_numbered(from, &name, 5, 1200) == 1200);
  expect_burst(to, 0, 5);
  turn(0);
  expect_burst(to, 5, 1);
  check(send_numbered(other, &name, 6, 1200) == 1200);
  turn(0);
  expect_burst(to, 6, 1);
  check(stats->lost == 0 && stats->blocked > 0);
}

static void full_buffer_and_a_sleeping_loop(void) {
  script();
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  send_burst(from, &name, 0, 5);
  for_any = EAGAIN;
  for_calls = 3;
  /* Nothing is sent and no event comes: the loop's own wait tries again. */
  turn(50);
  expect_burst(to, 0, 5);
  check(stats->blocked == 3);
}

static void no_buffers(void) {
  script();
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  send_burst(from, &name, 0, 5);
  for_any = ENOBUFS;
  turn(0);
  check(send_numbered(from, &name, 5, 1200) == -1 && errno == ENOBUFS);
  for_any = 0;
  turn(0);
  expect_burst(to, 0, 5);
  check(stats->lost == 0);
}

static void device_without_segments(void) {
  script();
  int from = udp(AF_INET), other = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  for_segmented = EIO;
  send_burst(from, &name, 0, 5);
  turn(0);
  expect_burst(to, 0, 5);
  check(stats->refused == 1 && stats->sockets_without_segments == 1);
  /* The library remembers this for this socket only. */
  send_burst(from, &name, 5, 5);
  turn(0);
  expect_burst(to, 5, 5);
  check(stats->refused == 1);
  for_segmented = 0;
  send_burst(other, &name, 10, 5);
  turn(0);
  expect_burst(to, 10, 5);
  check(stats->segmented == 5);
}

static void blocked_while_sending_singly(void) {
  script();
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  for_segmented = EIO;
  send_burst(from, &name, 0, 3);
  send_numbered(from, &name, 3, 700);
  send_numbered(from, &name, 4, 1200);
  for_any = EAGAIN;
  turn(0);
  for_any = 0;
  turn(0);
  for (unsigned n = 0; n < 5; n++) expect_datagram(to, n, n == 3 ? 700 : 1200);
  check(stats->lost == 0);
}

static void checksum_switched_off(void) {
  int from = udp(AF_INET), to = udp(AF_INET), yes = 1;
  Name name = name_of(to);
  /* The kernel refuses to segment for such a socket, with EINVAL, which a wrong size causes too. */
  check(setsockopt(from, SOL_SOCKET, SO_NO_CHECK, &yes, sizeof yes) == 0);
  for (unsigned n = 0; n < 20; n++) {
    send_burst(from, &name, n * 3, 3);
    turn(0);
    expect_burst(to, n * 3, 3);
  }
  check(stats->refused == REFUSALS_MAX && stats->sockets_without_segments == 1);
  check(stats->lost == 0 && stats->single == 60);
}

static void a_narrow_path(void) {
  enter_own_network("ip link set lo mtu 1000");
  int from = udp(AF_INET), to = udp(AF_INET), small = udp(AF_INET);
  Name name = name_of(to), small_name = name_of(small);
  /* The kernel fragments single datagrams of this size, and refuses to segment them. */
  for (unsigned n = 0; n < 40; n++) {
    send_burst(from, &name, n * 3, 3);
    for (unsigned m = 0; m < 3; m++) send_numbered(from, &small_name, m, 500);
    turn(0);
    expect_burst(to, n * 3, 3);
    for (unsigned m = 0; m < 3; m++) expect_datagram(small, m, 500);
  }
  /* Messages to other destinations are still segmented. */
  check(stats->refused == 40 && stats->sockets_without_segments == 0 && stats->segmented == 120);
}

static void nowhere_to_send(void) {
  enter_own_network("true");
  int to = udp(AF_INET), unbound = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  Name name = name_of(to), nowhere = name;
  nowhere.v4.sin_addr.s_addr = htonl(0x0a636363);
  send_burst(unbound, &nowhere, 0, 3);
  send_burst(unbound, &name, 0, 3);
  turn(0);
  expect_burst(to, 0, 3);
  check(stats->lost == 3);
  /* From now on the caller gets the error of sendto. */
  check(send_numbered(unbound, &nowhere, 3, 1200) == -1 && errno == ENETUNREACH);
  check(send_numbered(unbound, &nowhere, 4, 1200) == -1 && errno == ENETUNREACH);
  send_burst(unbound, &name, 3, 3);
  turn(0);
  expect_burst(to, 3, 3);
  /* Now there is a route: the first successful send ends this state. */
  if (system("ip addr add 10.99.99.99/32 dev lo") != 0) skip("no address can be added");
  check(send_numbered(unbound, &nowhere, 5, 1200) == 1200);
  uint64_t queued = stats->queued;
  check(send_numbered(unbound, &nowhere, 6, 1200) == 1200);
  check(stats->queued == queued + 1);
  turn(0);
}

static void bad_arguments(void) {
  int from = udp(AF_INET);
  Name name = name_of(udp(AF_INET));
  Name portless = name, foreign = name;
  portless.v4.sin_port = 0;
  foreign.v4.sin_family = AF_UNIX;
  check(send_numbered(from, &portless, 0, 100) == -1 && errno == EINVAL);
  check(sendto(from, "x", 1, 0, &foreign.any, sizeof name.v4) == -1 && errno == EAFNOSUPPORT);
  check(sendto(from, "x", 1, 0, &name.any, 3) == -1 && errno == EINVAL);
  check(sendto(from, "x", 1, 0, 0, 0) == -1 && errno == EDESTADDRREQ);
  check(sendto(-1, "x", 1, 0, &name.any, sizeof name.v4) == -1 && errno == EBADF);
  check(sendto(99999, "x", 1, 0, &name.any, sizeof name.v4) == -1 && errno == EBADF);
  int file = open("/dev/null", O_WRONLY);
  check(sendto(file, "x", 1, 0, &name.any, sizeof name.v4) == -1 && errno == ENOTSOCK);
  turn(0);
  check(stats->queued == 0);
}

/* A real device that is slower than the sender: its queue fills the socket's buffer. */
static void a_slow_device(void) {
  enter_own_network("tc qdisc add dev lo root tbf rate 200mbit burst 20kb limit 10mb");
  int from = udp(AF_INET), to = udp(AF_INET), small = 1;
  Name name = name_of(to);
  check(setsockopt(from, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
  /* On a busy machine all datagrams may arrive before this process runs again. */
  int all = 16 * 1024 * 1024;
  check(setsockopt(to, SOL_SOCKET, SO_RCVBUFFORCE, &all, sizeof all) == 0);
  unsigned refused = 0, next = 0;
  for (unsigned n = 0; n < 3000;) {
    for (unsigned burst = 0; burst < 20 && n < 3000; burst++) {
      if (send_numbered(from, &name, n, 1200) == 1200) n++;
      else {
        check(errno == EAGAIN);
        refused++;
        break;
      }
    }
    turn(0);
    for (int number; (number = receive_number(to)) >= 0;) check((unsigned)number == next++);
  }
  while (next < 3000) {
    turn(1);
    for (int number; (number = receive_number(to)) >= 0;) check((unsigned)number == next++);
  }
  check(refused > 0 && stats->blocked > 0 && stats->lost == 0);
}

/* Receives what has arrived: no datagram twice, and none out of order. */
static void receive_rising(int descriptor, unsigned *next) {
  for (int number; (number = receive_number(descriptor)) >= 0; *next = (unsigned)number + 1) {
    check((unsigned)number >= *next);
  }
}

/* A device that drops what its queue can't hold, and a socket that asks for errors (IP_RECVERR). */
static void a_device_that_drops(void) {
  enter_own_network("tc qdisc add dev lo root tbf rate 80mbit burst 15kb limit 15kb");
  int from = udp(AF_INET), to = udp(AF_INET), yes = 1;
  Name name = name_of(to);
  check(setsockopt(from, IPPROTO_IP, IP_RECVERR, &yes, sizeof yes) == 0);
  unsigned next = 0, refused = 0;
  /* On a busy machine the device may keep pace for a while. */
  for (unsigned n = 0; n < 2000 || (refused == 0 && n < 100000);) {
    if (send_numbered(from, &name, n, 1200) == 1200) n++;
    else {
      check(errno == ENOBUFS);
      refused++;
    }
    if (n % 3 == 0) turn(0);
    receive_rising(to, &next);
  }
  turn(20);
  receive_rising(to, &next);
  /* The device drops some datagrams without an error, too. */
  check(next > 0 && refused > 0 && stats->lost == 0);
}

static void any_answer_at_random(void) {
  enum { TO = 8, ROUNDS = 400 };
  static const int ANSWERS[] = {0, 0, 0, EAGAIN, ENOBUFS, EINTR, ENOMEM};
  static const int REFUSALS[] = {0, 0, 0, 0, EINVAL, EMSGSIZE};
  script();
  int from = udp(AF_INET), to[TO];
  Name names[TO];
  unsigned sent[TO] = {0}, next[TO] = {0};
  for (int i = 0; i < TO; i++) names[i] = name_of(to[i] = udp(AF_INET));
  srand(11);
  for (int round = 0; round < ROUNDS; round++) {
    for (int burst = rand() % 60; burst > 0; burst--) {
      int t = rand() % TO;
      if (send_numbered(from, &names[t], sent[t], rand() % 3 ? 1100 : 4 + (size_t)(rand() % 2000)) >= 0) {
        sent[t]++;
      } else check(errno == EAGAIN || errno == ENOBUFS || errno == EINTR || errno == ENOMEM);
    }
    int answer = ANSWERS[rand() % 7];
    /* EINTR for ever does not happen on a real machine. */
    for_any = answer == EINTR ? 0 : answer;
    for_segmented = REFUSALS[rand() % 6];
    at_most = rand() % 4;
    turn(0);
    for (int t = 0; t < TO; t++) {
      for (int number; (number = receive_number(to[t])) >= 0;) check((unsigned)number == next[t]++);
    }
  }
  for_any = for_segmented = at_most = 0;
  turn(0);
  for (int t = 0; t < TO; t++) {
    for (int number; (number = receive_number(to[t])) >= 0;) check((unsigned)number == next[t]++);
  }
  check(memcmp(sent, next, sizeof sent) == 0 && stats->lost == 0);
}

const Test ERROR_TESTS[] = {
    {"EGRESS-3 a full send buffer: the queue waits, nothing more is queued", full_buffer},
    {"EGRESS-3 a full send buffer while the loop sleeps", full_buffer_and_a_sleeping_loop},
    {"EGRESS-3 the kernel is out of buffers", no_buffers},
    {"EGRESS-3 a device that cannot segment: remembered per socket", device_without_segments},
    {"EGRESS-3 a full send buffer while datagrams are sent one by one", blocked_while_sending_singly},
    {"EGRESS-3 a socket without checksums: the kernel refuses to segment", checksum_switched_off},
    {"EGRESS-3 a path with an MTU below the size of the datagrams", a_narrow_path},
    {"EGRESS-3 an unreachable destination: the next datagram returns the error",
     nowhere_to_send},
    {"EGRESS-3 bad arguments return the kernel's error", bad_arguments},
    {"EGRESS-3 a device slower than the sender", a_slow_device},
    {"EGRESS-3 a device that drops datagrams", a_device_that_drops},
    {"EGRESS-3 random errors of the kernel", any_answer_at_random},
    {0},
};
