/*
 * loadgen [poll <us>]            legs as ordered, see below; 0 (the default) wakes for every packet
 * loadgen floor <viewers> <ms> <packets a frame> <size> <fps>
 *
 * Compiled by loadgen.ts.
 *
 * Prints "fingerprint <sha-256>", then reads lines:
 *   open <id> <ip> <port> <own ip> <own port> <server ufrag> <server pwd> <own ufrag> <own pwd>
 *        <controlling> <ssrc> <sampled> rr|remb|twcc <transport-cc id> <data>
 *   stream <id> …        see publisher.c; `quiet` ends it
 *   messages <id> …      see publisher.c
 *   stranger <id> <ip>, nacks <id> <on>    see hostile.c
 *   mark                 resets the counts
 *   counts, report, hostile
 * and prints, with the monotonic clock in microseconds:
 *   ice <id> <us> | dtls <id> <us> | data <id> <us> | packet <id> <us> key|delta|unknown | error <id> <text>
 *   counts <received> <broken>
 *   report {…} | hostile {…}
 * Ends at the end of its input.
 *
 * With `poll` it reads its sockets at this interval instead of waking for each packet, and the kernel
 * records when each packet arrived. On a real network a server does not pay for waking its viewers.
 */
#define _GNU_SOURCE
#include "loadgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

Leg *legs[MAX_LEGS];
int leg_count;
Publisher publisher;
Counts counts;

/* The sizes of a batch; a viewer that only counts needs only the beginning of a packet. */
enum { BATCH = 64, BEGINNING = 512 };
static int epoll_fd, poll_us;

static long long clock_us(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

long long now_us(void) { return clock_us(CLOCK_MONOTONIC); }

long long wall_us(void) { return clock_us(CLOCK_REALTIME); }

void fail(Leg *leg, const char *why) {
  if (leg->failed) return;
  leg->failed = 1;
  printf("error %d %s\n", leg->id, why);
}

static void received(Leg *leg, uint8_t *packet, int length, int is_whole, long long arrived) {
  uint8_t first = packet[0];
  if (first < 4) {
    if (!ice_receive(leg, packet, length)) return;
    printf("ice %d %lld\n", leg->id, now_us());
    dtls_start(leg);
  } else if (first >= 20 && first < 64) {
    dtls_receive(leg, packet, length);
  } else if (first >= 128 && first < 192 && length > 12 && leg->up) {
    if (leg == publisher.leg) publisher_receive(leg, packet, length);
    else viewer_receive(leg, packet, length, is_whole, arrived);
  }
}

static long long arrival_of(struct msghdr *message) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    struct timespec t;
    memcpy(&t, CMSG_DATA(c), sizeof t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
  }
  return wall_us();
}

static void receive(Leg *leg) {
  static uint8_t buffers[BATCH][PACKET];
  static union {
    char bytes[64];
    struct cmsghdr align;
  } controls[BATCH];
  struct iovec parts[BATCH];
  struct mmsghdr messages[BATCH];
  int counts_only = leg->up && !leg->sampled && leg != publisher.leg;
  int count;
  do {
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){buffers[i], counts_only ? BEGINNING : PACKET};
      messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
      if (counts_only) continue;
      messages[i].msg_hdr.msg_control = controls[i].bytes;
      messages[i].msg_hdr.msg_controllen = sizeof controls[i].bytes;
    }
    count = recvmmsg(leg->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
      struct msghdr *header = &messages[i].msg_hdr;
      int is_whole = !(header->msg_flags & MSG_TRUNC);
      long long arrived = leg->sampled ? arrival_of(header) : 0;
      received(leg, buffers[i], messages[i].msg_len, is_whole, arrived);
    }
  } while (count == BATCH);
}

static void tick(long long now) {
  for (int i = 0; i < leg_count; i++) {
    Leg *leg = legs[i];
    if (leg->failed) continue;
    if (now >= leg->check_at) ice_check(leg);
    dtls_tick(leg);
    sctp_tick(leg, now);
    if (leg != publisher.leg) viewer_tick(leg, now);
    hostile_tick(leg, now);
  }
}

/* --- orders */

