/* EGRESS-7: TCP connections to the media port. EGRESS-8: packets that are too large. */
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../packets.h"

static uint64_t clock_us;
static uint64_t fake_clock(void) { return clock_us; }

static void use_fake_clock(void) {
  clock_us = 1000000;
  kernel.now_us = fake_clock;
}

static int listener;
static Name listener_name;

static void listen_on(int family) {
  listener = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) skip("no IPv6 here");
  Name name = {.v4 = {.sin_family = AF_INET}};
  if (family == AF_INET6) name = (Name){.v6 = {.sin6_family = AF_INET6}};
  check(bind(listener, &name.any, length_of(&name)) == 0 && listen(listener, 1024) == 0);
  listener_name = name_of(listener);
  if (family == AF_INET) listener_name.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* `from`: address to connect from; null: any. */
static int connect_from(const char *from) {
  int client = socket(listener_name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(client >= 0);
  if (from) {
    Name name = {.v4 = {.sin_family = AF_INET}};
    if (inet_pton(AF_INET, from, &name.v4.sin_addr) != 1) {
      name = (Name){.v6 = {.sin6_family = AF_INET6}};
      check(inet_pton(AF_INET6, from, &name.v6.sin6_addr) == 1);
    }
    check(bind(client, &name.any, length_of(&name)) == 0);
  }
  check(connect(client, &listener_name.any, length_of(&listener_name)) == 0);
  check(fcntl(client, F_SETFL, O_NONBLOCK) == 0);
  return client;
}

static int accepted(void) { return accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); }

/* True if the other end has closed the connection. */
static bool is_closed(int descriptor) {
  char byte;
  struct pollfd event = {.fd = descriptor, .events = POLLIN};
  return poll(&event, 1, 0) == 1 && recv(descriptor, &byte, 1, MSG_DONTWAIT) <= 0;
}

static ssize_t write_frame(int descriptor, const void *bytes, size_t length) {
  unsigned char head[] = {(unsigned char)(length >> 8), (unsigned char)length};
  struct iovec pieces[] = {{head, 2}, {(void *)bytes, length}};
  return writev(descriptor, pieces, 2);
}

