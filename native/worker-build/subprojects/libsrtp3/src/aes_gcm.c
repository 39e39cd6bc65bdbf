/*
 * AES-GCM for libsrtp 2, implemented with OpenSSL. It replaces the cipher of the distribution's libsrtp.
 *
 * Debian builds libsrtp with NSS, which needs twice the time per packet, and encryption is a large part
 * of a worker's work per packet. srtp_replace_cipher_type() accepts a new cipher if the cipher passes
 * its own test cases and those of the cipher that it replaces.
 */
#include "aes_gcm.h"

#include <openssl/evp.h>
#include <srtp2/cipher.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
  KEY_128_LEN = 16,
  KEY_256_LEN = 32,
  /* libsrtp passes key and salt as one array, and chooses the cipher by its length. */
  SALT_LEN = 12,
  /* RFC 7714; also OpenSSL's default. */
  IV_LEN = 12,
};

typedef struct {
  EVP_CIPHER_CTX *context;
  const EVP_CIPHER *cipher;
  int tag_len;
} Gcm;

static const srtp_cipher_type_t type_128, type_256;

static srtp_err_status_t gcm_dealloc(srtp_cipher_t *cipher) {
  Gcm *gcm = cipher->state;
  /* This also erases the key schedule. */
  EVP_CIPHER_CTX_free(gcm->context);
  free(gcm);
  free(cipher);
  return srtp_err_status_ok;
}

static srtp_err_status_t gcm_alloc(srtp_cipher_t **result, int key_len, int tag_len) {
  bool is_128 = key_len == KEY_128_LEN + SALT_LEN;
  if (!is_128 && key_len != KEY_256_LEN + SALT_LEN) return srtp_err_status_bad_param;
  if (tag_len != 8 && tag_len != 16) return srtp_err_status_bad_param;
  srtp_cipher_t *cipher = calloc(1, sizeof *cipher);
  Gcm *gcm = calloc(1, sizeof *gcm);
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  if (!cipher || !gcm || !context) {
    EVP_CIPHER_CTX_free(context);
    free(gcm);
    free(cipher);
    return srtp_err_status_alloc_fail;
  }
  *gcm = (Gcm){context, is_128 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(), tag_len};
  cipher->state = gcm;
  cipher->type = is_128 ? &type_128 : &type_256;
  cipher->algorithm = is_128 ? SRTP_AES_GCM_128 : SRTP_AES_GCM_256;
  cipher->key_len = key_len;
  *result = cipher;
  return srtp_err_status_ok;
}

static srtp_err_status_t gcm_init(void *state, const uint8_t *key) {
  Gcm *gcm = state;
  bool done = EVP_CipherInit_ex(gcm->context, gcm->cipher, NULL, key, NULL, 1) == 1;
  return done ? srtp_err_status_ok : srtp_err_status_init_fail;
}

static srtp_err_status_t gcm_set_iv(void *state, uint8_t *iv, srtp_cipher_direction_t direction) {
  Gcm *gcm = state;
  if (direction == srtp_direction_any) return srtp_err_status_bad_param;
  int encrypts = direction == srtp_direction_encrypt;
  bool done = EVP_CipherInit_ex(gcm->context, NULL, NULL, NULL, iv, encrypts) == 1;
  return done ? srtp_err_status_ok : srtp_err_status_init_fail;
}

static srtp_err_status_t gcm_set_aad(void *state, const uint8_t *aad, uint32_t length) {
  Gcm *gcm = state;
  int processed = 0;
  bool done = EVP_CipherUpdate(gcm->context, NULL, &processed, aad, (int)length) == 1;
  return done ? srtp_err_status_ok : srtp_err_status_algo_fail;
}

/* Encrypts or decrypts in place. A packet that is only a header has no bytes to process. */
static bool run(Gcm *gcm, unsigned char *bytes, unsigned length) {
  int processed = 0, rest = 0;
  if (length > 0 && EVP_CipherUpdate(gcm->context, bytes, &processed, bytes, (int)length) != 1) {
    return false;
  }
  /* When decrypting, this checks the authentication tag. */
  return EVP_CipherFinal_ex(gcm->context, bytes + processed, &rest) == 1;
}

static srtp_err_status_t gcm_encrypt(void *state, uint8_t *bytes, unsigned *length) {
  return run(state, bytes, *length) ? srtp_err_status_ok : srtp_err_status_cipher_fail;
}

static srtp_err_status_t gcm_get_tag(void *state, uint8_t *tag, uint32_t *length) {
  Gcm *gcm = state;
  if (EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_AEAD_GET_TAG, gcm->tag_len, tag) != 1) {
    return srtp_err_status_algo_fail;
  }
  *length = (uint32_t)gcm->tag_len;
  return srtp_err_status_ok;
}

/* The input ends with the tag; the output does not contain it. */
static srtp_err_status_t gcm_decrypt(void *state, uint8_t *bytes, unsigned *length) {
  Gcm *gcm = state;
  if (*length < (unsigned)gcm->tag_len) return srtp_err_status_bad_param;
  unsigned text_len = *length - (unsigned)gcm->tag_len;
  void *tag = bytes + text_len;
  if (EVP_CIPHER_CTX_ctrl(gcm->context, EVP_CTRL_AEAD_SET_TAG, gcm->tag_len, tag) != 1) {
    return srtp_err_status_algo_fail;
  }
  if (!run(gcm, bytes, text_len)) return srtp_err_status_auth_fail;
  *length = text_len;
  return srtp_err_status_ok;
}

