/* EGRESS-3: what a caller is told, and that nothing is lost or doubled where the kernel refuses. */
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <fcntl.h>

static Kernel real;
/* What the next calls with a segmented message, and with any message, are answered; 0 for nothing. */
static int for_segmented, for_any, at_most;
/* After so many calls `for_any` is over; 0 for never. */
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

static void say_burst(int from, const Name *to, unsigned first, unsigned count) {
  for (unsigned n = first; n < first + count; n++) check(say(from, to, n, 1200) == 1200);
}

static void hear_burst(int to, unsigned first, unsigned count) {
  for (unsigned n = first; n < first + count; n++) hear(to, n, 1200);
  hear_nothing(to);
}

static void full_buffer(void) {
  script();
  int from = udp(AF_INET), other = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  say_burst(from, &name, 0, 5);
  for_any = EAGAIN;
  turn(0);
  /* What was taken stays taken; nothing more is, and nothing overtakes. */
  check(say(from, &name, 5, 1200) == -1 && errno == EAGAIN);
  check(say(from, &name, 5, 5000) == -1 && errno == EAGAIN);
  hear_nothing(to);
  for_any = 0;
  check(say(from, &name, 5, 1200) == 1200);
  hear_burst(to, 0, 5);
  turn(0);
  hear_burst(to, 5, 1);
  check(say(other, &name, 6, 1200) == 1200);
  turn(0);
  hear_burst(to, 6, 1);
  check(stats->lost == 0 && stats->blocked > 0);
}

static void full_buffer_and_a_sleeping_loop(void) {
  script();
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  say_burst(from, &name, 0, 5);
  for_any = EAGAIN;
  for_calls = 3;
  /* Nobody sends, nothing happens: the loop's own wait tries again. */
  turn(50);
  hear_burst(to, 0, 5);
  check(stats->blocked == 3);
}

static void no_buffers(void) {
  script();
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  say_burst(from, &name, 0, 5);
  for_any = ENOBUFS;
  turn(0);
  check(say(from, &name, 5, 1200) == -1 && errno == ENOBUFS);
  for_any = 0;
  turn(0);
  hear_burst(to, 0, 5);
  check(stats->lost == 0);
}

static void device_without_segments(void) {
  script();
  int from = udp(AF_INET), other = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  for_segmented = EIO;
  say_burst(from, &name, 0, 5);
  turn(0);
  hear_burst(to, 0, 5);
  check(stats->refused == 1 && stats->sockets_without_segments == 1);
  /* Remembered for this socket, and for no other. */
  say_burst(from, &name, 5, 5);
  turn(0);
  hear_burst(to, 5, 5);
  check(stats->refused == 1);
  for_segmented = 0;
  say_burst(other, &name, 10, 5);
  turn(0);
  hear_burst(to, 10, 5);
  check(stats->segmented == 5);
}

static void blocked_while_sending_singly(void) {
  script();
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  for_segmented = EIO;
  say_burst(from, &name, 0, 3);
  say(from, &name, 3, 700);
  say(from, &name, 4, 1200);
  for_any = EAGAIN;
  turn(0);
  for_any = 0;
  turn(0);
  for (unsigned n = 0; n < 5; n++) hear(to, n, n == 3 ? 700 : 1200);
  check(stats->lost == 0);
}

static void checksum_switched_off(void) {
  int from = udp(AF_INET), to = udp(AF_INET), yes = 1;
  Name name = name_of(to);
  /* The kernel itself refuses to segment for such a socket: EINVAL, which a size may cause too. */
  check(setsockopt(from, SOL_SOCKET, SO_NO_CHECK, &yes, sizeof yes) == 0);
  for (unsigned n = 0; n < 20; n++) {
    say_burst(from, &name, n * 3, 3);
    turn(0);
    hear_burst(to, n * 3, 3);
  }
  check(stats->refused == REFUSALS_MAX && stats->sockets_without_segments == 1);
  check(stats->lost == 0 && stats->single == 60);
}

