#!/usr/bin/env python3
"""Sends garbage to a port: flood.py HOST:PORT SEED SECONDS. Prints how many bytes it sent."""

import random
import socket
import sys
import time

CONNECTIONS = 40
PAUSE = 0.01  # the machine is to work, not to copy garbage


def connect(host: str, port: str) -> socket.socket | None:
    try:
        return socket.create_connection((host, int(port)), timeout=0.5)
    except OSError:
        return None


def main() -> int:
    where, seed, seconds = sys.argv[1:]
    host, _, port = where.rpartition(":")
    rng = random.Random(int(seed))
    deadline = time.monotonic() + float(seconds)
    open_, sent = [], 0
    while time.monotonic() < deadline:
        if len(open_) < CONNECTIONS and (one := connect(host, port)):
            one.settimeout(0.1)
            open_.append(one)
        for one in list(open_):
            try:
                sent += one.send(rng.randbytes(rng.choice([1, 7, 64, 1000])))
            except OSError:
                one.close()
                open_.remove(one)
        time.sleep(PAUSE)
    print(sent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
