#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Kernel TCP and UDP peers for the tests in network namespaces, where nc is not enough.

peer.py reset ADDR PORT [N]       connect, send N bytes, wait for one byte back if N, reset (SO_LINGER 0)
peer.py reset-server ADDR PORT [N]  accept, read N bytes, reset
peer.py read-reset ADDR PORT      connect, read to the end, print the number of bytes and the error's name, or "end"
peer.py write ADDR PORT BYTES_PER_S  connect, write until it fails, print the error's name
peer.py sink-server ADDR PORT SECONDS  accept, read nothing for so long, then all to stdout
peer.py serve ADDR PORT [IN [OUT]]  accept one; IN is sent, what comes goes to OUT, each to its own end
peer.py ip-options ADDR PORT      as echo with one connection, whose packets carry IPv4 options or IPv6 destination options
peer.py throttle FILE BYTES_PER_S  FILE to stdout, slowly
peer.py echo ADDR PORT CONNS BYTES [HOLD_S]  so many connections at once, random data both ways, compared
peer.py echo-server ADDR PORT     sends back what comes, on any number of connections
peer.py http ADDR PORT PATH CONNS  so many GETs on so many connections, all open before the first is sent
peer.py udp-server ADDR PORT | udp ADDR PORT TEXT
peer.py bind ADDR PORT            bind and listen; the errno's name if it cannot
peer.py connect-bound LADDR LPORT ADDR PORT   connect from a chosen port; "connected" or the errno's name

