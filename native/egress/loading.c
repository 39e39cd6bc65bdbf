/* Opens the library when the media worker is loaded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "egress.h"
#include "limits.h"
#include "stats.h"

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

static unsigned number_from(const char *variable, unsigned otherwise) {
  const char *value = getenv(variable);
  return value ? (unsigned)strtoul(value, 0, 10) : otherwise;
}

__attribute__((constructor)) static void load(void) {
  remove_from_environment();
  stats_open();
  const char *batching = getenv("EGRESS_BATCHING");
  bool direct = batching && strcmp(batching, "off") == 0;
  bool on = egress_open((EgressOptions){
      .direct = direct,
      .window_us = number_from("EGRESS_WINDOW_US", WINDOW_DEFAULT_US),
      .retransmission_types = getenv("EGRESS_RETRANSMISSION_TYPES"),
      .unproved_ms = number_from("EGRESS_UNPROVED_MS", UNPROVED_MAX_MS),
  });
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  if (!getenv("EGRESS_PROBE")) return;
  printf("egress %s\n", on ? "on" : direct ? "off" : "unsupported");
  fflush(stdout);
  _exit(0);
}

__attribute__((destructor)) static void unload(void) { egress_send_all(); }
