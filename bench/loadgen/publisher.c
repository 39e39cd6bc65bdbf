/*
 * A publisher's stream: frames of equal packets, sent at once or spread over a part of the frame's
 * time. The content is a mark, not video. The payload descriptor is VP8's, so that a server finds the
 * key frames; a key frame is sent whenever the server requests one.
 */
#include "loadgen.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static uint64_t ntp_time(void) {
  long long us = wall_us();
  return ((uint64_t)(us / 1000000 + 2208988800LL) << 32) | (((us % 1000000) << 32) / 1000000);
}

/* A later order changes the running stream.
 * stream <id> <ssrc> <pt> <mid> <abs-send-time> <transport-cc> <per frame> <size> <fps> <spread> */
void publisher_start(Leg *leg, const char *line) {
  Publisher *p = &publisher;
  if (sscanf(line, "stream %*d %u %d %d %d %d %d %d %d %d", &p->ssrc, &p->payload_type, &p->mid_id,
             &p->time_id, &p->twcc_id, &p->per_frame, &p->size, &p->fps,
             &p->spread_permille) != 9) {
    fprintf(stderr, "not understood: %s\n", line);
    exit(1);
  }
  p->leg = leg;
  p->on = p->key_wanted = 1;
  p->in_frame = 0;
  p->frame_at = p->next_at = now_us();
}

/* messages <id> <stream> <bytes> <per second>; 0 per second stops them. */
void publisher_messages(Leg *leg, const char *line) {
  Publisher *p = &publisher;
  sscanf(line, "messages %*d %d %d %d", &p->message_stream, &p->message_bytes, &p->messages_per_s);
  p->leg = leg;
  p->message_at = now_us();
}

static int put_extension(uint8_t *at, int id, const void *value, int length) {
  if (!id) return 0;
  at[0] = id << 4 | (length - 1);
  memcpy(at + 1, value, length);
  return 1 + length;
}

static int put_header(Publisher *p, uint8_t *at) {
  at[0] = 0x90;
  at[1] = p->payload_type | (p->in_frame == p->per_frame - 1 ? 128 : 0);
  uint16_t seq = htons(p->seq);
  uint32_t timestamp = htonl(p->timestamp), ssrc = htonl(p->ssrc);
  memcpy(at + 2, &seq, 2);
  memcpy(at + 4, &timestamp, 4);
  memcpy(at + 8, &ssrc, 4);
  at[12] = 0xbe, at[13] = 0xde;
  uint32_t time = ntp_time() >> 14;
  uint8_t time24[3] = {time >> 16, time >> 8, time};
  int end = 16;
  end += put_extension(at + end, p->mid_id, "0", 1);
  end += put_extension(at + end, p->time_id, time24, 3);
  end += put_extension(at + end, p->twcc_id, &seq, 2);
  while (end & 3) at[end++] = 0;
  at[14] = 0, at[15] = (end - 16) / 4;
  return end;
}

static void send_packet(Publisher *p) {
  /* `size` is what goes over the wire; 16 bytes of it are SRTP's tag. */
  uint8_t packet[PACKET];
  int length = p->size - 16;
  int at = put_header(p, packet);
  uint8_t *payload = packet + at;
  memset(payload, 0, FILLED_FROM);
  int starts = p->in_frame == 0;
  payload[0] = starts ? 0x90 : 0x80;
  payload[1] = 0x80;
  payload[2] = 0x80 | (p->picture_id >> 8 & 0x7f), payload[3] = p->picture_id;
  if (starts) {
    /* RFC 6386, 9.1: a key frame's first bit is 0; its size follows. */
    payload[4] = p->key_wanted ? 0x10 : 0x11;
    if (p->key_wanted) memcpy(payload + 7, "\x9d\x01\x2a\x80\x02\x68\x01", 7);
    p->key_wanted = 0;
  }
  payload_fill(payload, length - at, p->packet++, wall_us());
  if (srtp_protect(p->leg->srtp_out, packet, &length) != srtp_err_status_ok) return;
  if (send(p->leg->fd, packet, length, 0) < 0) return;
  p->seq++;
  p->bytes += length - at;
  counts.sent++;
}

static void send_report(Publisher *p) {
  uint32_t words[7] = {0x80c80006, p->ssrc, 0, 0, p->timestamp, p->packet, p->bytes};
  uint64_t time = ntp_time();
  words[2] = time >> 32, words[3] = time;
  uint8_t packet[256];
  for (int i = 0; i < 7; i++) {
    uint32_t word = htonl(words[i]);
    memcpy(packet + 4 * i, &word, 4);
  }
  int length = sizeof words;
  if (srtp_protect_rtcp(p->leg->srtp_out, packet, &length) == srtp_err_status_ok)
    send(p->leg->fd, packet, length, 0);
}

long long publisher_send(long long now) {
  Publisher *p = &publisher;
  if (!p->leg->up) return now + TICK_MS * 1000;
  if (p->messages_per_s && now >= p->message_at) {
    sctp_send(p->leg, p->message_stream, p->message_bytes);
    p->message_at += 1000000 / p->messages_per_s;
  }
  if (!p->on) return p->messages_per_s ? p->message_at : now + TICK_MS * 1000;
  long long frame_us = 1000000 / p->fps;
  while (now >= p->next_at) {
    send_packet(p);
    if (++p->in_frame == p->per_frame) {
      p->in_frame = 0;
      p->picture_id++;
      p->timestamp += 90000 / p->fps;
      p->frame_at += frame_us;
      /* Packets missed because of the machine are skipped: no encoder would send them in a burst. */
      if (now > p->frame_at + frame_us) p->frame_at = now;
    }
    p->next_at = p->frame_at + frame_us * p->spread_permille / 1000 * p->in_frame / p->per_frame;
  }
  if (now >= p->report_at) {
    send_report(p);
    p->report_at = now + REPORT_US;
  }
  return p->next_at;
}

void publisher_receive(Leg *leg, uint8_t *packet, int length) {
  if (packet[1] < 192 || packet[1] > 223) return;
  if (srtp_unprotect_rtcp(leg->srtp_in, packet, &length) != srtp_err_status_ok) return;
  for (int at = 0; at + 4 <= length; at += 4 + 4 * (packet[at + 2] << 8 | packet[at + 3])) {
    int format = packet[at] & 31;
    /* PLI and FIR. */
    if (packet[at + 1] != 206 || (format != 1 && format != 4)) continue;
    publisher.key_wanted = 1;
    counts.key_requests++;
  }
}
