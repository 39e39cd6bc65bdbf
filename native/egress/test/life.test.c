/* EGRESS-4: other messages are sent directly; sockets and processes that start and end. */
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_direct(int from, int to) {
  Name name = name_of(to);
  uint64_t queued = stats->queued;
  check(send_numbered(from, &name, 1, 100) == 100);
  expect_datagram(to, 1, 100);
  check(stats->queued == queued);
}

static void other_sockets(void) {
  int to = udp(AF_INET), blocking = udp(AF_INET), connected = udp(AF_INET), later = udp(AF_INET);
  Name name = name_of(to);
  check(fcntl(blocking, F_SETFL, 0) == 0);
  expect_direct(blocking, to);
  check(connect(connected, &name.any, length_of(&name)) == 0);
  expect_direct(connected, to);
  check(send(connected, "ab", 2, 0) == 2);
  char bytes[4];
  check(recv(to, bytes, sizeof bytes, 0) == 2);
  /* A socket that is connected after it was batched. */
  check(send_numbered(later, &name, 2, 100) == 100);
  check(connect(later, &name.any, length_of(&name)) == 0);
  expect_datagram(to, 2, 100);
  expect_direct(later, to);
  int pair[2];
  check(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0);
  check(send(pair[0], "ab", 2, 0) == 2 && recv(pair[1], bytes, sizeof bytes, 0) == 2);
}

static void tcp(void) {
  int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  Name name = {.v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
  check(bind(server, &name.any, sizeof name.v4) == 0 && listen(server, 1) == 0);
  name = name_of(server);
  check(connect(client, &name.any, sizeof name.v4) == 0);
  int accepted = accept(server, 0, 0);
  check(fcntl(client, F_SETFL, O_NONBLOCK) == 0);
  /* The kernel ignores an address on a connected stream. */
  check(sendto(client, "abc", 3, MSG_NOSIGNAL, &name.any, sizeof name.v4) == 3);
  char bytes[4];
  check(recv(accepted, bytes, sizeof bytes, 0) == 3);
  check(stats->queued == 0);
}

static void control_data_and_flags(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                          .cmsg_level = IPPROTO_IP,
                          .cmsg_type = IP_TTL}};
  int hops = 9;
  memcpy(CMSG_DATA(&control.header), &hops, sizeof hops);
  struct iovec piece = {"abc", 3};
  struct msghdr message = {.msg_name = &name,
                           .msg_namelen = length_of(&name),
                           .msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
  check(send_numbered(from, &name, 1, 100) == 100);
  check(sendmsg(from, &message, 0) == 3);
  expect_datagram(to, 1, 100);
  char bytes[4];
  check(recv(to, bytes, sizeof bytes, 0) == 3);
  check(sendto(from, "abc", 3, MSG_CONFIRM, &name.any, length_of(&name)) == 3);
  check(recv(to, bytes, sizeof bytes, 0) == 3);
  check(stats->queued == 1 && stats->direct == 2);
}

static void options_change(void) {
  int from = udp(AF_INET), to = udp(AF_INET), hops = 3;
  Name name = name_of(to);
  check(send_numbered(from, &name, 1, 100) == 100);
  check(setsockopt(from, IPPROTO_IP, IP_TTL, &hops, sizeof hops) == 0);
  /* It was sent with the options that the socket had at the time of the call. */
  expect_datagram(to, 1, 100);
}

static void closing(void) {
  int to = udp(AF_INET);
  Name name = name_of(to);
  for (unsigned way = 0; way < 4; way++) {
    int from = udp(AF_INET), other = udp(AF_INET);
    for (unsigned n = 0; n < 3; n++) check(send_numbered(from, &name, n, 1000) == 1000);
    if (way == 0) check(close(from) == 0);
    if (way == 1) check(syscall(SYS_close, from) == 0);
    if (way == 2) check(dup2(other, from) == from);
    if (way == 3) check(dup3(other, from, O_CLOEXEC) == from);
    for (unsigned n = 0; n < 3; n++) expect_datagram(to, n, 1000);
    /* The descriptor now belongs to another socket. */
    int next = udp(AF_INET);
    check(way > 1 || next == from);
    check(send_numbered(next, &name, 7, 500) == 500);
    turn(0);
    expect_datagram(to, 7, 500);
    expect_nothing(to);
    close(next), close(other);
    if (way > 1) close(from);
  }
}

static void closed_unseen(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  for (unsigned n = 0; n < 3; n++) check(send_numbered(from, &name, n, 1000) == 1000);
  check(close_range((unsigned)from, (unsigned)from, 0) == 0);
  int next = udp(AF_INET);
  check(next == from);
  turn(0);
  /* They are never sent through another socket. */
  expect_nothing(to);
  check(stats->lost == 3);
  check(send_numbered(next, &name, 9, 500) == 500);
  turn(0);
  expect_datagram(to, 9, 500);
  /* A socket of another kind with the same descriptor. */
  check(close_range((unsigned)next, (unsigned)next, 0) == 0);
  int blocking = udp(AF_INET);
  check(blocking == next && fcntl(blocking, F_SETFL, 0) == 0);
  expect_direct(blocking, to);
}

