/*
 * The load generator: publishers and viewers with real ICE, DTLS and SRTP in one thread. It costs so
 * little that the bench measures the server on the other core. main.c describes its input and output.
 */
#ifndef LOADGEN_H
#define LOADGEN_H

#include <openssl/ssl.h>
#include <srtp2/srtp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "aes_gcm.h"

enum { MAX_LEGS = 4096, PACKET = 2048, TICK_MS = 10 };
/* Chromium's first timers; OpenSSL's default of 1 s would hide delays of the server. */
enum { CHECK_US = 50 * 1000, DTLS_US = 50 * 1000, KEEP_ALIVE_US = 2 * 1000 * 1000 };
/* A browser's interval of receiver reports, and of transport-cc feedback where it is negotiated. */
enum { REPORT_US = 1000 * 1000, ARRIVALS_US = 100 * 1000, ARRIVALS = 512 };

typedef enum { FEEDBACK_RR, FEEDBACK_REMB, FEEDBACK_TWCC } Feedback;

/* One transport to the server. */
typedef struct {
  int id, fd;
  char username[160], own_password[64], peer_password[64];
  uint64_t tie_breaker;
  int controlling;
  long long check_at, report_at, arrivals_at;
  int ice, up, failed;
  SSL *ssl;
  BIO *in;
  srtp_t srtp_in, srtp_out;
  /* NULL without a data channel. */
  struct Sctp *sctp;
  int wants_data;
  /* The stream that it receives, and its feedback about it. */
  uint32_t ssrc;
  int sampled, first;
  Feedback feedback;
  int twcc_id;
  uint8_t twcc_count;
  int arrivals;
  uint16_t arrived_seq[ARRIVALS];
  long long arrived_us[ARRIVALS];
  /* hostile.c: a socket of another address, or 0; whether it requests packets again. */
  int stranger_fd, nacks;
  long long stranger_at, nack_at, server_report_us;
  uint32_t server_report;
  /* Since the last mark. */
  int64_t highest, base;
  uint64_t received;
  uint32_t expected;
} Leg;

/* The leg that publishes. */
typedef struct {
  Leg *leg;
  int on, per_frame, size, fps, spread_permille, payload_type, mid_id, time_id, twcc_id;
  uint32_t ssrc, timestamp, packet;
  uint16_t seq, picture_id;
  int in_frame, key_wanted;
  long long frame_at, next_at, report_at, message_at;
  int message_stream, message_bytes, messages_per_s;
  uint64_t bytes;
} Publisher;

typedef struct {
  uint64_t received, other, broken, wrong, sent, key_requests, messages, messages_sent;
} Counts;

extern Leg *legs[MAX_LEGS];
extern int leg_count;
extern Publisher publisher;
extern Counts counts;

/* main.c */
long long now_us(void);
long long wall_us(void);
void fail(Leg *leg, const char *why);

/* ice.c */
/* Returns the bytes sent. */
long ice_check(Leg *leg);
/* True at the first sign that the server accepts our packets. */
int ice_receive(Leg *leg, uint8_t *message, size_t length);

/* dtls.c */
void dtls_set_up(void);
void dtls_start(Leg *leg);
void dtls_receive(Leg *leg, const uint8_t *packet, size_t length);
void dtls_tick(Leg *leg);

/* viewer.c */
void viewer_receive(Leg *leg, uint8_t *packet, int length, int is_whole, long long arrived_wall_us);
void viewer_tick(Leg *leg, long long now);
void viewers_mark(void);
void viewers_report(void);

void delay_seen(long long us);

/* hostile.c */
void hostile_stranger(Leg *leg, const char *line);
void hostile_nacks(Leg *leg, const char *line);
void hostile_heard(Leg *leg, const uint8_t *packet, int length);
void hostile_tick(Leg *leg, long long now);
void hostile_report(void);

/* sctp.c */
void sctp_start(Leg *leg);
void sctp_receive(Leg *leg, const uint8_t *packet, int length);
void sctp_tick(Leg *leg, long long now);
void sctp_send(Leg *leg, int stream, int bytes);

/* publisher.c */
/* Data-channel messages, with or without the stream. */
void publisher_messages(Leg *leg, const char *line);
void publisher_start(Leg *leg, const char *line);
void publisher_receive(Leg *leg, uint8_t *packet, int length);
/* Sends what is due. Returns when it must be called again. */
long long publisher_send(long long now);

/* payload.c: marks in the packets, so that a viewer can identify each packet. */
enum { TRAILER = 16, FILLED_FROM = 64 };
void payload_fill(uint8_t *payload, int length, uint32_t packet, long long sent_us);
/* 1 for a valid packet, 0 for a packet that is not ours, -1 for a damaged one. */
int payload_read(const uint8_t *payload, int length, uint32_t *packet, long long *sent_us);

/* floor.c */
int measure_floor(int viewers, int milliseconds, int per_frame, int size, int fps);

#endif