static void a_narrow_path(void) {
  enter_own_network("ip link set lo mtu 1000");
  int from = udp(AF_INET), to = udp(AF_INET), small = udp(AF_INET);
  Name name = name_of(to), small_name = name_of(small);
  /* Fragmented by the kernel when alone, refused when segmented. */
  for (unsigned n = 0; n < 40; n++) {
    say_burst(from, &name, n * 3, 3);
    for (unsigned m = 0; m < 3; m++) say(from, &small_name, m, 500);
    turn(0);
    hear_burst(to, n * 3, 3);
    for (unsigned m = 0; m < 3; m++) hear(small, m, 500);
  }
  /* Others' segments go on meanwhile. */
  check(stats->refused == 40 && stats->sockets_without_segments == 0 && stats->segmented == 120);
}

static void nowhere_to_send(void) {
  enter_own_network("true");
  int to = udp(AF_INET), unbound = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  Name name = name_of(to), nowhere = name;
  nowhere.v4.sin_addr.s_addr = htonl(0x0a636363);
  say_burst(unbound, &nowhere, 0, 3);
  say_burst(unbound, &name, 0, 3);
  turn(0);
  hear_burst(to, 0, 3);
  check(stats->lost == 3);
  /* From now on the caller hears it as sendto would tell it. */
  check(say(unbound, &nowhere, 3, 1200) == -1 && errno == ENETUNREACH);
  check(say(unbound, &nowhere, 4, 1200) == -1 && errno == ENETUNREACH);
  say_burst(unbound, &name, 3, 3);
  turn(0);
  hear_burst(to, 3, 3);
  /* A route: the first that succeeds ends it. */
  if (system("ip addr add 10.99.99.99/32 dev lo") != 0) skip("no address can be added");
  check(say(unbound, &nowhere, 5, 1200) == 1200);
  uint64_t taken = stats->taken;
  check(say(unbound, &nowhere, 6, 1200) == 1200);
  check(stats->taken == taken + 1);
  turn(0);
}

static void bad_arguments(void) {
  int from = udp(AF_INET);
  Name name = name_of(udp(AF_INET));
  Name portless = name, foreign = name;
  portless.v4.sin_port = 0;
  foreign.v4.sin_family = AF_UNIX;
  check(say(from, &portless, 0, 100) == -1 && errno == EINVAL);
  check(sendto(from, "x", 1, 0, &foreign.any, sizeof name.v4) == -1 && errno == EAFNOSUPPORT);
  check(sendto(from, "x", 1, 0, &name.any, 3) == -1 && errno == EINVAL);
  check(sendto(from, "x", 1, 0, 0, 0) == -1 && errno == EDESTADDRREQ);
  check(sendto(-1, "x", 1, 0, &name.any, sizeof name.v4) == -1 && errno == EBADF);
  check(sendto(99999, "x", 1, 0, &name.any, sizeof name.v4) == -1 && errno == EBADF);
  int file = open("/dev/null", O_WRONLY);
  check(sendto(file, "x", 1, 0, &name.any, sizeof name.v4) == -1 && errno == ENOTSOCK);
  turn(0);
  check(stats->taken == 0);
}

/* A real device that is slower than we are: its queue fills the socket's buffer. */
static void a_slow_device(void) {
  enter_own_network("tc qdisc add dev lo root tbf rate 200mbit burst 20kb limit 10mb");
  int from = udp(AF_INET), to = udp(AF_INET), small = 1;
  Name name = name_of(to);
  check(setsockopt(from, SOL_SOCKET, SO_SNDBUF, &small, sizeof small) == 0);
  unsigned refused = 0, next = 0;
  for (unsigned n = 0; n < 3000;) {
    for (unsigned burst = 0; burst < 20 && n < 3000; burst++) {
      if (say(from, &name, n, 1200) == 1200) n++;
      else {
        check(errno == EAGAIN);
        refused++;
        break;
      }
    }
    turn(0);
    for (int number; (number = heard(to)) >= 0;) check((unsigned)number == next++);
  }
  while (next < 3000) {
    turn(1);
    for (int number; (number = heard(to)) >= 0;) check((unsigned)number == next++);
  }
  check(refused > 0 && stats->blocked > 0 && stats->lost == 0);
}