/* What the worker answers to a valid check. */
static void prove(int descriptor) {
  static const unsigned char SUCCESS[20] = {0x01, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  check(write_frame(descriptor, SUCCESS, sizeof SUCCESS) == 22);
}

static void at_most_from_one_address(void) {
  listen_on(AF_INET);
  int clients[UNPROVED_PER_ADDRESS_MAX + 2], servers[UNPROVED_PER_ADDRESS_MAX];
  for (int i = 0; i < UNPROVED_PER_ADDRESS_MAX + 2; i++) clients[i] = connect_from(0);
  for (int i = 0; i < UNPROVED_PER_ADDRESS_MAX; i++) check((servers[i] = accepted()) >= 0);
  check(accepted() == -1 && errno == EAGAIN);
  check(stats->connections_refused == 2);
  check(is_closed(clients[UNPROVED_PER_ADDRESS_MAX]));
  check(!is_closed(clients[0]));
  /* Another address has its own. */
  connect_from("127.0.0.2");
  check(accepted() >= 0);
  /* A connection that is closed, and one with a valid check, make room. */
  check(close(servers[3]) == 0);
  prove(servers[5]);
  for (int i = 0; i < 3; i++) connect_from(0);
  check(accepted() >= 0 && accepted() >= 0 && accepted() == -1);
  check(stats->connections_refused == 3);
}

static unsigned accept_many(const char *format, unsigned from, unsigned count) {
  unsigned held = 0;
  for (unsigned i = 0; i < count; i++) {
    char address[64];
    snprintf(address, sizeof address, format, from + i % 4);
    int client = connect_from(address);
    int server = accepted();
    held += server >= 0;
    if (server < 0) close(client);
  }
  return held;
}

static void networks_of_ipv6(void) {
  enter_own_network(
      "ip -6 addr add 2001:db8::1/128 dev lo nodad;"
      "for host in 1 2 3 4; do ip -6 addr add 2001:db8:0:1::$host/128 dev lo nodad;"
      " ip -6 addr add 2001:db8:0:2::$host/128 dev lo nodad;"
      " ip -6 addr add 2001:db8:0:3::$host/128 dev lo nodad;"
      " for net in 1 2 3 4; do ip -6 addr add 2001:db8:0:${net}00::$host/128 dev lo nodad; done;"
      " ip -6 addr add 2001:db8:1:$host::1/128 dev lo nodad; done");
  listen_on(AF_INET6);
  inet_pton(AF_INET6, "2001:db8::1", &listener_name.v6.sin6_addr);
  unsigned max = UNPROVED_PER_ADDRESS_MAX;
  check(accept_many("2001:db8:0:1::%x", 1, max + 9) == max);
  check(accept_many("2001:db8:0:2::%x", 1, max + 9) == max);
  /* The /56 has its two. */
  check(accept_many("2001:db8:0:3::%x", 1, 9) == 0);
  /* The /48 has its four; another /48 has its own. */
  check(accept_many("2001:db8:0:100::%x", 1, max + 9) == max);
  check(accept_many("2001:db8:0:200::%x", 1, max + 9) == max);
  check(accept_many("2001:db8:0:300::%x", 1, 9) == 0);
  check(accept_many("2001:db8:1:%x::1", 1, 9) == 9);
}

static void at_most_in_all(void) {
  listen_on(AF_INET);
  int first = 0, first_server = 0;
  unsigned held = 0;
  for (unsigned i = 0; i <= UNPROVED_MAX; i++) {
    char address[16];
    snprintf(address, sizeof address, "127.0.1.%u", 1 + i / 50);
    int client = connect_from(address), server = accepted();
    held += server >= 0;
    if (i == 0) first = client, first_server = server;
  }
  check(held == UNPROVED_MAX + 1);
  /* The oldest gave way. */
  check(stats->connections_cut == 1);
  check(is_closed(first) && is_closed(first_server));
}

static void without_a_check(void) {
  use_fake_clock();
  listen_on(AF_INET);
  int silent = connect_from(0), server = accepted();
  clock_us += 4000000;
  int half = connect_from(0), second = accepted();
  int viewer = connect_from(0), third = accepted();
  static const unsigned char HALF[] = {0x01, 0x00, 0x80};
  check(write(half, HALF, sizeof HALF) == sizeof HALF);
  unsigned char bytes[8];
  check(read(second, bytes, sizeof bytes) == sizeof HALF);
  /* A refused check proves nothing. */
  static const unsigned char REFUSED[20] = {0x01, 0x11, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  check(write_frame(second, REFUSED, sizeof REFUSED) == 22);
  prove(third);
  int wait = egress_turn_ends();
  check(wait > 5990 && wait <= 6001);
  check(!is_closed(silent));
  clock_us += 6000000;
  check(egress_turn_ends() > 0);
  check(is_closed(silent) && is_closed(server) && !is_closed(second));
  close(server);
  clock_us += 4000000;
  check(egress_turn_ends() == -1);
  check(is_closed(second));
  unsigned char rest[64];
  check(recv(viewer, rest, sizeof rest, 0) == 22 && !is_closed(viewer) && !is_closed(third));
  check(stats->connections_cut == 2);
  (void)half;
}

static void the_sleeping_loop_wakes(void) {
  listen_on(AF_INET);
  connect_from(0);
  check(accepted() >= 0);
  int wait = egress_turn_ends();
  check(wait > 0 && wait <= UNPROVED_MAX_MS + 1);
}

/* Numbered frames; what arrives is whole frames in order, some of them missing. */
static void a_reader_that_stops(void) {
  use_fake_clock();
  listen_on(AF_INET);
  int client = connect_from(0), server = accepted();
  prove(server);
  unsigned char frame[1200] = {22}, bytes[65536];
  unsigned sent = 0;
  while (stats->frames_dropped < 100) {
    frame[1] = (unsigned char)(sent >> 8), frame[2] = (unsigned char)sent;
    check(write_frame(server, frame, sizeof frame) == sizeof frame + 2);
    check(++sent < 50000);
  }
  check(recv(client, bytes, 22, MSG_WAITALL) == 22);
  unsigned frames = 0, have = 0, last = 0;
  for (unsigned round = 0; round < 40; round++) {
    ssize_t count;
    while ((count = recv(client, bytes + have, sizeof bytes - have, 0)) > 0) {
      unsigned at = 0;
      have += (unsigned)count;
      for (; have - at >= sizeof frame + 2; at += sizeof frame + 2, frames++) {
        check(read_16(bytes + at) == sizeof frame && bytes[at + 2] == 22);
        unsigned number = read_16(bytes + at + 3);
        check(frames == 0 || number > last);
        last = number;
      }
      memmove(bytes, bytes + at, have - at);
      have -= at;
    }
    /* The next write also sends the rest of the frame that was cut. */
    frame[1] = (unsigned char)(sent >> 8), frame[2] = (unsigned char)sent;
    check(write_frame(server, frame, sizeof frame) == sizeof frame + 2);
    sent++;
  }
  check(frames >= sent - stats->frames_dropped - 1 && frames < sent && last >= sent - 2);
  check(stats->connections_cut == 0 && !is_closed(server));
}

static void a_reader_that_never_reads(void) {
  signal(SIGPIPE, SIG_IGN);
  use_fake_clock();
  listen_on(AF_INET);
  connect_from(0);
  int server = accepted();
  unsigned char frame[1200] = {22};
  prove(server);
  while (stats->frames_dropped < 2) write_frame(server, frame, sizeof frame);
  clock_us += STALLED_MAX_MS * UINT64_C(1000);
  check(write_frame(server, frame, sizeof frame) > 0 && stats->connections_cut == 0);
  clock_us += 1;
  write_frame(server, frame, sizeof frame);
  check(stats->connections_cut == 1 && is_closed(server));
  check(write_frame(server, frame, sizeof frame) == -1 && errno == EPIPE);
  close(server);
}

static void retransmissions_over_tcp(void) {
  egress_open((EgressOptions){.retransmission_types = "102"});
  listen_on(AF_INET);
  int client = connect_from(0), server = accepted();
  prove(server);
  unsigned char packet[1000] = {0x80, 102}, bytes[65536];
  size_t arrived = 0;
  for (unsigned n = 0; n < 1000; n++) {
    check(write_frame(server, packet, sizeof packet) == sizeof packet + 2);
    ssize_t count;
    while ((count = recv(client, bytes, sizeof bytes, 0)) > 0) arrived += (size_t)count;
  }
  check(arrived == 22 + RETRANSMISSION_BURST_BYTES / sizeof packet * (sizeof packet + 2));
  check(stats->frames_dropped == 0);
}

/* Sends the bytes in pieces of `step`. Returns false if the connection ended. */
static bool receives(const unsigned char *bytes, size_t length, size_t step) {
  int client = connect_from(0), server = accepted();
  unsigned char read_bytes[65536];
  bool alive = true;
  for (size_t at = 0; at < length && alive; at += step) {
    size_t part = length - at < step ? length - at : step;
    check(send(client, bytes + at, part, MSG_NOSIGNAL) == (ssize_t)part);
    ssize_t count;
    while ((count = read(server, read_bytes, sizeof read_bytes)) > 0) continue;
    alive = count == -1 && errno == EAGAIN;
    check(alive || errno == ECONNRESET);
  }
  close(client), close(server);
  return alive;
}

static void large_frames(void) {
  listen_on(AF_INET);
  static const size_t STEPS[] = {1, 2, 3, 1000, 65536};
  static unsigned char bytes[65536];
  for (int i = 0; i < 5; i++) {
    struct {
      unsigned char first;
      unsigned length;
      bool allowed;
    } cases[] = {{0x80, RTP_BYTES_MAX, true},  {0x80, RTP_BYTES_MAX + 1, false},
                 {22, FRAME_BYTES_MAX, true},  {22, FRAME_BYTES_MAX + 1, false},
                 {0x00, 65535, false},         {0x80, 65535, false}};
    for (int c = 0; c < 6; c++) {
      if (STEPS[i] < 4 && cases[c].length > 4000 && cases[c].allowed) continue;
      memset(bytes, 0, sizeof bytes);
      /* An empty frame, a small one, then the one that is tried. */
      size_t at = 2;
      bytes[at + 1] = 3, at += 5;
      bytes[at] = (unsigned char)(cases[c].length >> 8), bytes[at + 1] = (unsigned char)cases[c].length;
      bytes[at + 2] = cases[c].first;
      size_t length = at + 2 + cases[c].length;
      if (length > 60000) length = 60000;
      check(receives(bytes, length, STEPS[i]) == cases[c].allowed);
    }
  }
}

static void large_datagrams(void) {
  int from = udp(AF_INET), to = udp(AF_INET);
  Name name = name_of(to), source;
  unsigned char bytes[60000] = {0x80};
  const unsigned sizes[] = {RTP_BYTES_MAX, RTP_BYTES_MAX + 1, 60000, 100};
  struct iovec pieces[4];
  struct mmsghdr messages[4];
  static unsigned char buffers[4][65536];
  for (int round = 0; round < 3; round++) {
    /* In the last round it is not RTP. */
    bytes[0] = round < 2 ? 0x80 : 22;
    for (int i = 0; i < 4; i++) {
      check(sendto(from, bytes, sizes[i], 0, &name.any, length_of(&name)) == (ssize_t)sizes[i]);
      pieces[i] = (struct iovec){buffers[i], sizeof buffers[i]};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &source, .msg_namelen = sizeof source, .msg_iov = &pieces[i], .msg_iovlen = 1};
      messages[i].msg_len = 1;
    }
    turn(0);
    if (round == 1) check(recvmmsg(to, messages, 4, 0, 0) == 4);
    for (int i = 0; i < 4; i++) {
      ssize_t length = round == 1 ? (ssize_t)messages[i].msg_len : recvmsg(to, &messages[i].msg_hdr, 0);
      bool whole = round == 2 || sizes[i] <= RTP_BYTES_MAX;
      check(length == (whole ? (ssize_t)sizes[i] : 0));
    }
  }
  check(stats->oversize == 4);
}

const Test CONNECTION_TESTS[] = {
    {"EGRESS-7 connections without a check, from one address", at_most_from_one_address},
    {"EGRESS-7 connections without a check, from networks of IPv6", networks_of_ipv6},
    {"EGRESS-7 connections without a check, in all", at_most_in_all},
    {"EGRESS-7 a connection without a valid check is cut", without_a_check},
    {"EGRESS-7 a sleeping loop wakes to cut it", the_sleeping_loop_wakes},
    {"EGRESS-7 a reader that stops loses whole frames", a_reader_that_stops},
    {"EGRESS-7 a reader that never reads is cut", a_reader_that_never_reads},
    {"EGRESS-6 retransmissions over TCP", retransmissions_over_tcp},
    {"EGRESS-8 a frame that is too large ends its connection", large_frames},
    {"EGRESS-8 RTP that is too large does not arrive", large_datagrams},
    {0},
};
