#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""One connection of Linux's TCP, step by step: the peer of steps_check.c.

steps.py listen|connect ADDR PORT STEP...    each step prints one line

send N        as many bytes; 0, 1, 2, ... 255, 0, ...
recv N        as many bytes, or as came before an end
eof           all that comes, until the end
shutdown | close | reset
wait FILE     until it is there
sleep S

"listen" prints "ready" on stderr when it listens.
"""
import errno
import os
import socket
import struct
import sys
import time


class Peer:
    def __init__(self, role, addr, port):
        family = socket.AF_INET6 if ":" in addr else socket.AF_INET
        self.s = socket.socket(family, socket.SOCK_STREAM)
        self.sent = self.got = 0
        if role == "listen":
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.s.bind((addr, int(port)))
            self.s.listen(1)
            print("ready", file=sys.stderr, flush=True)
            listener = self.s
            self.s, _ = listener.accept()
            listener.close()
        else:
            self.s.connect((addr, int(port)))
        self.s.settimeout(60)

    def send(self, n):
        data = bytes((self.sent + i) & 255 for i in range(int(n)))
        self.s.sendall(data)
        self.sent += len(data)
        return f"sent {n}"

    def recv(self, n, word="received"):
        have, good = 0, True
        try:
            while have < int(n):
                data = self.s.recv(min(65536, int(n) - have))
                if not data:
                    return f"end after {have}" + ("" if good else ", spoilt")
                good = good and data == bytes((self.got + i) & 255 for i in range(len(data)))
                have += len(data)
                self.got += len(data)
        except OSError as e:
            return f"{errno.errorcode[e.errno]} after {have}"
        return f"{word} {have}" + ("" if good else ", spoilt")

    def eof(self):
        return self.recv(1 << 40)

    def shutdown(self):
        self.s.shutdown(socket.SHUT_WR)
        return "shutdown"

    def close(self):
        self.s.close()
        return "closed"

    def reset(self):
        self.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return self.close()

    def wait(self, name):
        while not os.path.exists(name):
            time.sleep(0.01)
        return "waited"

    def sleep(self, seconds):
        time.sleep(float(seconds))
        return "slept"

    def refused(self):
        self.s.settimeout(5)
        while True:
            self.s.sendall(b"x")
            time.sleep(0.02)


def main(role, addr, port, *steps):
    peer, words = Peer(role, addr, port), list(steps)
    while words:
        step = getattr(peer, words.pop(0))
        args = [words.pop(0)] if step.__name__ in ("send", "recv", "wait", "sleep") else []
        try:
            print(step(*args), flush=True)
        except OSError as e:
            print(errno.errorcode.get(e.errno, str(e)), flush=True)


main(*sys.argv[1:])