static void open_leg(const char *line) {
  Leg *leg = calloc(1, sizeof *leg);
  char ip[64], own_ip[64], server_ufrag[80], own_ufrag[64], feedback[8];
  int port, own_port;
  if (leg_count == MAX_LEGS ||
      sscanf(line, "open %d %63s %d %63s %d %79s %63s %63s %63s %d %u %d %7s %d %d", &leg->id, ip,
             &port, own_ip, &own_port, server_ufrag, leg->peer_password, own_ufrag,
             leg->own_password, &leg->controlling, &leg->ssrc, &leg->sampled, feedback,
             &leg->twcc_id, &leg->wants_data) != 15) {
    fprintf(stderr, "not understood: %s\n", line);
    exit(1);
  }
  leg->feedback = !strcmp(feedback, "twcc")   ? FEEDBACK_TWCC
                  : !strcmp(feedback, "remb") ? FEEDBACK_REMB
                                              : FEEDBACK_RR;
  leg->highest = leg->base = -1;
  snprintf(leg->username, sizeof leg->username, "%s:%s", server_ufrag, own_ufrag);
  RAND_bytes((uint8_t *)&leg->tie_breaker, sizeof leg->tie_breaker);
  /* So that the reports of many viewers are not sent at the same moment. */
  leg->report_at = now_us() + leg->tie_breaker % REPORT_US;
  leg->arrivals_at = now_us() + leg->tie_breaker % ARRIVALS_US;
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(own_port)};
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, own_ip, &own.sin_addr);
  inet_pton(AF_INET, ip, &server.sin_addr);
  leg->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  legs[leg_count++] = leg;
  /* So that the server, not the generator, loses any lost packets. */
  int room = 4 << 20, on = 1;
  setsockopt(leg->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  if (leg->sampled) setsockopt(leg->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  if (leg->fd < 0 || bind(leg->fd, (struct sockaddr *)&own, sizeof own) ||
      connect(leg->fd, (struct sockaddr *)&server, sizeof server)) {
    fail(leg, strerror(errno));
    return;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = leg};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, leg->fd, &event);
  ice_check(leg);
}

static void with_leg(const char *line, void (*start)(Leg *, const char *)) {
  int id = -1;
  sscanf(line, "%*s %d", &id);
  for (int i = 0; i < leg_count; i++) {
    if (legs[i]->id == id) start(legs[i], line);
  }
}

static void obey(const char *line) {
  if (!strcmp(line, "counts")) {
    printf("counts %llu %llu\n", (unsigned long long)counts.received,
           (unsigned long long)counts.broken);
  } else if (!strcmp(line, "report")) viewers_report();
  else if (!strcmp(line, "mark")) viewers_mark();
  else if (!strcmp(line, "quiet")) publisher.on = 0;
  else if (!strncmp(line, "stream ", 7)) with_leg(line, publisher_start);
  else if (!strcmp(line, "hostile")) hostile_report();
  else if (!strncmp(line, "stranger ", 9)) with_leg(line, hostile_stranger);
  else if (!strncmp(line, "nacks ", 6)) with_leg(line, hostile_nacks);
  else if (!strncmp(line, "messages ", 9)) with_leg(line, publisher_messages);
  else open_leg(line);
}

/** False at the end of the input. */
static int read_orders(void) {
  static char buffer[1 << 16];
  static size_t held;
  ssize_t count = read(0, buffer + held, sizeof buffer - 1 - held);
  if (count == 0) return 0;
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  held += count;
  buffer[held] = 0;
  char *line = buffer, *end;
  while ((end = strchr(line, '\n'))) {
    *end = 0;
    obey(line);
    line = end + 1;
  }
  held -= line - buffer;
  memmove(buffer, line, held);
  return 1;
}

/* The publisher follows the clock and does not wait for viewers in the same process. */
static void go_first(void) {
  /* An attacker, which must not take time from what is measured. */
  if (getpriority(PRIO_PROCESS, 0) > 0) return;
  struct sched_param priority = {.sched_priority = 10};
  sched_setscheduler(0, SCHED_FIFO, &priority);
}

static void wait_until(long long at) {
  struct timespec t = {at / 1000000, at % 1000000 * 1000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int main(int count, char **arguments) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (srtp_init() != srtp_err_status_ok || onecast_gcm_by_openssl() != srtp_err_status_ok) return 1;
  if (count == 7 && !strcmp(arguments[1], "floor")) {
    return measure_floor(atoi(arguments[2]), atoi(arguments[3]), atoi(arguments[4]),
                         atoi(arguments[5]), atoi(arguments[6]));
  }
  if (count == 3 && !strcmp(arguments[1], "poll")) poll_us = atoi(arguments[2]);
  dtls_set_up();
  fcntl(0, F_SETFL, O_NONBLOCK);
  epoll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &event);
  long long tick_at = 0, poll_at = 0;
  for (int publishes = 0;;) {
    static struct epoll_event events[MAX_LEGS];
    int ready = epoll_wait(epoll_fd, events, MAX_LEGS, poll_us || publishes ? 0 : TICK_MS);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr) receive(events[i].data.ptr);
      else if (!read_orders()) return 0;
    }
    long long now = now_us();
    if (now >= tick_at) {
      tick(now);
      tick_at = now + TICK_MS * 1000;
    }
    if (publisher.leg && !publishes) {
      publishes = 1;
      go_first();
    }
    if (publishes) {
      long long next = publisher_send(now);
      /* While it waits it also reads key-frame requests. */
      wait_until(next < now + 2000 ? next : now + 2000);
    } else if (poll_us) {
      poll_at = poll_at + poll_us > now ? poll_at + poll_us : now + poll_us;
      wait_until(poll_at);
    }
  }
}
