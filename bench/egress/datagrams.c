/*
 * Processor time in µs to send a datagram, by the way of sending. Loopback, 200 destinations, rounds of
 * bursts. The receivers' buffers are full, so only sending is measured.
 *
 *   cc -O2 -o datagrams datagrams.c
 *   [LD_PRELOAD=egress.so] datagrams <way> <datagrams in a burst> <bytes the sizes differ by>
 *
 * Ways: `sendto` sends each datagram alone, and then the loop waits, which is when the preloaded library
 * sends; `sendmmsg` sends as many as fit, after copying them, as a library must.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { DESTINATIONS = 200, ROUNDS = 300, SIZE = 1200, BURST_MAX = 20, AT_ONCE = 64, STRIDE = 1280 };

static struct sockaddr_in names[DESTINATIONS];
static char copies[DESTINATIONS * BURST_MAX][STRIDE];

static double cpu_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

/* The second half of a burst is larger, as with Chromium's packets. */
static size_t size_of(int at, int burst, int differ) { return SIZE + (at * 2 >= burst ? differ : 0); }

static void by_sendto(int s, int loop, int burst, int differ) {
  static const char bytes[STRIDE];
  for (int b = 0; b < burst; b++) {
    for (int i = 0; i < DESTINATIONS; i++) {
      sendto(s, bytes, size_of(b, burst, differ), 0, (struct sockaddr *)&names[i], sizeof names[i]);
    }
  }
  struct epoll_event event;
  epoll_wait(loop, &event, 1, 0);
}

static void by_sendmmsg(int s, int burst, int differ) {
  static const char bytes[STRIDE];
  struct mmsghdr messages[AT_ONCE];
  struct iovec pieces[AT_ONCE];
  int count = 0;
  for (int b = 0; b < burst; b++) {
    for (int i = 0; i < DESTINATIONS; i++) {
      size_t size = size_of(b, burst, differ);
      pieces[count] = (struct iovec){memcpy(copies[b * DESTINATIONS + i], bytes, size), size};
      messages[count] = (struct mmsghdr){.msg_hdr = {.msg_name = &names[i],
                                                     .msg_namelen = sizeof names[i],
                                                     .msg_iov = &pieces[count],
                                                     .msg_iovlen = 1}};
      if (++count < AT_ONCE && (b < burst - 1 || i < DESTINATIONS - 1)) continue;
      sendmmsg(s, messages, count, 0);
      count = 0;
    }
  }
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  int burst = atoi(arguments[2]), differ = atoi(arguments[3]), small = 1, large = 4 << 20;
  if (burst < 1 || burst > BURST_MAX || differ < 0 || differ > STRIDE - SIZE) return 2;
  int loop = epoll_create1(0), s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  setsockopt(s, SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
  for (int i = 0; i < DESTINATIONS; i++) {
    int receiver = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t length = sizeof names[i];
    names[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    setsockopt(receiver, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (bind(receiver, (struct sockaddr *)&names[i], length)) return perror("bind"), 1;
    getsockname(receiver, (struct sockaddr *)&names[i], &length);
  }
  struct epoll_event event;
  epoll_wait(loop, &event, 1, 0);
  double before = cpu_us();
  for (int round = 0; round < ROUNDS; round++) {
    if (strcmp(arguments[1], "sendto") == 0) by_sendto(s, loop, burst, differ);
    else by_sendmmsg(s, burst, differ);
  }
  printf("%.3f\n", (cpu_us() - before) / ((double)ROUNDS * burst * DESTINATIONS));
  return 0;
}