Servers print "ready" on stderr when they listen.
"""
import errno
import hashlib
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time


def family(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET


def connect(addr, port):
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    s.settimeout(20)
    s.connect((addr, int(port)))
    return s


def serve(addr, port):
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((addr, int(port)))
    s.listen(128)
    print("ready", file=sys.stderr, flush=True)
    return s


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def cmd_reset(addr, port, n="0"):
    s = connect(addr, port)
    if int(n):
        s.sendall(b"x" * int(n))
        s.recv(1)
    reset(s)


def cmd_reset_server(addr, port, n="0"):
    s, _ = serve(addr, port).accept()
    left = int(n)
    while left > 0:
        got = len(s.recv(left))
        if not got:
            break
        left -= got
    reset(s)


def cmd_read_reset(addr, port):
    s = connect(addr, port)
    got, how = 0, "end"
    try:
        while True:
            data = s.recv(65536)
            if not data:
                break
            got += len(data)
    except OSError as e:
        how = errno.errorcode.get(e.errno, str(e))
    print(got, how)


def cmd_write(addr, port, rate):
    s = connect(addr, port)
    try:
        while True:
            s.sendall(b"x" * (int(rate) // 100))
            time.sleep(0.01)
    except OSError as e:
        print(errno.errorcode.get(e.errno, str(e)))


def cmd_sink_server(addr, port, seconds):
    s, _ = serve(addr, port).accept()
    time.sleep(float(seconds))
    while True:
        data = s.recv(65536)
        if not data:
            break
        sys.stdout.buffer.write(data)


def cmd_serve(addr, port, name_in="/dev/null", name_out="/dev/null"):
    with open(name_in, "rb") as fin, open(name_out, "wb") as fout:
        s, _ = serve(addr, port).accept()

        def send():
            while data := fin.read(65536):
                s.sendall(data)
            s.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        while data := s.recv(65536):
            fout.write(data)
        sender.join(30)
        return 1 if sender.is_alive() else 0


def cmd_throttle(name, rate):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    rate, start, done = float(rate), time.monotonic(), 0
    with open(name, "rb") as f:
        while True:
            data = f.read(max(int(rate / 100), 1))
            if not data:
                break
            view = memoryview(data)
            while view:
                view = view[os.write(1, view):]
            done += len(data)
            ahead = start + done / rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)


class EchoConn:
    """One connection of `echo`: sends data, compares what comes back."""

    def __init__(self, sel, addr, port, data, hold):
        self.sel, self.data, self.hold = sel, data, hold
        self.sent, self.got, self.open, self.done = 0, 0, False, False
        self.sock = socket.socket(family(addr), socket.SOCK_STREAM)
        self.sock.setblocking(False)
        err = self.sock.connect_ex(socket.getaddrinfo(addr, port)[0][4])
        if err not in (0, errno.EINPROGRESS):
            raise OSError(err, os.strerror(err))
        sel.register(self.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def write(self):
        self.open = True
        self.sent += self.sock.send(self.data[self.sent:self.sent + 65536])
        if self.sent == len(self.data):
            if not self.hold:
                self.sock.shutdown(socket.SHUT_WR)
            self.sel.modify(self.sock, selectors.EVENT_READ, self)

    def read(self):
        piece = self.sock.recv(65536)
        if not piece:
            if self.got != len(self.data):
                raise ValueError(f"closed after {self.got} of {len(self.data)} bytes")
            self.finish()
            return
        if piece != self.data[self.got:self.got + len(piece)]:
            raise ValueError(f"other data than sent, in the {len(piece)} bytes from {self.got}")
        self.got += len(piece)
        if self.hold and self.got == len(self.data):
            self.sel.unregister(self.sock)
            self.done = True

    def finish(self):
        self.sel.unregister(self.sock)
        self.sock.close()
        self.done = True


def run(sel, conns, seconds):
    """Drives connections until all are done. Returns how many failed."""
    failed, end = 0, time.monotonic() + seconds
    while sel.get_map():
        ready = sel.select(max(end - time.monotonic(), 0))
        if not ready and time.monotonic() >= end:
            left = [c for c in conns if not c.done]
            print(f"{len(left)} connections not done after {seconds} s; the first: "
                  f"open {left[0].open} sent {left[0].sent} got {left[0].got}", file=sys.stderr)
            return failed + len(left)
        for key, mask in ready:
            c = key.data
            try:
                if mask & selectors.EVENT_READ:
                    c.read()
                if mask & selectors.EVENT_WRITE and not c.done:
                    c.write()
            except BlockingIOError:
                pass
            except (OSError, ValueError) as e:
                if failed < 5:
                    print(f"connection: {e}", file=sys.stderr)
                failed += 1
                c.finish()
    return failed


def cmd_echo(addr, port, conns, size, hold="0"):
    sel = selectors.DefaultSelector()
    all_conns = [EchoConn(sel, addr, int(port), os.urandom(int(size)), float(hold) > 0) for _ in range(int(conns))]
    failed = run(sel, all_conns, 20)
    print(f"{len(all_conns)} connections {failed} failed", flush=True)
    time.sleep(float(hold))
    for c in all_conns:
        c.sock.close()
    return 1 if failed else 0


class HttpConn(EchoConn):
    """One GET; opens, waits for the others, then asks."""

    def __init__(self, sel, addr, port, request):
        super().__init__(sel, addr, port, request, False)
        self.body = b""

    def write(self):
        if not self.open:
            err = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if err:
                raise OSError(err, os.strerror(err))
            self.open = True
            self.sel.unregister(self.sock)

    def ask(self):
        self.sock.setblocking(True)
        self.sock.sendall(self.data)
        self.sock.setblocking(False)
        self.sel.register(self.sock, selectors.EVENT_READ, self)

    def read(self):
        piece = self.sock.recv(65536)
        if piece:
            self.body += piece
        elif not self.open:
            raise ValueError("closed before it was open")
        else:
            self.finish()


def cmd_echo_server(addr, port):
    def one(c):
        with c:
            try:
                while data := c.recv(65536):
                    c.sendall(data)
            except OSError:
                pass

    s = serve(addr, port)
    while True:
        threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()


def cmd_http(addr, port, path, conns):
    import resource
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    host = f"[{addr}]" if ":" in addr else addr
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    sel, bodies, failed, all_conns = selectors.DefaultSelector(), {}, 0, []
    # A listener's queue is bounded: come in waves, so that no SYN has to be sent twice.
    while len(all_conns) < int(conns):
        wave = [HttpConn(sel, addr, int(port), request) for _ in range(min(200, int(conns) - len(all_conns)))]
        failed += run(sel, wave, 10)
        all_conns += wave
    good = [c for c in all_conns if c.open and not c.done]
    print(f"{len(good)} open at once", flush=True)
    for c in good:
        c.ask()
    failed += run(sel, good, 15)
    for c in good:
        head, _, body = c.body.partition(b"\r\n\r\n")
        key = (head.split(b"\r\n")[0].decode(), hashlib.sha256(body).hexdigest())
        bodies[key] = bodies.get(key, 0) + 1
    for (status, digest), count in sorted(bodies.items()):
        print(f"{count} x {status} {digest}")
    return 1 if failed else 0


def cmd_ip_options(addr, port):
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    s.settimeout(5)
    if ":" in addr:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x01" * 7 + b"\x00")
    s.connect((addr, int(port)))
    data, got = os.urandom(100000), b""
    sender = threading.Thread(target=s.sendall, args=(data,), daemon=True)
    sender.start()
    while len(got) < len(data):
        piece = s.recv(65536)
        if not piece:
            break
        got += piece
    print("echoed" if got == data else f"{len(got)} bytes of {len(data)}")


def cmd_udp_server(addr, port):
    s = socket.socket(family(addr), socket.SOCK_DGRAM)
    s.bind((addr, int(port)))
    print("ready", file=sys.stderr, flush=True)
    while True:
        data, who = s.recvfrom(65536)
        s.sendto(b"re: " + data, who)


def cmd_udp(addr, port, text):
    s = socket.socket(family(addr), socket.SOCK_DGRAM)
    s.settimeout(3)
    s.sendto(text.encode(), (addr, int(port)))
    print(s.recv(65536).decode())


def cmd_bind(addr, port):
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    try:
        s.bind((addr, int(port)))
        s.listen(1)
    except OSError as e:
        print(errno.errorcode[e.errno])
        return 1
    print("bound")
    return 0


def cmd_connect_bound(laddr, lport, addr, port):
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    s.settimeout(3)
    try:
        s.bind((laddr, int(lport)))
        s.connect((addr, int(port)))
    except OSError as e:
        print(errno.errorcode.get(e.errno, str(e)))
        return 1
    print("connected")
    return 0


def cmd_fastopen(addr, port, n="2"):
    """n connections, each with its request in the SYN as far as a cookie allows; prints the answers."""
    for i in range(int(n)):
        s = socket.socket(family(addr), socket.SOCK_STREAM)
        text = f"request {i}".encode()
        s.sendto(text, socket.MSG_FASTOPEN, (addr, int(port)))  # blocks: with a timeout it would be EINPROGRESS
        s.settimeout(5)
        print(s.recv(len(text), socket.MSG_WAITALL).decode(), flush=True)
        s.close()


def cmd_fastopen_server(addr, port, n="2"):
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    s.bind((addr, int(port)))
    s.listen(16)
    print("ready", file=sys.stderr, flush=True)
    for _ in range(int(n)):
        c, _ = s.accept()
        while data := c.recv(1000):
            c.sendall(data)
        c.close()


TCP_MD5SIG = 14


def md5(s, addr, key):
    """The kernel's key for segments to and from addr; "-": none."""
    if key == "-":
        return
    if ":" in addr:
        sa = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, addr), 0)
    else:
        sa = struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton(addr))
    s.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, struct.pack("=128sBBHi80s", sa, 0, 0, len(key), 0, key.encode()))


