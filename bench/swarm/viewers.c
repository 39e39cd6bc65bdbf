/*
 * Light viewers for the swarm: each does ICE, DTLS and SRTP as a browser does and counts what it
 * receives; nothing is decoded. One socket per viewer, one thread for all of them.
 *
 *   cc -O2 -o viewers viewers.c -lssl -lcrypto -lsrtp2
 *
 * Prints "fingerprint <sha-256>", then reads lines:
 *   open <id> <ip> <port> <server ufrag> <server pwd> <own ufrag> <video ssrc>
 *   counts
 * and prints, with the monotonic clock in microseconds:
 *   ice <id> <us> | dtls <id> <us> | packet <id> <us> key|delta | error <id> <text>
 *   counts <received> <broken>   (all viewers, video packets)
 * Ends at the end of its input.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <srtp2/srtp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_VIEWERS = 4096, PACKET = 2048, TICK_MS = 10 };
/* Chromium's first timer for both; OpenSSL's own second would hide what the server does. */
enum { CHECK_US = 50 * 1000, DTLS_US = 50 * 1000, KEEP_ALIVE_US = 2 * 1000 * 1000 };

typedef struct {
  int id, fd;
  char username[128], password[64];
  uint64_t tie_breaker;
  unsigned ssrc;
  long long check_at;
  int ice, up, first, failed;
  SSL *ssl;
  BIO *in;
  srtp_t srtp;
} Viewer;

static Viewer *viewers[MAX_VIEWERS];
static int viewer_count, epoll_fd;
static long long received, broken;
static SSL_CTX *context;

static long long now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void fail(Viewer *v, const char *why) {
  if (v->failed) return;
  v->failed = 1;
  printf("error %d %s\n", v->id, why);
}

/* --- ICE: binding requests with USE-CANDIDATE, RFC 8445 and 5389 */

static uint32_t crc32_of(const uint8_t *data, size_t length) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < length; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc;
}

static size_t put(uint8_t *at, uint16_t type, const void *value, uint16_t length) {
  at[0] = type >> 8, at[1] = type, at[2] = length >> 8, at[3] = length;
  memset(at + 4, 0, (length + 3) & ~3);
  memcpy(at + 4, value, length);
  return 4 + ((length + 3) & ~3);
}

static void set_length(uint8_t *message, size_t body) {
  message[2] = body >> 8, message[3] = body;
}

static void check(Viewer *v) {
  uint8_t m[512] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
  uint8_t mac[EVP_MAX_MD_SIZE];
  unsigned mac_length;
  RAND_bytes(m + 8, 12);
  size_t end = 20;
  uint32_t priority = htonl(1853817087);
  end += put(m + end, 0x0006, v->username, strlen(v->username));
  end += put(m + end, 0x0024, &priority, 4);
  end += put(m + end, 0x802a, &v->tie_breaker, 8);
  end += put(m + end, 0x0025, "", 0);
  set_length(m, end - 20 + 24);
  HMAC(EVP_sha1(), v->password, strlen(v->password), m, end, mac, &mac_length);
  end += put(m + end, 0x0008, mac, 20);
  set_length(m, end - 20 + 8);
  uint32_t crc = htonl(crc32_of(m, end) ^ 0x5354554e);
  end += put(m + end, 0x8028, &crc, 4);
  send(v->fd, m, end, 0);
  v->check_at = now_us() + (v->ice ? KEEP_ALIVE_US : CHECK_US);
}

/* --- DTLS */

static unsigned first_timer(SSL *ssl, unsigned us) {
  (void)ssl;
  return us == 0 ? DTLS_US : us * 2;
}