/* None twice, none late. */
static void hear_rising(int descriptor, unsigned *next) {
  for (int number; (number = heard(descriptor)) >= 0; *next = (unsigned)number + 1) {
    check((unsigned)number >= *next);
  }
}

/* A device that drops what its queue does not hold, and a socket that wants to know. */
static void a_device_that_drops(void) {
  enter_own_network("tc qdisc add dev lo root tbf rate 80mbit burst 15kb limit 15kb");
  int from = udp(AF_INET), to = udp(AF_INET), yes = 1;
  Name name = name_of(to);
  check(setsockopt(from, IPPROTO_IP, IP_RECVERR, &yes, sizeof yes) == 0);
  unsigned next = 0, refused = 0;
  for (unsigned n = 0; n < 2000;) {
    if (say(from, &name, n, 1200) == 1200) n++;
    else {
      check(errno == ENOBUFS);
      refused++;
    }
    if (n % 3 == 0) turn(0);
    hear_rising(to, &next);
  }
  turn(20);
  hear_rising(to, &next);
  /* It drops without a word too. */
  check(next > 0 && refused > 0 && stats->lost == 0);
}

static void any_answer_at_random(void) {
  enum { TO = 8, ROUNDS = 400 };
  static const int ANSWERS[] = {0, 0, 0, EAGAIN, ENOBUFS, EINTR, ENOMEM};
  static const int REFUSALS[] = {0, 0, 0, 0, EINVAL, EMSGSIZE};
  script();
  int from = udp(AF_INET), to[TO];
  Name names[TO];
  unsigned said[TO] = {0}, next[TO] = {0};
  for (int i = 0; i < TO; i++) names[i] = name_of(to[i] = udp(AF_INET));
  srand(11);
  for (int round = 0; round < ROUNDS; round++) {
    for (int burst = rand() % 60; burst > 0; burst--) {
      int t = rand() % TO;
      if (say(from, &names[t], said[t], rand() % 3 ? 1100 : 4 + (size_t)(rand() % 2000)) >= 0) {
        said[t]++;
      } else check(errno == EAGAIN || errno == ENOBUFS || errno == EINTR || errno == ENOMEM);
    }
    int answer = ANSWERS[rand() % 7];
    /* Forever interrupted is no machine's way. */
    for_any = answer == EINTR ? 0 : answer;
    for_segmented = REFUSALS[rand() % 6];
    at_most = rand() % 4;
    turn(0);
    for (int t = 0; t < TO; t++) {
      for (int number; (number = heard(to[t])) >= 0;) check((unsigned)number == next[t]++);
    }
  }
  for_any = for_segmented = at_most = 0;
  turn(0);
  for (int t = 0; t < TO; t++) {
    for (int number; (number = heard(to[t])) >= 0;) check((unsigned)number == next[t]++);
  }
  check(memcmp(said, next, sizeof said) == 0 && stats->lost == 0);
}

const Test ERROR_TESTS[] = {
    {"EGRESS-3 a full send buffer: what was taken waits, no more is taken", full_buffer},
    {"EGRESS-3 a full send buffer while the loop sleeps", full_buffer_and_a_sleeping_loop},
    {"EGRESS-3 no buffers", no_buffers},
    {"EGRESS-3 a device that cannot segment is remembered for its socket", device_without_segments},
    {"EGRESS-3 a full send buffer while datagrams are sent one by one", blocked_while_sending_singly},
    {"EGRESS-3 a socket without checksums: the kernel's own refusal", checksum_switched_off},
    {"EGRESS-3 a path narrower than the datagrams", a_narrow_path},
    {"EGRESS-3 a destination that cannot be reached is told from the next datagram on",
     nowhere_to_send},
    {"EGRESS-3 bad arguments get the kernel's answer", bad_arguments},
    {"EGRESS-3 a device slower than the sender", a_slow_device},
    {"EGRESS-3 a device that drops", a_device_that_drops},
    {"EGRESS-3 any answer at random", any_answer_at_random},
    {0},
};