def signed_client(addr, port, n, sign):
    """An echo of n bytes through a socket that sign() has prepared."""
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    sign(s)
    s.settimeout(2)
    s.connect((addr, int(port)))
    s.settimeout(10)
    data = bytes(i & 255 for i in range(int(n)))
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    got = b""
    while more := s.recv(100000):
        got += more
    print("same" if got == data else "different")


def signed_server(addr, port, sign):
    s = socket.socket(family(addr), socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sign(s)
    s.bind((addr, int(port)))
    s.listen(16)
    print("ready", file=sys.stderr, flush=True)
    c, _ = s.accept()
    while data := c.recv(100000):
        c.sendall(data)


def cmd_md5(addr, port, key, n="5"):
    signed_client(addr, port, n, lambda s: md5(s, addr, key))


def cmd_md5_server(addr, port, client, key):
    signed_server(addr, port, lambda s: md5(s, client, key))


TCP_AO_ADD_KEY = 38


def ao(s, addr, ids, key):
    """The kernel's TCP-AO key (struct tcp_ao_add) for addr, HMAC-SHA-1-96; ids: SendID,RecvID, "-": 0,0."""
    send, recv = (0, 0) if ids == "-" else map(int, ids.split(","))
    if ":" in addr:
        sa, prefix = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, socket.inet_pton(socket.AF_INET6, addr), 0), 128
    else:
        sa, prefix = struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton(addr)), 32
    s.setsockopt(socket.IPPROTO_TCP, TCP_AO_ADD_KEY, struct.pack(
        "=128s64siIHBBBBBB80s", sa, b"hmac(sha1)", 0, 0, 0, prefix, send, recv, 12, 0, len(key), key.encode()))


def cmd_ao(addr, port, ids, key, n="5"):
    signed_client(addr, port, n, lambda s: ao(s, addr, ids, key))


def cmd_ao_server(addr, port, client, ids, key):
    signed_server(addr, port, lambda s: ao(s, client, ids, key))


def main():
    if len(sys.argv) < 2 or "cmd_" + sys.argv[1].replace("-", "_") not in globals():
        sys.exit(__doc__)
    try:
        sys.exit(globals()["cmd_" + sys.argv[1].replace("-", "_")](*sys.argv[2:]))
    except OSError as e:
        sys.exit(f"peer.py {' '.join(sys.argv[1:4])}: {e}")
    except KeyboardInterrupt:
        sys.exit(130)


main()
