#define _GNU_SOURCE
#include "lock.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool is_open;
static _Thread_local bool inside;

void lock_open(void) { is_open = true; }

bool lock_enter(void) {
  if (!is_open || inside) return false;
  inside = true;
  pthread_mutex_lock(&mutex);
  return true;
}

void lock_leave(void) {
  pthread_mutex_unlock(&mutex);
  inside = false;
}
