/*
 * A link between two network namespaces with configurable delay, jitter and loss, for kernels
 * without netem. It makes a TUN device in each namespace and forwards packets between them; its own
 * overhead is below a millisecond.
 *
 *   cc -O2 -o emulated-link emulated-link.c
 *   emulated-link <namespace> <device> <namespace> <device>
 *
 * Prints "ready", then reads lines and prints "set" after each:
 *   delay=<ms> jitter=<ms> loss=<%>      for packets both ways; values not named stay as they are
 *   rate=<kbit/s> queue=<ms>             each way; rate 0 is unlimited
 * It ends when its input ends, and the devices disappear with it.
 *
 * Packets stay in order, as in the queue of a router. Jitter imitates such a queue: the delay moves
 * between delay - jitter and delay + jitter, to a new value every 40 ms.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { PACKET = 65536, QUEUE = 8192, BATCH = 64 };
static const int64_t MS = 1000000, WANDER = 40 * 1000000LL;

typedef struct {
  int64_t due;
  int length;
  uint8_t *data;
} Packet;

/* Packets in flight, as a ring buffer; a packet is lost when the buffer is full. */
typedef struct {
  Packet ring[QUEUE];
  unsigned head, tail;
  int64_t last_due, turn, busy_until;
  double from, to;
} Way;

static Way ways[2];
static int tuns[2];
static double delay_ms, jitter_ms, loss_percent, rate_kbps, queue_ms = 200;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int open_tun(const char *name_space, const char *device) {
  char path[256];
  snprintf(path, sizeof path, "/var/run/netns/%s", name_space);
  int fd = open(path, O_RDONLY);
  if (fd < 0 || setns(fd, CLONE_NEWNET)) die(path);
  close(fd);
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = {0};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0) die("/dev/net/tun");
  return tun;
}

/* A value from -1 to 1 that moves linearly from one random value to the next. */
static double wander(Way *way, int64_t t) {
  if (t >= way->turn + WANDER) {
    way->from = way->to;
    way->to = drand48() * 2 - 1;
    way->turn = t;
  }
  return way->from + (way->to - way->from) * (double)(t - way->turn) / WANDER;
}

static void take(int from) {
  static uint8_t buffer[PACKET];
  Way *way = &ways[from];
  for (int i = 0; i < BATCH; i++) {
    int length = read(tuns[from], buffer, sizeof buffer);
    if (length <= 0) return;
    if (drand48() * 100 < loss_percent || way->tail - way->head == QUEUE) continue;
    int64_t t = now();
    int64_t sent = t;
    if (rate_kbps > 0) {
      /* The queue is full: the packet would wait longer than it allows. */
      if (way->busy_until < t) way->busy_until = t;
      if (way->busy_until - t > queue_ms * MS) continue;
      sent = way->busy_until += (int64_t)(length * 8 / rate_kbps * MS);
    }
    int64_t due = sent + (int64_t)((delay_ms + jitter_ms * wander(way, t)) * MS);
    if (due < way->last_due) due = way->last_due;
    way->last_due = due;
    Packet packet = {due, length, malloc(length)};
    if (!packet.data) die("malloc");
    memcpy(packet.data, buffer, length);
    way->ring[way->tail++ % QUEUE] = packet;
  }
}

static void give(int from) {
  Way *way = &ways[from];
  while (way->head != way->tail && way->ring[way->head % QUEUE].due <= now()) {
    Packet packet = way->ring[way->head++ % QUEUE];
    /* A device with a full queue drops the packet, as any device does. */
    if (write(tuns[1 - from], packet.data, packet.length) < 0) {}
    free(packet.data);
  }
}

/* Returns 0 at the end of the input. */
static int obey(void) {
  char text[256];
  int length = read(STDIN_FILENO, text, sizeof text - 1);
  if (length <= 0) return 0;
  text[length] = 0;
  for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n")) {
    if (sscanf(word, "delay=%lf", &delay_ms) == 1) continue;
    if (sscanf(word, "jitter=%lf", &jitter_ms) == 1) continue;
    if (sscanf(word, "rate=%lf", &rate_kbps) == 1) continue;
    if (sscanf(word, "queue=%lf", &queue_ms) == 1) continue;
    sscanf(word, "loss=%lf", &loss_percent);
  }
  puts("set");
  return 1;
}

int main(int count, char **words) {
  if (count != 5) return fprintf(stderr, "emulated-link <namespace> <device> <namespace> <device>\n"), 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 0; i < 2; i++) tuns[i] = open_tun(words[1 + 2 * i], words[2 + 2 * i]);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  srand48(now());
  puts("ready");
  for (;;) {
    int64_t next = 0;
    for (int i = 0; i < 2; i++) {
      Way *way = &ways[i];
      if (way->head == way->tail) continue;
      int64_t due = way->ring[way->head % QUEUE].due;
      if (!next || due < next) next = due;
    }
    struct itimerspec at = {.it_value = {next / 1000000000, next % 1000000000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
    struct pollfd wait[] = {
        {tuns[0], POLLIN, 0}, {tuns[1], POLLIN, 0}, {timer, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    poll(wait, 4, -1);
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) < 0) {}
    if (wait[3].revents && !obey()) return 0;
    for (int i = 0; i < 2; i++) {
      if (wait[i].revents) take(i);
      give(i);
    }
  }
}
