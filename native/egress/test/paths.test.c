/* EGRESS-9: an address gets media when it has proved that it receives. */
#define _GNU_SOURCE
#include "support.h"

#include <errno.h>

#include "../packets.h"

static uint64_t clock_us = 1000000;
static uint64_t fake_clock(void) { return clock_us; }

enum { SESSION_A = 'A', SESSION_B = 'B', MEDIA_BYTES = 1000 };

static void send_to(int from, int to, const void *bytes, size_t length) {
  Name name = name_of(to);
  check(sendto(from, bytes, length, 0, &name.any, length_of(&name)) == (ssize_t)length);
}

/* The other end is another process, without the library. */
static void sent_from(int client, int worker, const void *bytes, size_t length) {
  Name name = name_of(worker);
  struct iovec piece = {(void *)bytes, length};
  struct msghdr message = {
      .msg_name = &name, .msg_namelen = length_of(&name), .msg_iov = &piece, .msg_iovlen = 1};
  check(kernel.sendmsg(client, &message, 0) == (ssize_t)length);
}

/* What the worker reads next, from anywhere: 0 if the library kept it. */
static ssize_t worker_reads(int worker, unsigned char *bytes) {
  Name source;
  struct iovec piece = {bytes, 65536};
  struct msghdr message = {
      .msg_name = &source, .msg_namelen = sizeof source, .msg_iov = &piece, .msg_iovlen = 1};
  return recvmsg(worker, &message, 0);
}

static unsigned last_id;

