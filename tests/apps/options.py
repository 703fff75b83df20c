# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Options that change what happens on the wire: `peer` in A does as it is told, `run A B DEAD` in B says what came of each.

DEAD is an address of A's whose answers get lost. What is printed does not depend on the stack below.
"""
import array
import concurrent.futures
import errno
import fcntl
import socket
import sys
import termios
import threading
import time

MSG_FASTOPEN = 0x20000000
TCP_FASTOPEN = 23
CONTROL, LATE, FAST_BACK, FAST = 7000, 7002, 7003, 7004


# ---- in A ----

def knock(addr, port):
    """Twice: the first time a cookie is asked for."""
    said = []
    for _ in range(2):
        with socket.socket() as s:
            s.sendto(b"hello", MSG_FASTOPEN, (addr, port))
            said.append(s.recv(100).decode())
    return " ".join(said)


def serve(c, words):
    if words[0] == "knock":
        c.sendall(knock(words[1], int(words[2])).encode())
    elif words[0] == "flood":
        try:
            while True:
                c.sendall(bytes(65536))
        except OSError:
            pass
    elif words[0] == "relay":
        with socket.create_connection((words[1], int(words[2]))) as s:
            while data := c.recv(100):
                s.sendall(data)
    c.close()


def echo_fast(addr):
    s = socket.create_server((addr, FAST))
    s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 5)
    while True:
        c, _ = s.accept()
        got = c.recv(100000)
        while len(got) < int(got[:5]):
            got += c.recv(100000)
        c.sendall(got)
        c.close()


def peer(addr):
    threading.Thread(target=echo_fast, args=(addr,), daemon=True).start()
    s = socket.create_server((addr, CONTROL))
    while True:
        c, _ = s.accept()
        threading.Thread(target=serve, args=(c, c.recv(100).decode().split()), daemon=True).start()


# ---- in B ----

def ask(a, *words):
    s = socket.socket()
    s.settimeout(20)
    s.connect((a, CONTROL))
    s.sendall(" ".join(map(str, words)).encode())
    return s


def accepted(s, seconds):
    s.settimeout(seconds)
    try:
        return s.accept()[0]
    except TimeoutError:
        return None


def defer(a, b, port, before):
    """A connection is there with its first data."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((b, port))
    if not before:
        s.listen()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    if before:
        s.listen()
    c = ask(a, "relay", b, port)
    yield "silent", "accepted" if accepted(s, 0.5) else "not accepted"
    c.sendall(b"word")
    got = accepted(s, 3)
    yield "with data", got.recv(100) if got else "not accepted"
    began = time.monotonic()
    c = ask(a, "relay", b, port)
    got = accepted(s, 8)
    yield "silent for long", "accepted" if got else "not accepted", "in time", 0.7 < time.monotonic() - began < 6


def retries(dead):
    s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
    began = time.monotonic()
    yield errno.errorcode[s.connect_ex((dead, 9))], "in time", 1.5 < time.monotonic() - began < 4.5


def clamp(a, most):
    s = socket.socket()
    if most:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, most)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1000000)
    s.connect((a, CONTROL))
    s.sendall(b"flood")
    time.sleep(0.7)
    n = array.array("i", [0])
    fcntl.ioctl(s, termios.FIONREAD, n)
    yield most, "at most 20000", n[0] <= 20000
    s.close()


def fast_client(a):
    """Without a cookie at first. A socket with a time limit of Python's is one that does not block."""
    for size, block in ((5, True), (5, True), (20000, True), (5, False)):
        s = socket.socket()
        s.setblocking(block)
        text = b"%-*d" % (size, size)
        n = s.sendto(text, MSG_FASTOPEN, (a, FAST))
        s.settimeout(5)
        got = b""
        while data := s.recv(100000):
            got += data
        yield size, n, got == text
        s.close()


def fast_server(a, b):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((b, FAST_BACK))
    s.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 5)
    s.listen()
    control = ask(a, "knock", b, FAST_BACK)
    for i in range(2):
        c = accepted(s, 5)
        yield c.recv(100) if c else None
        c.sendall(b"answer%d" % i)
        c.close()
    yield control.recv(100)
    s.close()


def run(a, b, dead):
    cases = {
        "defer, then listen": defer(a, b, LATE, True),
        "listen, then defer": defer(a, b, LATE + 10, False),
        "syncnt": retries(dead),
        "clamp": clamp(a, 20000),
        "no clamp": clamp(a, 0),
        "fast client": fast_client(a),
        "fast server": fast_server(a, b),
    }
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        said = pool.map(list, cases.values())
        for name, lines in zip(cases, said):
            for line in lines:
                print(name + ":", *line if isinstance(line, tuple) else [line])


{"peer": peer, "run": run}[sys.argv[1]](*sys.argv[2:])
