#!/usr/bin/env python3
"""Delays and loses single packets on their way through the router.

A process of its own in the router's network: the router hands it the packets of disturbed paths
over a TUN device, and takes back what is not lost. So TCP's ends see what a bad network does, and
not what a proxy makes of it.
"""

import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

from hosts import Network, ROUTER, Failed, ip, within

TABLE = "100"
DEVICE = "tun0"
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 1, 0x1000
HELD_MAX = 5000  # packets; more are lost, as in any router


class Packets:
    """The router's side: starts the process, and tells it what to do with which path."""

    def __init__(self, network: Network):
        self.network = network
        self.lock = threading.Lock()
        self.number = 0
        self.paths: dict[int, list[tuple[str, str]]] = {}
        self.process = subprocess.Popen(within(ROUTER, sys.executable, __file__),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        if self.process.stdout.readline() != "ready\n":
            raise Failed("no TUN device in the router; is there /dev/net/tun?")
        ip("-n", ROUTER, "link", "set", DEVICE, "up")
        ip("-n", ROUTER, "route", "add", "default", "dev", DEVICE, "table", TABLE)

    def ask(self, order: dict) -> int:
        with self.lock:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            return int(self.process.stdout.readline())

    def disturb(self, between: tuple[str, str], milliseconds: float, jitter: float,
                loss: float) -> int:
        """Both ways; the number to restore it by. `jitter` is a share of the delay."""
        paths = [between, between[::-1]]
        with self.lock:
            self.number += 1
            number = self.number
            self.paths[number] = paths
        self.ask({"number": number, "delay": milliseconds / 1000, "jitter": jitter, "loss": loss,
                  "paths": [[self.network.address(end) for end in path] for path in paths]})
        for path in paths:
            self.network.divert("add", *path, TABLE)
        return number

    def restore(self, number: int) -> int:
        """How many packets were delayed or lost."""
        for path in self.paths.pop(number):
            self.network.divert("del", *path, TABLE)
        return self.ask({"number": number, "paths": []})

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Router:
    """The process: packets in, and out again in their time."""

    def __init__(self):
        self.device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.device, TUNSETIFF,
                    struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
        self.orders: dict[bytes, dict] = {}  # by source and destination
        self.touched: dict[int, int] = {}
        self.held: list[tuple[float, int, bytes]] = []
        self.count = 0

    def obey(self, line: str):
        order = json.loads(line)
        number = order["number"]
        if order["paths"]:
            self.touched[number] = 0
            for ends in order["paths"]:
                self.orders[b"".join(map(socket.inet_aton, ends))] = order
        else:  # what is still on its way goes undelayed
            self.orders = {key: one for key, one in self.orders.items()
                           if one["number"] != number}
        print(self.touched[number], flush=True)

    def take(self, packet: bytes):
        order = self.orders.get(packet[12:20])
        if order is None:
            self.pass_on(packet)
            return
        self.touched[order["number"]] += 1
        if random.random() < order["loss"] or len(self.held) >= HELD_MAX:
            return
        self.count += 1
        spread = 1 + order["jitter"] * (2 * random.random() - 1)
        heapq.heappush(self.held, (time.monotonic() + order["delay"] * spread, self.count, packet))

    def pass_on(self, packet: bytes):
        try:
            os.write(self.device, packet)
        except OSError:
            pass  # to a host whose link is down

    def serve(self):
        poll = select.poll()
        poll.register(self.device, select.POLLIN)
        poll.register(sys.stdin, select.POLLIN)
        while True:
            left = self.held[0][0] - time.monotonic() if self.held else 60.0
            for descriptor, _ in poll.poll(max(0, left * 1000)):
                if descriptor != self.device:
                    if not (line := sys.stdin.readline()):
                        return
                    self.obey(line)
                    continue
                try:
                    self.take(os.read(self.device, 65536))
                except BlockingIOError:
                    pass
            now = time.monotonic()
            while self.held and self.held[0][0] <= now:
                self.pass_on(heapq.heappop(self.held)[2])


if __name__ == "__main__":
    served = Router()
    print("ready", flush=True)
    served.serve()
