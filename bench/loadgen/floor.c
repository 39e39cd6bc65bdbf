/*
 * The floor: the least that a server can cost. Each packet is only encrypted for each viewer and sent,
 * in the rhythm of the stream and with the same library. A second process on the other core reads the
 * viewers' sockets.
 */
#define _GNU_SOURCE
#include "loadgen.h"

#include <arpa/inet.h>
#include <openssl/rand.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int sockets[MAX_LEGS];
static struct sockaddr_in addresses[MAX_LEGS];
static srtp_t sessions[MAX_LEGS];

static void drain(int viewers) {
  static uint8_t buffers[64][PACKET];
  struct iovec parts[64];
  struct mmsghdr messages[64];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < 64; i++) {
    parts[i] = (struct iovec){buffers[i], PACKET};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  int epoll = epoll_create1(0);
  for (int i = 0; i < viewers; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = sockets[i]};
    epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[i], &event);
  }
  for (;;) {
    static struct epoll_event events[MAX_LEGS];
    int count = epoll_wait(epoll, events, MAX_LEGS, 0);
    for (int i = 0; i < count; i++) recvmmsg(events[i].data.fd, messages, 64, MSG_DONTWAIT, NULL);
    struct timespec pause = {0, 1000 * 1000};
    nanosleep(&pause, NULL);
  }
}

static void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static double own_cpu_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void make(int viewers) {
  for (int i = 0; i < viewers; i++) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof addresses[i];
    sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
    bind(sockets[i], (struct sockaddr *)&any, sizeof any);
    getsockname(sockets[i], (struct sockaddr *)&addresses[i], &length);
    uint8_t key[28];
    RAND_bytes(key, sizeof key);
    srtp_policy_t policy;
    memset(&policy, 0, sizeof policy);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
    srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    policy.ssrc.type = ssrc_any_outbound;
    policy.key = key;
    srtp_create(&sessions[i], &policy);
  }
}

/* Prints the processor time of a packet, in microseconds. */
int measure_floor(int viewers, int milliseconds, int per_frame, int size, int fps) {
  if (viewers < 1 || viewers > MAX_LEGS) return 1;
  make(viewers);
  pid_t child = fork();
  if (child == 0) {
    pin(1);
    drain(viewers);
  }
  pin(0);
  int from = socket(AF_INET, SOCK_DGRAM, 0);
  uint8_t plain[PACKET] = {0x80, 101}, packet[PACKET];
  uint16_t seq = 0;
  uint64_t sent = 0;
  int frames = milliseconds * fps / 1000;
  long long next = now_us();
  double cpu = 0;
  /* The first frames are a warm-up. */
  for (int frame = -fps / 3; frame < frames; frame++) {
    double before = own_cpu_us();
    for (int i = 0; i < per_frame; i++, seq++) {
      plain[2] = seq >> 8, plain[3] = seq;
      for (int to = 0; to < viewers; to++) {
        int length = size - 16;
        memcpy(packet, plain, length);
        srtp_protect(sessions[to], packet, &length);
        ssize_t went = sendto(from, packet, length, 0, (struct sockaddr *)&addresses[to],
                              sizeof addresses[to]);
        sent += frame >= 0 && went == length;
      }
    }
    if (frame >= 0) cpu += own_cpu_us() - before;
    next += 1000000 / fps;
    long long left = next - now_us();
    if (left > 0) usleep(left);
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  printf("floor %.3f %llu\n", sent ? cpu / sent : 0, (unsigned long long)sent);
  return sent == 0;
}
