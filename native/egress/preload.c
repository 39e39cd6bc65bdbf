/*
 * The preloaded library. It replaces those functions of the C library that send, wait and close, and
 * adds batched sending. libuv closes with syscall(); a statically linked libuv may also send with it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "egress.h"
#include "kernel.h"
#include "limits.h"
#include "stats.h"

#define PUBLIC __attribute__((visibility("default")))

/* The C library's own function that is replaced here; looked up once. */
#define REAL(name)                                                             \
  ({                                                                           \
    static __typeof__(&name) real;                                             \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);              \
    real;                                                                      \
  })

/* --- calls to the kernel */

static ssize_t kernel_sendmsg(int descriptor, const struct msghdr *message, int flags) {
  return REAL(sendmsg)(descriptor, message, flags);
}

static int kernel_sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags) {
  return REAL(sendmmsg)(descriptor, messages, count, flags);
}

static uint64_t kernel_now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

Kernel kernel = {kernel_sendmsg, kernel_sendmmsg, kernel_now_us};

/* --- sending */

PUBLIC ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
  ssize_t sent;
  if (egress_send(descriptor, message, flags, &sent)) return sent;
  return REAL(sendmsg)(descriptor, message, flags);
}

PUBLIC ssize_t sendto(int descriptor, const void *bytes, size_t length, int flags,
                      const struct sockaddr *name, socklen_t name_length) {
  struct iovec piece = {(void *)bytes, length};
  struct msghdr message = {.msg_name = (void *)name,
                           .msg_namelen = name_length,
                           .msg_iov = &piece,
                           .msg_iovlen = 1};
  ssize_t sent;
  if (egress_send(descriptor, &message, flags, &sent)) return sent;
  return REAL(sendto)(descriptor, bytes, length, flags, name, name_length);
}

PUBLIC int sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags) {
  for (unsigned i = 0; i < count; i++) {
    ssize_t sent;
    if (!egress_send(descriptor, &messages[i].msg_hdr, flags, &sent)) {
      /* This message must be sent directly; so are all that follow. */
      int rest = REAL(sendmmsg)(descriptor, messages + i, count - i, flags);
      if (rest < 0) return i > 0 ? (int)i : rest;
      return (int)i + rest;
    }
    if (sent < 0) return i > 0 ? (int)i : -1;
    messages[i].msg_len = (unsigned)sent;
  }
  return (int)count;
}

/* --- waiting: the end of a turn */

static int flush_and_wait(int epoll, struct epoll_event *events, int max, int timeout,
                         const sigset_t *mask) {
  for (;;) {
    int limit = egress_turn_ends();
    if (limit < 0 || (timeout >= 0 && timeout <= limit)) {
      return REAL(epoll_pwait)(epoll, events, max, timeout, mask);
    }
    int ready = REAL(epoll_pwait)(epoll, events, max, limit, mask);
    if (ready != 0) return ready;
    if (timeout > 0) timeout -= limit;
  }
}

PUBLIC int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout) {
  return flush_and_wait(epoll, events, max, timeout, 0);
}

PUBLIC int epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout,
                       const sigset_t *mask) {
  return flush_and_wait(epoll, events, max, timeout, mask);
}

/* --- closing and changing a socket, ending the process */

PUBLIC int close(int descriptor) {
  egress_before_close(descriptor);
  return REAL(close)(descriptor);
}

PUBLIC int dup2(int from, int to) {
  if (from != to) egress_before_close(to);
  return REAL(dup2)(from, to);
}

PUBLIC int dup3(int from, int to, int flags) {
  if (from != to) egress_before_close(to);
  return REAL(dup3)(from, to, flags);
}

PUBLIC int connect(int descriptor, const struct sockaddr *name, socklen_t length) {
  egress_before_change(descriptor);
  return REAL(connect)(descriptor, name, length);
}

PUBLIC int shutdown(int descriptor, int how) {
  egress_before_change(descriptor);
  return REAL(shutdown)(descriptor, how);
}

PUBLIC int setsockopt(int descriptor, int level, int name, const void *value, socklen_t length) {
  egress_before_change(descriptor);
  return REAL(setsockopt)(descriptor, level, name, value, length);
}

PUBLIC int execve(const char *path, char *const arguments[], char *const environment[]) {
  egress_send_all();
  return REAL(execve)(path, arguments, environment);
}

PUBLIC int execv(const char *path, char *const arguments[]) {
  egress_send_all();
  return REAL(execv)(path, arguments);
}

PUBLIC int execvp(const char *file, char *const arguments[]) {
  egress_send_all();
  return REAL(execvp)(file, arguments);
}

PUBLIC void _exit(int status) {
  egress_send_all();
  REAL(_exit)(status);
  __builtin_unreachable();
}

PUBLIC void _Exit(int status) { _exit(status); }

PUBLIC long syscall(long number, ...) {
  long a[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  switch (number) {
    case SYS_close:
      egress_before_close((int)a[0]);
      break;
    case SYS_dup3:
      if (a[0] != a[1]) egress_before_close((int)a[1]);
      break;
    case SYS_sendmsg:
      return sendmsg((int)a[0], (const struct msghdr *)a[1], (int)a[2]);
    case SYS_sendmmsg:
      return sendmmsg((int)a[0], (struct mmsghdr *)a[1], (unsigned)a[2], (int)a[3]);
    case SYS_epoll_pwait:
      return flush_and_wait((int)a[0], (struct epoll_event *)a[1], (int)a[2], (int)a[3],
                           (const sigset_t *)a[4]);
    case SYS_exit_group:
      egress_send_all();
      break;
  }
  return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- loading */

static void before_fork(void) { egress_before_fork(); }
static void after_fork_in_parent(void) { egress_after_fork(false); }
static void after_fork_in_child(void) { egress_after_fork(true); }

/* Removes the library from LD_PRELOAD: a child process is no media worker. */
static void remove_from_environment(void) {
  Dl_info own;
  const char *preloaded = getenv("LD_PRELOAD");
  if (!preloaded || !dladdr((void *)remove_from_environment, &own) || !own.dli_fname) return;
  size_t length = strlen(own.dli_fname);
  if (strncmp(preloaded, own.dli_fname, length) != 0) return;
  if (preloaded[length] == '\0') unsetenv("LD_PRELOAD");
  else setenv("LD_PRELOAD", preloaded + length + 1, 1);
}

__attribute__((constructor)) static void load(void) {
  remove_from_environment();
  stats_open();
  const char *window = getenv("EGRESS_WINDOW_US");
  bool on = egress_open((EgressOptions){
      .window_us = window ? (unsigned)strtoul(window, 0, 10) : WINDOW_DEFAULT_US,
  });
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  if (!getenv("EGRESS_PROBE")) return;
  printf("egress %s\n", on ? "on" : "unsupported");
  fflush(stdout);
  _exit(0);
}

__attribute__((destructor)) static void unload(void) { egress_send_all(); }
