/*
 * The preloaded library. It replaces those functions of the C library that send, receive, accept, wait
 * and close, and adds batched sending and the protection of the media port. libuv closes with
 * syscall(); a statically linked libuv may also send and receive with it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "egress.h"
#include "guard.h"
#include "kernel.h"

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

static ssize_t kernel_writev(int descriptor, const struct iovec *pieces, int count) {
  return REAL(writev)(descriptor, pieces, count);
}

static int kernel_shutdown(int descriptor, int how) { return REAL(shutdown)(descriptor, how); }

Kernel kernel = {kernel_sendmsg, kernel_sendmmsg, kernel_now_us, kernel_writev, kernel_shutdown};

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

PUBLIC ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
  ssize_t sent;
  if (guard_write(descriptor, pieces, count, &sent)) return sent;
  return REAL(writev)(descriptor, pieces, count);
}

PUBLIC ssize_t write(int descriptor, const void *bytes, size_t length) {
  struct iovec piece = {(void *)bytes, length};
  ssize_t sent;
  if (guard_write(descriptor, &piece, 1, &sent)) return sent;
  return REAL(write)(descriptor, bytes, length);
}

/* --- receiving */

/* A datagram that the caller must not get becomes an empty one, which media workers ignore. */
static ssize_t received(int descriptor, const struct msghdr *message, ssize_t length) {
  return length > 0 && !guard_received(descriptor, message, (size_t)length) ? 0 : length;
}

PUBLIC ssize_t recvmsg(int descriptor, struct msghdr *message, int flags) {
  return received(descriptor, message, REAL(recvmsg)(descriptor, message, flags));
}

PUBLIC int recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout) {
  int received_count = REAL(recvmmsg)(descriptor, messages, count, flags, timeout);
  for (int i = 0; i < received_count; i++) {
    messages[i].msg_len = (unsigned)received(descriptor, &messages[i].msg_hdr, messages[i].msg_len);
  }
  return received_count;
}

PUBLIC ssize_t read(int descriptor, void *bytes, size_t length) {
  ssize_t count = REAL(read)(descriptor, bytes, length);
  if (count <= 0 || guard_read(descriptor, bytes, (size_t)count)) return count;
  errno = ECONNRESET;
  return -1;
}

/* --- accepting */

PUBLIC int accept4(int listener, struct sockaddr *name, socklen_t *length, int flags) {
  socklen_t room = length ? *length : 0;
  for (;;) {
    int descriptor = REAL(accept4)(listener, name, length, flags);
    if (descriptor < 0 || guard_accepted(descriptor)) return descriptor;
    REAL(close)(descriptor);
    if (length) *length = room;
  }
}

PUBLIC int accept(int listener, struct sockaddr *name, socklen_t *length) {
  return accept4(listener, name, length, 0);
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
    case SYS_recvmsg:
      return recvmsg((int)a[0], (struct msghdr *)a[1], (int)a[2]);
    case SYS_recvmmsg:
      return recvmmsg((int)a[0], (struct mmsghdr *)a[1], (unsigned)a[2], (int)a[3],
                      (struct timespec *)a[4]);
    case SYS_accept4:
      return accept4((int)a[0], (struct sockaddr *)a[1], (socklen_t *)a[2], (int)a[3]);
    case SYS_epoll_pwait:
      return flush_and_wait((int)a[0], (struct epoll_event *)a[1], (int)a[2], (int)a[3],
                           (const sigset_t *)a[4]);
    case SYS_exit_group:
      egress_send_all();
      break;
  }
  return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
