/*
 * key_wipe.test <key bits>: looks for session keys in heap blocks, while a session lives and at the
 * moment when a block is freed. Prints "keys <n> live <n> freed <n> control <n>": session keys, blocks
 * in use that hold one, blocks that were freed with one still in them, and whether the search notices
 * a block that is not wiped.
 *
 * Needs glibc, and no sanitizer: it replaces malloc and free for the whole process, libraries included.
 */
#define _GNU_SOURCE /* memmem */
#include <malloc.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 64, BLOCKS = 1 << 16, PACKET = 1200 };

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void __libc_free(void *);

static struct {
  uint8_t bytes[32];
  size_t length;
} keys[KEYS];
static unsigned key_count, block_count, freed_with_key;
static void *blocks[BLOCKS];
static bool recording;

static const uint8_t *remember(const EVP_CIPHER *cipher, const uint8_t *key) {
  if (recording && key && key_count < KEYS) {
    keys[key_count].length = (size_t)EVP_CIPHER_get_key_length(cipher);
    memcpy(keys[key_count].bytes, key, keys[key_count].length);
    key_count++;
  }
  return key;
}

/* The session keys are derived inside libsrtp: they are seen here, where our cipher gets them. */
#define EVP_CipherInit_ex(context, cipher, engine, key, iv, encrypts) \
  (EVP_CipherInit_ex)(context, cipher, engine, remember(cipher, key), iv, encrypts)
#include "aes_gcm.c"
#undef EVP_CipherInit_ex

static bool has_key(void *block) {
  size_t size = malloc_usable_size(block);
  for (unsigned i = 0; i < key_count; i++) {
    if (memmem(block, size, keys[i].bytes, keys[i].length)) return true;
  }
  return false;
}

static void *noted(void *block) {
  if (recording && block && block_count < BLOCKS) blocks[block_count++] = block;
  return block;
}

void *malloc(size_t size) { return noted(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) { return noted(__libc_calloc(count, size)); }

void free(void *block) {
  if (recording && block) {
    if (has_key(block)) freed_with_key++;
    for (unsigned i = 0; i < block_count; i++) {
      if (blocks[i] == block) blocks[i] = blocks[--block_count];
    }
  }
  __libc_free(block);
}

static unsigned live_with_key(void) {
  unsigned count = 0;
  for (unsigned i = 0; i < block_count; i++) count += has_key(blocks[i]);
  return count;
}

static void must(srtp_err_status_t error) {
  if (error) exit(3);
}

int main(int count, char **arguments) {
  if (count < 2 || srtp_init() || onecast_gcm_by_openssl()) return 2;
  uint8_t key[SRTP_MAX_KEY_LEN];
  for (unsigned i = 0; i < sizeof key; i++) key[i] = (uint8_t)(i * 11 + 3);
  srtp_profile_t profile = atoi(arguments[1]) == 128 ? srtp_profile_aead_aes_128_gcm
                                                     : srtp_profile_aead_aes_256_gcm;
  srtp_policy_t policy = {.ssrc.type = ssrc_any_outbound, .key = key, .window_size = 1024};
  must(srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile));
  must(srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile));

  recording = true;
  srtp_t session = NULL;
  must(srtp_create(&session, &policy));
  uint8_t packet[PACKET + SRTP_MAX_TRAILER_LEN] = {0x80, 96, [11] = 1};
  int length = PACKET;
  must(srtp_protect(session, packet, &length));
  uint8_t report[64 + SRTP_MAX_TRAILER_LEN] = {0x81, 201, 0, 7, [7] = 1};
  length = 32;
  must(srtp_protect_rtcp(session, report, &length));
  unsigned live = live_with_key();
  must(srtp_dealloc(session));
  unsigned freed = freed_with_key;

  uint8_t *control = malloc(64);
  memcpy(control + 8, keys[0].bytes, keys[0].length);
  /* The compiler must not remove a copy that nobody seems to read. */
  __asm__ volatile("" : : "r"(control) : "memory");
  free(control);
  printf("keys %u live %u freed %u control %u\n", key_count, live, freed, freed_with_key - freed);
  return 0;
}