static void set_up_srtp(Viewer *v) {
  SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(v->ssl);
  if (!profile) return fail(v, "no SRTP profile");
  srtp_policy_t policy;
  memset(&policy, 0, sizeof policy);
  int key = 16, salt = 12;
  switch (profile->id) {
    case SRTP_AES128_CM_SHA1_80:
      salt = 14;
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
      break;
    case SRTP_AEAD_AES_128_GCM:
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
      break;
    case SRTP_AEAD_AES_256_GCM:
      key = 32;
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
      break;
    default:
      return fail(v, "unknown SRTP profile");
  }
  /* Client key, server key, client salt, server salt; we are the client and hear the server. */
  uint8_t material[128], hears[64];
  SSL_export_keying_material(v->ssl, material, 2 * (key + salt), "EXTRACTOR-dtls_srtp", 19, NULL,
                             0, 0);
  memcpy(hears, material + key, key);
  memcpy(hears + key, material + 2 * key + salt, salt);
  policy.ssrc.type = ssrc_any_inbound;
  policy.key = hears;
  policy.window_size = 1024;
  if (srtp_create(&v->srtp, &policy) != srtp_err_status_ok) return fail(v, "srtp_create");
  v->up = 1;
  printf("dtls %d %lld\n", v->id, now_us());
}

static void advance(Viewer *v) {
  if (v->failed) return;
  if (v->up) {
    uint8_t ignored[PACKET];
    /* SCTP and alerts: read so that OpenSSL answers what it must. */
    while (SSL_read(v->ssl, ignored, sizeof ignored) > 0) continue;
    return;
  }
  int result = SSL_do_handshake(v->ssl);
  if (result == 1) return set_up_srtp(v);
  int why = SSL_get_error(v->ssl, result);
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) fail(v, "DTLS handshake");
  ERR_clear_error();
}

static void start_dtls(Viewer *v) {
  struct sockaddr_in peer;
  socklen_t length = sizeof peer;
  getpeername(v->fd, (struct sockaddr *)&peer, &length);
  v->ssl = SSL_new(context);
  v->in = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(v->in, -1);
  BIO *out = BIO_new_dgram(v->fd, BIO_NOCLOSE);
  BIO_ctrl(out, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &peer);
  SSL_set_bio(v->ssl, v->in, out);
  SSL_set_options(v->ssl, SSL_OP_NO_QUERY_MTU);
  SSL_set_mtu(v->ssl, 1200);
  DTLS_set_timer_cb(v->ssl, first_timer);
  SSL_set_connect_state(v->ssl);
  advance(v);
}

/* --- RTP */

/** Whether a VP8 packet (RFC 7741) begins a key frame. */
static int begins_key_frame(const uint8_t *p, int length) {
  int at = 12 + 4 * (p[0] & 15);
  if (p[0] & 16 && at + 4 <= length) at += 4 + 4 * (p[at + 2] << 8 | p[at + 3]);
  if (at + 6 >= length) return 0;
  int starts = p[at] & 16;
  if (p[at++] & 128) {
    int flags = p[at++];
    if (flags & 128) at += p[at] & 128 ? 2 : 1;
    if (flags & 64) at++;
    if (flags & 48) at++;
  }
  return at < length && starts && !(p[at] & 1);
}

static void heard_rtp(Viewer *v, uint8_t *packet, int length) {
  if (srtp_unprotect(v->srtp, packet, &length) != srtp_err_status_ok) {
    broken++;
    return;
  }
  /* The server's bandwidth probes have a stream of their own. */
  if (((unsigned)packet[8] << 24 | packet[9] << 16 | packet[10] << 8 | packet[11]) != v->ssrc) return;
  received++;
  if (v->first) return;
  v->first = 1;
  printf("packet %d %lld %s\n", v->id, now_us(), begins_key_frame(packet, length) ? "key" : "delta");
}