/*
 * Test cases 4 and 16 of McGrew and Viega, "The Galois/Counter Mode of Operation": the same texts
 * with a key of 128 and of 256 bits. The salt after the key belongs to libsrtp and is ignored here.
 */
static const uint8_t test_key_128[KEY_128_LEN + SALT_LEN] = {
    0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,  //
    0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
static const uint8_t test_key_256[KEY_256_LEN + SALT_LEN] = {
    0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,  //
    0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08,  //
    0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c,  //
    0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
static uint8_t test_iv[IV_LEN] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce,
                                  0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
static const uint8_t test_plain[] = {
    0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5,  //
    0xaf, 0xf5, 0x26, 0x9a, 0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda,  //
    0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31, 0x8a, 0x72, 0x1c, 0x3c, 0x0c, 0x95,  //
    0x95, 0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49, 0xa6, 0xb5, 0x25,  //
    0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39};
static const uint8_t test_aad[] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
                                   0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
static const uint8_t test_sealed_128[] = {
    0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24, 0x4b, 0x72, 0x21, 0xb7,  //
    0x84, 0xd0, 0xd4, 0x9c, 0xe3, 0xaa, 0x21, 0x2f, 0x2c, 0x02, 0xa4, 0xe0,  //
    0x35, 0xc1, 0x7e, 0x23, 0x29, 0xac, 0xa1, 0x2e, 0x21, 0xd5, 0x14, 0xb2,  //
    0x54, 0x66, 0x93, 0x1c, 0x7d, 0x8f, 0x6a, 0x5a, 0xac, 0x84, 0xaa, 0x05,  //
    0x1b, 0xa3, 0x0b, 0x39, 0x6a, 0x0a, 0xac, 0x97, 0x3d, 0x58, 0xe0, 0x91,  //
    0x5b, 0xc9, 0x4f, 0xbc, 0x32, 0x21, 0xa5, 0xdb, 0x94, 0xfa, 0xe9, 0x5a,  //
    0xe7, 0x12, 0x1a, 0x47};
static const uint8_t test_sealed_256[] = {
    0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f, 0x37, 0xa3,  //
    0x2a, 0x84, 0x42, 0x7d, 0x64, 0x3a, 0x8c, 0xdc, 0xbf, 0xe5, 0xc0, 0xc9,  //
    0x75, 0x98, 0xa2, 0xbd, 0x25, 0x55, 0xd1, 0xaa, 0x8c, 0xb0, 0x8e, 0x48,  //
    0x59, 0x0d, 0xbb, 0x3d, 0xa7, 0xb0, 0x8b, 0x10, 0x56, 0x82, 0x88, 0x38,  //
    0xc5, 0xf6, 0x1e, 0x63, 0x93, 0xba, 0x7a, 0x0a, 0xbc, 0xc9, 0xf6, 0x62,  //
    0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e, 0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53,  //
    0xbb, 0x2d, 0x55, 0x1b};

#define TEST_CASE(key, sealed)                                                              \
  {                                                                                         \
    sizeof key, key, test_iv, sizeof test_plain, test_plain, sizeof sealed, sealed,         \
        sizeof test_aad, test_aad, sizeof sealed - sizeof test_plain, NULL                  \
  }
static const srtp_cipher_test_case_t test_128 = TEST_CASE(test_key_128, test_sealed_128);
static const srtp_cipher_test_case_t test_256 = TEST_CASE(test_key_256, test_sealed_256);

#define TYPE(name, test, id)                                                               \
  {                                                                                        \
    gcm_alloc, gcm_dealloc, gcm_init, gcm_set_aad, gcm_encrypt, gcm_decrypt, gcm_set_iv,   \
        gcm_get_tag, name, &test, id                                                       \
  }
static const srtp_cipher_type_t type_128 = TYPE("AES-128 GCM by OpenSSL", test_128, SRTP_AES_GCM_128);
static const srtp_cipher_type_t type_256 = TYPE("AES-256 GCM by OpenSSL", test_256, SRTP_AES_GCM_256);

/*
 * libsrtp still derives keys with NSS. It unloads NSS together with the last cipher that uses it, and
 * loads it again for the next one, which costs 0.7 ms per session. One session that is never closed or
 * used keeps NSS loaded.
 */
static srtp_err_status_t keep_nss_loaded(void) {
  static srtp_t kept;
  static uint8_t no_key[SRTP_MAX_KEY_LEN];
  if (kept) return srtp_err_status_ok;
  srtp_policy_t policy = {.ssrc.type = ssrc_any_outbound, .key = no_key};
  srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
  srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
  return srtp_create(&kept, &policy);
}

srtp_err_status_t onecast_gcm_by_openssl(void) {
  srtp_err_status_t error = srtp_replace_cipher_type(&type_128, SRTP_AES_GCM_128);
  if (!error) error = srtp_replace_cipher_type(&type_256, SRTP_AES_GCM_256);
  return error ? error : keep_nss_loaded();
}