static void two_descriptors(void) {
  int from = udp(AF_INET), to = udp(AF_INET), twin = dup(from);
  Name name = name_of(to);
  for (unsigned n = 0; n < 6; n++) check(send_numbered(n % 2 ? twin : from, &name, n, 900) == 900);
  turn(0);
  for (unsigned n = 0; n < 6; n++) expect_datagram(to, n, 900);
  for (unsigned n = 0; n < 3; n++) check(send_numbered(from, &name, n, 900) == 900);
  close(from);
  check(send_numbered(twin, &name, 3, 900) == 900);
  turn(0);
  for (unsigned n = 0; n < 4; n++) expect_datagram(to, n, 900);
}

static void wait_for_child(pid_t child) {
  int status;
  check(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void forking(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  for (unsigned n = 0; n < 3; n++) check(send_numbered(from, &name, n, 1000) == 1000);
  pid_t child = fork();
  if (child == 0) {
    turn(0);
    check(send_numbered(from, &name, 10, 1000) == 1000);
    turn(0);
    _exit(0);
  }
  wait_for_child(child);
  turn(0);
  /* Each arrives once; what was queued before the fork was sent before it. */
  for (unsigned n = 0; n < 3; n++) expect_datagram(to, n, 1000);
  expect_datagram(to, 10, 1000);
  expect_nothing(to);
  /* The child's counters are separate. */
  check(stats->queued == 3);
}

/* Datagrams queued on a blocked socket stay with the parent. */
static ssize_t full_sendmsg(int descriptor, const struct msghdr *message, int flags) {
  (void)descriptor, (void)message, (void)flags;
  errno = EAGAIN;
  return -1;
}
static int full_sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags) {
  (void)count;
  return (int)full_sendmsg(descriptor, &messages->msg_hdr, flags);
}

static void forking_while_blocked(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to);
  Kernel real = kernel;
  for (unsigned n = 0; n < 3; n++) check(send_numbered(from, &name, n, 1000) == 1000);
  kernel.sendmsg = full_sendmsg;
  kernel.sendmmsg = full_sendmmsg;
  pid_t child = fork();
  kernel = real;
  if (child == 0) {
    turn(0);
    _exit(0);
  }
  wait_for_child(child);
  expect_nothing(to);
  turn(0);
  for (unsigned n = 0; n < 3; n++) expect_datagram(to, n, 1000);
  expect_nothing(to);
}

static void ending(void) {
  int to = udp(AF_INET);
  Name name = name_of(to);
  for (unsigned way = 0; way < 4; way++) {
    pid_t child = fork();
    if (child == 0) {
      int from = udp(AF_INET);
      for (unsigned n = 0; n < 3; n++) check(send_numbered(from, &name, n, 1000) == 1000);
      char *arguments[] = {"true", 0}, *none[] = {0};
      if (way == 0) exit(0);
      if (way == 1) _Exit(0);
      if (way == 2) execve("/bin/true", arguments, none);
      if (way == 3) execvp("true", arguments);
      _exit(1);
    }
    wait_for_child(child);
    for (unsigned n = 0; n < 3; n++) expect_datagram(to, n, 1000);
    expect_nothing(to);
  }
}

static int thread_from, thread_to;

static void *without_a_loop(void *nothing) {
  expect_direct(thread_from, thread_to);
  return nothing;
}

static void threads(void) {
  thread_from = udp(AF_INET), thread_to = udp(AF_INET);
  pthread_t thread;
  check(pthread_create(&thread, 0, without_a_loop, 0) == 0);
  check(pthread_join(thread, 0) == 0);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signal) {
  (void)signal;
  Name name = name_of(thread_to);
  alarms++;
  sendto(thread_from, "!", 1, 0, &name.any, length_of(&name));
}

static void signals(void) {
  thread_from = udp(AF_INET), thread_to = udp(AF_INET);
  int to = udp(AF_INET);
  Name name = name_of(to);
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  check(sigaction(SIGALRM, &action, 0) == 0);
  struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
  check(setitimer(ITIMER_REAL, &often, 0) == 0);
  unsigned sent = 0, next = 0;
  while (alarms < 300) {
    check(send_numbered(thread_from, &name, sent % 60000, 300) == 300);
    if (++sent % 20 != 0) continue;
    egress_turn_ends();
    for (int number; (number = receive_number(to)) >= 0;) check((unsigned)number == next++ % 60000);
  }
  check(setitimer(ITIMER_REAL, &never, 0) == 0);
  turn(0);
  for (int number; (number = receive_number(to)) >= 0;) check((unsigned)number == next++ % 60000);
  check(next == sent);
}

const Test LIFE_TESTS[] = {
    {"EGRESS-4 blocking, connected and Unix sockets", other_sockets},
    {"EGRESS-4 TCP", tcp},
    {"EGRESS-4 control data and flags", control_data_and_flags},
    {"EGRESS-4 a socket whose options change", options_change},
    {"EGRESS-4 closing a socket first sends what is queued on it", closing},
    {"EGRESS-4 a socket whose close is not seen sends nothing through another", closed_unseen},
    {"EGRESS-4 a socket with two descriptors", two_descriptors},
    {"EGRESS-4 fork: nothing is sent twice", forking},
    {"EGRESS-4 fork while the send buffer is full", forking_while_blocked},
    {"EGRESS-4 a process that exits or calls exec first sends what is queued", ending},
    {"EGRESS-4 a thread without a loop", threads},
    {"EGRESS-4 a signal handler that sends", signals},
    {0},
};