static void heard(Viewer *v) {
  uint8_t packet[PACKET];
  ssize_t length;
  while ((length = recv(v->fd, packet, sizeof packet, 0)) > 0) {
    uint8_t first = packet[0];
    if (first < 4) {
      if (v->ice || packet[0] != 1 || packet[1] != 1) continue;
      v->ice = 1;
      v->check_at = now_us() + KEEP_ALIVE_US;
      printf("ice %d %lld\n", v->id, now_us());
      start_dtls(v);
    } else if (first >= 20 && first < 64) {
      if (!v->ssl) continue;
      BIO_write(v->in, packet, length);
      advance(v);
    } else if (first >= 128 && first < 192 && length > 12) {
      int is_rtcp = packet[1] >= 192 && packet[1] <= 223;
      if (v->up && !is_rtcp) heard_rtp(v, packet, length);
    }
  }
}

static void tick(void) {
  long long now = now_us();
  for (int i = 0; i < viewer_count; i++) {
    Viewer *v = viewers[i];
    if (v->failed) continue;
    if (now >= v->check_at) check(v);
    struct timeval left;
    if (v->ssl && !v->up && DTLSv1_get_timeout(v->ssl, &left) && !left.tv_sec && !left.tv_usec) {
      DTLSv1_handle_timeout(v->ssl);
      advance(v);
    }
  }
}

/* --- orders */

static void open_viewer(const char *line) {
  Viewer *v = calloc(1, sizeof *v);
  char ip[64], server_ufrag[64], own_ufrag[32];
  int port;
  if (viewer_count == MAX_VIEWERS || sscanf(line, "open %d %63s %d %63s %63s %31s %u", &v->id, ip, &port, server_ufrag,
                                            v->password, own_ufrag, &v->ssrc) != 7) {
    fprintf(stderr, "not understood: %s\n", line);
    exit(1);
  }
  snprintf(v->username, sizeof v->username, "%s:%s", server_ufrag, own_ufrag);
  RAND_bytes((uint8_t *)&v->tie_breaker, sizeof v->tie_breaker);
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, ip, &server.sin_addr);
  v->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  viewers[viewer_count++] = v;
  if (v->fd < 0 || connect(v->fd, (struct sockaddr *)&server, sizeof server)) {
    fail(v, strerror(errno));
    return;
  }
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = v};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, v->fd, &event);
  check(v);
}

/** False at the end of the input. */
static int read_orders(void) {
  static char buffer[1 << 16];
  static size_t held;
  ssize_t count = read(0, buffer + held, sizeof buffer - 1 - held);
  if (count == 0) return 0;
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  held += count;
  buffer[held] = 0;
  char *line = buffer, *end;
  while ((end = strchr(line, '\n'))) {
    *end = 0;
    if (!strcmp(line, "counts")) printf("counts %lld %lld\n", received, broken);
    else open_viewer(line);
    line = end + 1;
  }
  held -= line - buffer;
  memmove(buffer, line, held);
  return 1;
}

static void make_context(void) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
  X509_set_pubkey(cert, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                             (const uint8_t *)"swarm", -1, -1, 0);
  X509_set_issuer_name(cert, X509_get_subject_name(cert));
  X509_sign(cert, key, EVP_sha256());
  context = SSL_CTX_new(DTLS_client_method());
  SSL_CTX_use_certificate(context, cert);
  SSL_CTX_use_PrivateKey(context, key);
  /* Chromium's profiles; the server chooses. It is ours and on this machine: not verified. */
  SSL_CTX_set_tlsext_use_srtp(
      context, "SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80");
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned length;
  X509_digest(cert, EVP_sha256(), digest, &length);
  printf("fingerprint ");
  for (unsigned i = 0; i < length; i++) printf("%s%02X", i ? ":" : "", digest[i]);
  printf("\n");
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  srtp_init();
  make_context();
  fcntl(0, F_SETFL, O_NONBLOCK);
  epoll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &event);
  long long tick_at = 0;
  for (;;) {
    struct epoll_event events[64];
    int count = epoll_wait(epoll_fd, events, 64, TICK_MS);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr) heard(events[i].data.ptr);
      else if (!read_orders()) return 0;
    }
    if (now_us() >= tick_at) {
      tick();
      tick_at = now_us() + TICK_MS * 1000;
    }
  }
}