static size_t write_stun(unsigned char *bytes, unsigned type, unsigned id, char session) {
  unsigned char header[] = {(unsigned char)(type >> 8), (unsigned char)type, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  memset(bytes, 0, 100);
  memcpy(bytes, header, sizeof header);
  memcpy(bytes + 8, &id, sizeof id);
  /* PRIORITY, then USERNAME of five bytes: it is padded. */
  unsigned char attributes[] = {0, 0x24, 0, 4, 1, 2, 3, 4, 0, 6, 0, 5, (unsigned char)session, ':', 'p', 'a', 'g'};
  if (session) memcpy(bytes + 20, attributes, sizeof attributes);
  bytes[3] = session ? 20 : 0;
  return session ? 40 : 20;
}

/* A check from `client`, and the worker's answer. */
static void check_answered(int worker, int client, char session) {
  unsigned char bytes[65536];
  sent_from(client, worker, bytes, write_stun(bytes, STUN_REQUEST, ++last_id, session));
  check(worker_reads(worker, bytes) == 40);
  send_to(worker, client, bytes, write_stun(bytes, STUN_SUCCESS, last_id, 0));
  turn(0);
}

typedef struct {
  unsigned media, checks, answers, other, bytes;
  unsigned char id[STUN_ID_BYTES];
} Arrived;

static Arrived arrived_at(int client) {
  Arrived arrived = {0};
  unsigned char bytes[65536];
  ssize_t length;
  while ((length = recv(client, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
    arrived.bytes += (unsigned)length;
    if (bytes[0] == 0x80) arrived.media++;
    else if (!is_stun(bytes, (size_t)length)) arrived.other++;
    else if (read_16(bytes) == STUN_REQUEST) {
      check(length == 28 && read_16(bytes + 20) == 0x8028);
      memcpy(arrived.id, bytes + 8, sizeof arrived.id);
      arrived.checks++;
    } else arrived.answers++;
  }
  return arrived;
}

static void answer_from(int client, int worker, unsigned type, const unsigned char *id) {
  unsigned char bytes[65536];
  write_stun(bytes, type, 0, 0);
  memcpy(bytes + 8, id, STUN_ID_BYTES);
  sent_from(client, worker, bytes, 20);
  worker_reads(worker, bytes);
}

/* Sends that many packets of 1,000 bytes, and returns how many arrive. */
static unsigned media_to(int worker, int client, unsigned count) {
  static uint16_t sequence;
  unsigned arrived = 0;
  for (unsigned n = 0; n < count; n++) {
    unsigned char bytes[MEDIA_BYTES] = {0x80, 101, (unsigned char)(++sequence >> 8), (unsigned char)sequence};
    send_to(worker, client, bytes, sizeof bytes);
    turn(0);
    arrived += arrived_at(client).media;
  }
  return arrived;
}

static void prove(int worker, int client, char session) {
  check_answered(worker, client, session);
  answer_from(client, worker, STUN_ERROR, arrived_at(client).id);
}

static void expect_proof_needed(int family) {
  int worker = udp(family), viewer = udp(family), stranger = udp(family);
  prove(worker, viewer, SESSION_A);
  check(media_to(worker, viewer, 50) == 50);
  /* The same session's check with a stranger's address. */
  check_answered(worker, stranger, SESSION_A);
  Arrived arrived = arrived_at(stranger);
  check(arrived.answers == 1 && arrived.checks == 1 && arrived.bytes <= 3 * 40);
  check(media_to(worker, stranger, 1000) == 0);
  check(stats->unproved >= 1000);
  check(media_to(worker, viewer, 50) == 50);
  /* When it answers, it gets everything. */
  answer_from(stranger, worker, STUN_SUCCESS, arrived.id);
  check(media_to(worker, stranger, 50) == 50);
}

static void over_ipv4(void) { expect_proof_needed(AF_INET); }
static void over_ipv6(void) { expect_proof_needed(AF_INET6); }
static void without_batching(void) {
  egress_open((EgressOptions){.direct = true});
  expect_proof_needed(AF_INET);
}

static void wrong_answers(void) {
  int worker = udp(AF_INET), viewer = udp(AF_INET), other = udp(AF_INET);
  unsigned char bytes[65536], wrong[STUN_ID_BYTES] = {0};
  prove(worker, other, SESSION_A);
  check_answered(worker, viewer, SESSION_A);
  Arrived arrived = arrived_at(viewer);
  answer_from(viewer, worker, STUN_ERROR, wrong);
  answer_from(other, worker, STUN_ERROR, arrived.id);
  answer_from(viewer, worker, 0x0011, arrived.id);
  sent_from(viewer, worker, bytes, write_stun(bytes, STUN_REQUEST, 0, SESSION_A));
  worker_reads(worker, bytes);
  check(media_to(worker, viewer, 10) == 0);
  answer_from(viewer, worker, STUN_ERROR, arrived.id);
  check(media_to(worker, viewer, 10) == 10);
}

static void the_answer_is_kept(void) {
  int worker = udp(AF_INET), viewer = udp(AF_INET);
  unsigned char bytes[65536];
  check_answered(worker, viewer, SESSION_A);
  Arrived arrived = arrived_at(viewer);
  write_stun(bytes, STUN_ERROR, 0, 0);
  memcpy(bytes + 8, arrived.id, STUN_ID_BYTES);
  sent_from(viewer, worker, bytes, 20);
  sent_from(viewer, worker, bytes, 20);
  check(worker_reads(worker, bytes) == 0);
  /* It answers one check; the same again is none of ours. */
  check(worker_reads(worker, bytes) == 20);
}

static void a_few_times_what_came(void) {
  int worker = udp(AF_INET), program = udp(AF_INET);
  unsigned char bytes[65536] = {0x80, 101};
  check_answered(worker, program, SESSION_A);
  for (unsigned n = 0; n < 100; n++) {
    bytes[0] = 0x80;
    sent_from(program, worker, bytes, 1000);
    check(worker_reads(worker, bytes) == 1000);
  }
  arrived_at(program);
  unsigned arrived = media_to(worker, program, 1000);
  check(arrived >= 299 && arrived <= 300);
}

static void a_lost_check(void) {
  kernel.now_us = fake_clock;
  int worker = udp(AF_INET), viewer = udp(AF_INET);
  check_answered(worker, viewer, SESSION_A);
  Arrived first = arrived_at(viewer);
  unsigned checks = 0;
  for (unsigned n = 0; n < 100; n++) {
    unsigned char media[100] = {0x80, 101};
    clock_us += 20 * 1000;
    send_to(worker, viewer, media, sizeof media);
    turn(0);
    Arrived next = arrived_at(viewer);
    check(next.media == 0);
    if (next.checks) check(memcmp(next.id, first.id, STUN_ID_BYTES) == 0);
    checks += next.checks;
  }
  check(checks == CHECK_REPEATS_MAX);
  answer_from(viewer, worker, STUN_ERROR, first.id);
  check(media_to(worker, viewer, 10) == 10);
}

static void a_proof_ends(void) {
  kernel.now_us = fake_clock;
  int worker = udp(AF_INET), viewer = udp(AF_INET);
  prove(worker, viewer, SESSION_A);
  unsigned checks = 0;
  for (unsigned s = 0; s <= PROOF_MAX_MS / 1000; s++) {
    check_answered(worker, viewer, s < 30 ? SESSION_A : SESSION_B);
    checks += arrived_at(viewer).checks;
    check(media_to(worker, viewer, 2) == 2);
    clock_us += 1000000;
  }
  check(checks == (PROOF_MAX_MS - PROOF_RENEWED_MS) / 1000);
  check_answered(worker, viewer, SESSION_B);
  Arrived arrived = arrived_at(viewer);
  check(media_to(worker, viewer, 10) == 0);
  answer_from(viewer, worker, STUN_ERROR, arrived.id);
  check(media_to(worker, viewer, 10) == 10);
  /* Where the checks are answered, nothing ends. */
  for (unsigned s = 0; s < 200; s++) {
    check_answered(worker, viewer, SESSION_B);
    arrived = arrived_at(viewer);
    if (arrived.checks) answer_from(viewer, worker, STUN_ERROR, arrived.id);
    check(media_to(worker, viewer, 2) == 2);
    clock_us += 1000000;
  }
}

static void refused_checks(void) {
  int worker = udp(AF_INET), stranger = udp(AF_INET), viewer = udp(AF_INET);
  unsigned char bytes[65536];
  prove(worker, viewer, SESSION_A);
  for (unsigned n = 0; n < 20; n++) {
    sent_from(stranger, worker, bytes, write_stun(bytes, STUN_REQUEST, ++last_id, SESSION_A));
    worker_reads(worker, bytes);
    send_to(worker, stranger, bytes, write_stun(bytes, STUN_ERROR, last_id, 0));
    turn(0);
  }
  Arrived arrived = arrived_at(stranger);
  check(arrived.answers == 20 && arrived.checks == 0);
  check(media_to(worker, stranger, 10) == 0);
}

static void sockets_without_ice(void) {
  int worker = udp(AF_INET), viewer = udp(AF_INET), pipe = udp(AF_INET), node = udp(AF_INET);
  check(media_to(pipe, node, 10) == 10);
  prove(worker, viewer, SESSION_A);
  check(media_to(pipe, node, 10) == 10);
}

/* Records of a handshake: ServerHello with this random value, or ChangeCipherSpec. */
static size_t server_hello(unsigned char *bytes, unsigned char random) {
  unsigned char start[] = {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 1, 0, 60, 2, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 48};
  memset(bytes, random, 200);
  memcpy(bytes, start, sizeof start);
  /* A certificate follows in the same datagram. */
  unsigned char next[] = {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 2, 0, 40, 11};
  memcpy(bytes + 73, next, sizeof next);
  return 73 + 53;
}

static size_t last_flight(unsigned char *bytes) {
  unsigned char records[] = {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 5, 0, 2, 4, 0,
                             20, 254, 253, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1, 1,
                             22, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 9, 9, 9};
  memcpy(bytes, records, sizeof records);
  return sizeof records;
}

static void hello_to(int worker, int client, unsigned char random) {
  unsigned char bytes[200];
  send_to(worker, client, bytes, server_hello(bytes, random));
  turn(0);
  check(arrived_at(client).other == 1);
}

static bool proved_after_last_flight(int worker, int client) {
  unsigned char bytes[200];
  send_to(worker, client, bytes, last_flight(bytes));
  turn(0);
  arrived_at(client);
  return media_to(worker, client, 10) == 10;
}

static void a_handshake(void) {
  int worker = udp(AF_INET), program = udp(AF_INET), stranger = udp(AF_INET);
  check_answered(worker, program, SESSION_A);
  hello_to(worker, program, 1);
  hello_to(worker, program, 1);
  check(media_to(worker, program, 5) == 0);
  check(proved_after_last_flight(worker, program));
  check(stats->proved_by_handshake == 1 && stats->proved_by_check == 0);
  /* Later the same session claims another address, and makes the worker repeat its last flight. */
  check_answered(worker, stranger, SESSION_A);
  check(!proved_after_last_flight(worker, stranger));
  check(media_to(worker, program, 5) == 5);
}

static void a_shared_handshake(void) {
  int worker = udp(AF_INET), program = udp(AF_INET), stranger = udp(AF_INET);
  check_answered(worker, stranger, SESSION_A);
  hello_to(worker, stranger, 2);
  check_answered(worker, program, SESSION_A);
  hello_to(worker, program, 2);
  check_answered(worker, stranger, SESSION_A);
  check(!proved_after_last_flight(worker, stranger));
  check_answered(worker, program, SESSION_A);
  check(!proved_after_last_flight(worker, program));
}

static void a_handshake_of_another_session(void) {
  int worker = udp(AF_INET), program = udp(AF_INET), stranger = udp(AF_INET);
  check_answered(worker, program, SESSION_A);
  hello_to(worker, program, 3);
  check(proved_after_last_flight(worker, program));
  check_answered(worker, stranger, SESSION_B);
  hello_to(worker, stranger, 4);
  check_answered(worker, stranger, SESSION_A);
  check(!proved_after_last_flight(worker, stranger));
}

static void handshakes_without_end(void) {
  int worker = udp(AF_INET), stranger = udp(AF_INET);
  unsigned char bytes[1200] = {22, 254, 253};
  bytes[11] = 1187 >> 8, bytes[12] = 1187 & 0xff;
  check_answered(worker, stranger, SESSION_A);
  arrived_at(stranger);
  unsigned arrived = 0;
  for (unsigned n = 0; n < 100; n++) {
    send_to(worker, stranger, bytes, sizeof bytes);
    turn(0);
    arrived += arrived_at(stranger).other;
  }
  check(arrived == UNPROVED_HANDSHAKE_BYTES / sizeof bytes);
}

static void broken_records(void) {
  int worker = udp(AF_INET), stranger = udp(AF_INET);
  check_answered(worker, stranger, SESSION_A);
  unsigned char bytes[200];
  size_t length = server_hello(bytes, 5);
  for (size_t cut = 1; cut <= length; cut++) {
    /* A copy of its own, so that the sanitizer sees what is read beyond it. */
    unsigned char *copy = malloc(cut);
    memcpy(copy, bytes, cut);
    send_to(worker, stranger, copy, cut);
    free(copy);
  }
  turn(0);
  unsigned char stun[100];
  length = write_stun(stun, STUN_REQUEST, 1, SESSION_A);
  for (size_t cut = 1; cut <= length; cut++) {
    sent_from(stranger, worker, stun, cut);
    check(worker_reads(worker, bytes) == (ssize_t)cut);
  }
}

static void strangers_without_end(void) {
  int worker = udp(AF_INET), viewer = udp(AF_INET), victim = udp(AF_INET);
  prove(worker, viewer, SESSION_A);
  check_answered(worker, victim, SESSION_A);
  /* More addresses than there are places, for paths and for destinations. */
  Name name = name_of(victim);
  unsigned char answer[100];
  write_stun(answer, STUN_SUCCESS, last_id, 0);
  for (unsigned n = 0; n < PATHS_MAX + DESTINATIONS_MAX; n++) {
    name.v4.sin_addr.s_addr = htonl(0x7f000002 + n / 60000);
    name.v4.sin_port = htons((uint16_t)(1024 + n % 60000));
    sendto(worker, answer, 20, 0, &name.any, length_of(&name));
    if (n % 64 == 0) turn(0);
  }
  turn(0);
  check(media_to(worker, viewer, 10) == 10);
  arrived_at(victim);
  check(media_to(worker, victim, 100) == 0);
}

const Test PATH_TESTS[] = {
    {"EGRESS-9 an address that has not proved that it receives, IPv4", over_ipv4},
    {"EGRESS-9 an address that has not proved that it receives, IPv6", over_ipv6},
    {"EGRESS-9 without batching", without_batching},
    {"EGRESS-9 wrong answers prove nothing", wrong_answers},
    {"EGRESS-9 the worker does not get the answer", the_answer_is_kept},
    {"EGRESS-9 a few times what came from there", a_few_times_what_came},
    {"EGRESS-9 a lost check is repeated", a_lost_check},
    {"EGRESS-9 a proof ends if it is not renewed", a_proof_ends},
    {"EGRESS-9 refused checks cause none", refused_checks},
    {"EGRESS-9 sockets without ICE", sockets_without_ice},
    {"EGRESS-9 a handshake proves an address", a_handshake},
    {"EGRESS-9 a handshake with two addresses proves neither", a_shared_handshake},
    {"EGRESS-9 a handshake of another session proves nothing", a_handshake_of_another_session},
    {"EGRESS-9 handshakes without end", handshakes_without_end},
    {"EGRESS-9 broken handshake records and checks", broken_records},
    {"EGRESS-9 more strangers than places", strangers_without_end},
    {0},
};
