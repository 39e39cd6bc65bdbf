/*
 * aes_gcm.test ours|theirs <key bits> <packets>: prints packets encrypted with a fixed key, as hex.
 * aes_gcm.test open <key bits>: decrypts the packets of stdin with our cipher; prints them or the error.
 * aes_gcm.test ours-sessions|theirs-sessions <key bits> <count>: prints the CPU time per session, in µs.
 * aes_gcm.test ours-rfc|theirs-rfc <key bits> -: stdin has lines of hex, "<key and salt> <IV> <AAD> <text>",
 * where "-" is empty. Prints the sealed text with its tag, and the text that is opened from it again.
 * "ours" is the cipher with OpenSSL, "theirs" the distribution's. Lines that begin with "rtcp" are SRTCP.
 */
#include "aes_gcm.h"

#include <srtp2/cipher.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE = 2048, HEADER = 12 };

static srtp_t session_of(int bits, srtp_ssrc_type_t direction) {
  static uint8_t key[SRTP_MAX_KEY_LEN];
  for (unsigned i = 0; i < sizeof key; i++) key[i] = (uint8_t)(i * 7 + 1);
  srtp_profile_t profile =
      bits == 128 ? srtp_profile_aead_aes_128_gcm : srtp_profile_aead_aes_256_gcm;
  srtp_policy_t policy = {.ssrc.type = direction, .key = key, .window_size = 1024};
  srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile);
  srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile);
  srtp_t session = NULL;
  if (srtp_create(&session, &policy) != srtp_err_status_ok) exit(3);
  return session;
}

static void print(const char *kind, const uint8_t *bytes, int length) {
  printf("%s ", kind);
  for (int i = 0; i < length; i++) printf("%02x", bytes[i]);
  printf("\n");
}

/* Payloads of many lengths up to that of a full packet, including an empty one. */
static void seal(int bits, int packets) {
  srtp_t session = session_of(bits, ssrc_any_outbound);
  for (int i = 0; i < packets; i++) {
    uint8_t bytes[SIZE] = {0x80, 96, (uint8_t)(i >> 8), (uint8_t)i, [11] = 1};
    int length = HEADER + (i == 0 ? 0 : (i * 37) % 1200);
    for (int n = HEADER; n < length; n++) bytes[n] = (uint8_t)(n * i);
    if (srtp_protect(session, bytes, &length) != srtp_err_status_ok) exit(4);
    print("rtp", bytes, length);
    uint8_t report[SIZE] = {0x81, 201, 0, 7, [7] = 1};
    int report_length = 32;
    if (srtp_protect_rtcp(session, report, &report_length) != srtp_err_status_ok) exit(4);
    print("rtcp", report, report_length);
  }
  srtp_dealloc(session);
}

static void open_all(int bits) {
  srtp_t session = session_of(bits, ssrc_any_inbound);
  static char line[2 * SIZE + 16];
  while (fgets(line, sizeof line, stdin)) {
    char kind[8];
    static char hex[2 * SIZE + 1];
    if (sscanf(line, "%7s %4096s", kind, hex) != 2) exit(5);
    uint8_t bytes[SIZE];
    int length = (int)strlen(hex) / 2;
    for (int i = 0; i < length; i++) {
      unsigned byte = 0;
      sscanf(hex + 2 * i, "%2x", &byte);
      bytes[i] = (uint8_t)byte;
    }
    srtp_err_status_t error = strcmp(kind, "rtcp") == 0
                                  ? srtp_unprotect_rtcp(session, bytes, &length)
                                  : srtp_unprotect(session, bytes, &length);
    if (error) printf("%s error %d\n", kind, error);
    else print(kind, bytes, length);
  }
  srtp_dealloc(session);
}

/* libsrtp exports it, but the distribution does not install its header. */
srtp_err_status_t srtp_crypto_kernel_alloc_cipher(
    srtp_cipher_type_id_t, srtp_cipher_pointer_t *, int key_len, int tag_len);

static unsigned bytes_of(const char *hex, uint8_t *bytes) {
  if (strcmp(hex, "-") == 0) return 0;
  unsigned length = (unsigned)strlen(hex) / 2;
  for (unsigned i = 0; i < length; i++) {
    unsigned byte = 0;
    if (sscanf(hex + 2 * i, "%2x", &byte) != 1) exit(5);
    bytes[i] = (uint8_t)byte;
  }
  return length;
}

static void must(srtp_err_status_t error) {
  if (error) exit(7);
}

static void begin(srtp_cipher_t *cipher, const char *iv_hex, const char *aad_hex, int direction) {
  uint8_t iv[SIZE], aad[SIZE];
  bytes_of(iv_hex, iv);
  unsigned length = bytes_of(aad_hex, aad);
  must(srtp_cipher_set_iv(cipher, iv, direction));
  must(srtp_cipher_set_aad(cipher, aad, length));
}

/* The cipher alone, as libsrtp calls it for each packet. */
static void seal_vectors(int bits) {
  srtp_cipher_type_id_t id = bits == 128 ? SRTP_AES_GCM_128 : SRTP_AES_GCM_256;
  static char key_hex[SIZE], iv_hex[SIZE], aad_hex[SIZE], text_hex[SIZE];
  while (scanf("%2047s %2047s %2047s %2047s", key_hex, iv_hex, aad_hex, text_hex) == 4) {
    uint8_t key[SIZE], text[SIZE], tag[SIZE];
    srtp_cipher_t *cipher = NULL;
    must(srtp_crypto_kernel_alloc_cipher(id, &cipher, (int)bytes_of(key_hex, key), 16));
    must(srtp_cipher_init(cipher, key));
    unsigned length = bytes_of(text_hex, text), tag_length = 0;
    begin(cipher, iv_hex, aad_hex, srtp_direction_encrypt);
    must(srtp_cipher_encrypt(cipher, text, &length));
    must(srtp_cipher_get_tag(cipher, tag, &tag_length));
    memcpy(text + length, tag, tag_length);
    length += tag_length;
    print(cipher->type->description, text, (int)length);
    begin(cipher, iv_hex, aad_hex, srtp_direction_decrypt);
    must(srtp_cipher_decrypt(cipher, text, &length));
    print("opened", text, (int)length);
    must(srtp_cipher_dealloc(cipher));
  }
}

static double cpu_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

/* Creates and closes one session after another, as viewers do. */
static void make_sessions(int bits, int count) {
  double started = cpu_us();
  for (int i = 0; i < count; i++) srtp_dealloc(session_of(bits, ssrc_any_outbound));
  printf("%.1f\n", (cpu_us() - started) / count);
}

int main(int count, char **arguments) {
  if (count < 3 || srtp_init() != srtp_err_status_ok) return 2;
  if (strncmp(arguments[1], "theirs", 6) != 0 && onecast_gcm_by_openssl() != srtp_err_status_ok) return 1;
  if (strcmp(arguments[1], "open") == 0) open_all(atoi(arguments[2]));
  else if (strstr(arguments[1], "-rfc")) seal_vectors(atoi(arguments[2]));
  else if (strstr(arguments[1], "-sessions")) make_sessions(atoi(arguments[2]), atoi(arguments[3]));
  else seal(atoi(arguments[2]), atoi(arguments[3]));
  return srtp_shutdown() == srtp_err_status_ok ? 0 : 6;
}
