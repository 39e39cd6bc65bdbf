#!/usr/bin/env python3
"""Sends boxes to an Onecast room, as a program next to the camera would.

    ONECAST_SECRET=... python3 boxes.py --url http://localhost:8088 --room main

Needs Python 3.9 and nothing else. The secret (or, where the server asks for tokens, a publisher's
token) comes from the environment: a command line can be read by others. Replace `detect()` by your
own model; everything else is what a program that sends to Onecast has to see to.
"""

import argparse
import http.client
import json
import math
import os
import random
import sys
import time
from urllib.parse import quote, urlsplit

TIMEOUT_S = 10
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10


def detect(captured_at):
    """Stands for a model: what it sees in the frame captured at `captured_at` (s since 1970)."""
    return [
        {
            "type": "box",
            "x": round(0.4 + 0.3 * math.sin(captured_at), 4),
            "y": round(0.4 + 0.2 * math.sin(captured_at * 0.7), 4),
            "width": 0.2,
            "height": 0.2,
            "label": "box",
            "id": "box-1",
            "color": "#ff00ff",
        }
    ]


class Refused(Exception):
    """The server will not take it, however often it is sent."""


class Later(Exception):
    """Nobody's fault, or at least not for good: to be tried again after `wait_s`."""

    def __init__(self, reason, wait_s=None):
        super().__init__(reason)
        self.wait_s = wait_s


class Room:
    """One connection to the server that is kept open, and opened again after a fault."""

    def __init__(self, url, room, secret):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Refused(f"--url {url} is no http or https address")
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        self._connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=TIMEOUT_S)
        self._path = f"/api/rooms/{quote(room, safe='')}/overlay"
        self._headers = {
            "Authorization": f"Bearer {secret}",
            "Content-Type": "application/json",
        }
        self._accepted = False

    def send(self, message):
        body = json.dumps(message).encode()
        try:
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            # Read to its end, or the connection could not be used again.
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Later(f"the server can not be reached ({error or type(error).__name__})") from error
        if response.status == 200:
            self._accepted = True
            return
        code, reason = explain(text)
        if response.status == 429 or response.status >= 500:
            after = response.getheader("Retry-After", "")
            raise Later(reason, float(after) if after.isdigit() else None)
        # After a restart of the server the room is there again when its publisher is back.
        # A machine without a battery for its clock has the right time some seconds after it started.
        if code in ("not-live", "room-unknown", "clock-off"):
            raise Later(reason, 2)
        # The secret was right before: after a restart another page may have the room until its owner is back.
        if code == "room-taken" and self._accepted:
            raise Later(reason, 2)
        raise Refused(f"{reason} ({response.status} {code})")

    def close(self):
        self._connection.close()


def explain(text):
    """Code and sentence of a refusal, of the whole request or of its first message."""
    try:
        answer = json.loads(text)
        refusal = answer["refused"][0] if "refused" in answer else answer
        return refusal["code"], refusal["message"]
    except (ValueError, KeyError, IndexError, TypeError):
        return "unknown", "the answer was not understood: is this the address of Onecast?"


def message(args, captured_at, shapes):
    captured_at_ms = round(captured_at * 1000, 3)
    made = {
        "kind": "shapes",
        "topic": args.topic,
        "capturedAt": captured_at_ms,
        # If this program dies, its boxes are gone a second later.
        "ttlMs": 1000,
        "shapes": shapes,
    }
    if args.name_frame:
        made["frame"] = {"capturedAt": captured_at_ms}
    return made


def run(args, room):
    waits = 0
    count = 0
    ends_at = time.monotonic() + args.seconds if args.seconds else math.inf
    due = time.monotonic()
    while time.monotonic() < ends_at:
        captured_at = time.time()
        try:
            room.send(message(args, captured_at, detect(captured_at)))
        except Later as fault:
            # What could not be sent is old by then: the next try sends what is seen then.
            longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**waits)
            wait_s = fault.wait_s if fault.wait_s is not None else longest * random.uniform(0.5, 1)
            print(f"boxes: {fault}; trying again in {wait_s:.1f} s", file=sys.stderr, flush=True)
            waits += 1
            time.sleep(wait_s)
            due = time.monotonic()
            continue
        if waits or not count:
            print(f"boxes: sending to room {args.room}", file=sys.stderr, flush=True)
        waits = 0
        count += 1
        due = max(due + 1 / args.rate, time.monotonic() - 1 / args.rate)
        time.sleep(max(0, due - time.monotonic()))
    room.send(message(args, time.time(), []))
    return count


def main():
    parser = argparse.ArgumentParser(description="Sends boxes to an Onecast room.")
    parser.add_argument("--url", default="http://localhost:8088", help="where Onecast is")
    parser.add_argument("--room", default="main")
    parser.add_argument("--topic", default="boxes")
    parser.add_argument("--rate", type=float, default=10, help="messages a second, at most 60")
    parser.add_argument("--seconds", type=float, default=0, help="0: until it is stopped")
    parser.add_argument(
        "--name-frame",
        action="store_true",
        help="draw each box on the frame captured at its time; this clock must be the publisher's",
    )
    args = parser.parse_args()
    if not 0 < args.rate <= 60:
        parser.error("--rate is more than 0 and at most 60")
    secret = os.environ.get("ONECAST_SECRET", "").strip()
    if not secret:
        parser.error("set ONECAST_SECRET; the publisher's page shows it: Send data from a program")
    room = None
    try:
        room = Room(args.url, args.room, secret)
        print(f"boxes: {run(args, room)} messages sent", file=sys.stderr)
        return 0
    except (Refused, Later) as fault:
        print(f"boxes: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if room:
            room.close()


if __name__ == "__main__":
    sys.exit(main())
