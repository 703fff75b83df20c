#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes the seeds of the fuzz targets, corpus/fuzz_*/seed_*: one ordinary course of things each, in the input format
that the target's own comment describes. What the fuzzers found (found_*) lies beside them and is not touched.

    python3 tests/fuzz/seeds.py
"""
import os
import struct

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


def write(target, name, data):
    path = os.path.join(TOP, "fuzz_" + target)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "seed_" + name), "wb") as f:
        f.write(bytes(data))


def be16(v):
    return struct.pack(">H", v & 0xFFFF)


# ---- frames: bytes on the wire ----

SYN_OPTIONS = bytes.fromhex("020405b40402080a0000000100000000" "01030307")
SACK_OPTIONS = bytes.fromhex("0101080a0000000100000002" "0101050a" "0000100000002000")


def tcp(flags, options=b"", payload=b""):
    doff = (20 + len(options)) // 4 << 4
    return struct.pack(">HHIIBBHHH", 5000, 7, 1, 2, doff, flags, 65535, 0, 0) + options + payload


def ip4(l4, options=b"", frag=0x4000):
    head = 20 + len(options)
    return struct.pack(">BBHHHBBH", 0x40 | head // 4, 0, head + len(l4), 0, frag, 64, 6, 0) + bytes(
        [10, 9, 0, 2, 10, 9, 0, 1]) + options + l4


def ip6(l4, nexts=b"\x06", ext=b""):
    return struct.pack(">IHBB", 6 << 28, len(ext) + len(l4), nexts[0], 64) + bytes(
        [0xFD, 9] + [0] * 13 + [2] + [0xFD, 9] + [0] * 13 + [1]) + ext + l4


def eth(l3, kind=0x0800, tags=b""):
    return bytes([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]) + tags + be16(kind) + l3


FRAMES = {
    "v4_syn": eth(ip4(tcp(SYN, SYN_OPTIONS))),
    "v4_sack": eth(ip4(tcp(ACK | PSH, SACK_OPTIONS, b"hello"))),
    "v4_source_route": eth(ip4(tcp(ACK), bytes.fromhex("83070400000000" "00"))),
    "v4_fragment": eth(ip4(tcp(ACK), frag=0x2000)),
    "v4_vlan": eth(ip4(tcp(ACK)), tags=bytes.fromhex("88a800018100" "0002")),
    "v6_ack": eth(ip6(tcp(ACK, payload=b"x" * 20)), 0x86DD),
    "v6_ext": eth(ip6(tcp(ACK), b"\x00", bytes.fromhex("3c00010400000000" "2b00010400000000" "0600000000000000")), 0x86DD),
    "v6_ah": eth(ip6(tcp(ACK), b"\x33", bytes([6, 4] + [0] * 22)), 0x86DD),
}
for n, frame in FRAMES.items():
    write("wire", n, b"\0" + frame)
write("wire", "split", bytes([20]) + FRAMES["v4_sack"])

# ---- fuzz_tcp: (how, options of the SYN), steps ----

NO_TS, TS, OFFER = 1, 0, 16
PLAIN = bytes([NO_TS])
MODERN = bytes([TS | OFFER]) + be16(1460) + b"\x07"
V6, PASSIVE, RAW, SMALL, POLITE = 1, 2, 4, 8, 16


def seg(flags, seq=0, ack=0, opts=PLAIN, length=0):
    """seq and ack: offsets from rcv_nxt and snd_nxt; length up to 255 bytes."""
    out = bytes([0, flags, (8 if seq else 0) | (64 if length else 0), 8 if ack else 0])
    out += (be16(seq) if seq else b"") + (be16(ack) if ack else b"") + opts
    return out + (bytes([length]) if length else b"")


def send(n):
    return bytes([3, 0, 4]) + be16(n)


def recv(n):
    return bytes([3, 5]) + be16(n)


SHUTDOWN, CLOSE, TICK, LATER = bytes([3, 9]), bytes([3, 10]), bytes([5, 0x5F]), bytes([5, 0x80])
ACTIVE = bytes([POLITE]) + PLAIN
SACKED = bytes([8 | TS, 2, 10, 10, 40, 10])
write("tcp", "echo", ACTIVE + seg(ACK | PSH, length=100) + recv(100) + send(100) + seg(ACK) + SHUTDOWN + seg(ACK) +
      seg(ACK | FIN) + seg(ACK) + LATER)
write("tcp", "passive_v6_close", bytes([V6 | PASSIVE | POLITE]) + MODERN + send(4000) + seg(ACK, opts=b"\0") +
      seg(ACK | FIN, opts=b"\0") + CLOSE + seg(ACK, opts=b"\0"))
write("tcp", "holes", ACTIVE + seg(ACK, seq=200, length=100) + seg(ACK, seq=400, length=100) +
      seg(ACK, length=200) + recv(500) + seg(ACK | FIN, seq=300) + seg(ACK, length=200))
write("tcp", "loss", bytes([POLITE]) + MODERN + send(20000) + seg(ACK, ack=-9000, opts=SACKED) * 4 + LATER + LATER +
      seg(ACK, opts=b"\0"))
write("tcp", "simultaneous", bytes([RAW | POLITE]) + PLAIN + bytes([0, SYN, 3, 0]) + PLAIN + bytes([0, SYN | ACK, 2, 0]) +
      PLAIN + send(10))
write("tcp", "icmp_mtu", ACTIVE + send(9000) + bytes([6, 5]) + be16(600) + LATER + seg(ACK))
write("tcp", "time_wait", ACTIVE + CLOSE + seg(ACK) + seg(ACK | FIN) + seg(ACK | FIN, seq=-1) + seg(SYN, seq=100))
write("tcp", "small_mem_urgent", bytes([SMALL | POLITE]) + PLAIN + bytes([3, 0, 6]) + be16(30000) + seg(ACK) * 3 +
      seg(ACK | URG, length=50) + recv(9))

# ---- fuzz_open: (how, with), the opening, steps of fuzz_tcp behind a 1, others behind a 0 ----

COOKIE = bytes([2]) + b"cookie!!"
FASTOPEN, KNOWN, UTO, TIMEOUT, PROBING, LEARNED, SIGNATURE = 1, 2, 4, 8, 16, 32, 64


def steps(*all):
    return b"".join(b"\1" + x for x in all)


def special(what, opts=PLAIN, uto=None, cookie=b"", length=None):
    out = bytes([0, 2 | what << 2]) + be16(65535) + opts
    return out + (be16(uto) if uto is not None else b"") + cookie + (be16(length) if length is not None else b"")


write("open", "fastopen_active", bytes([POLITE, FASTOPEN | KNOWN]) + COOKIE + b"\0" + be16(1460) + steps(send(500)) +
      special(1 | 2 | 16, MODERN, cookie=COOKIE) + steps(send(900), seg(ACK)))
write("open", "fastopen_passive", bytes([PASSIVE | POLITE, FASTOPEN | KNOWN]) + COOKIE + MODERN + be16(400) +
      steps(recv(400), send(2000)) + special(1 | 16 | 32, MODERN, cookie=COOKIE, length=400) + steps(seg(ACK)))
write("open", "user_timeout", bytes([POLITE, UTO | TIMEOUT | SIGNATURE]) + COOKIE + be16(30000) +
      special(1 | 2 | 8, MODERN, uto=0x8002) + bytes([0, 1]) + be16(5000) + steps(send(100)) + special(8, uto=200))
write("open", "probing", bytes([POLITE, PROBING]) + COOKIE + special(1 | 2, bytes([TS | OFFER]) + be16(8960) + b"\7") +
      steps(send(60000), seg(ACK), seg(ACK)) + bytes([0, 5, 0]) + PLAIN + bytes([0, 13, 0]) + be16(4000) + steps(seg(ACK)))

# ---- fuzz_frames: (how, options of both handshakes), steps ----

BOTH = bytes([0, 3, 3])


# ids: KeyID and RNextKeyID, with TCP-AO only
def near(who, flags, length=0, seq=0, ack=0, ids=None):
    how = (1 if seq else 0) | (4 if ack else 0) | (64 if length else 0)
    out = bytes([0, who, how, flags]) + (bytes([ids]) if ids is not None else b"") + (be16(seq) if seq else b"") + (be16(ack) if ack else b"")
    return out + (be16(length) if length else b"") + b"\0"


def call(what, handle=0, n=None):
    return bytes([5, what | handle << 4]) + (be16(n) if n is not None else b"")


write("frames", "echo", BOTH + near(0, ACK | PSH, 300) + call(2, 0, 300) + call(0, 0, 300) + near(0, ACK) + call(5) +
      near(0, ACK) + near(0, ACK | FIN) + bytes([7, 0x80]))
write("frames", "new_conn", BOTH + near(2, SYN) + near(2, ACK) + call(10) + call(0, 2, 3000) + near(2, ACK) * 2 + call(6, 2))
write("frames", "connect", BOTH + call(11, 2) + near(2, SYN | ACK) + call(13, 3) + call(4, 2) + near(2, ACK | FIN) +
      near(2, ACK))
AO = bytes([128, 3, 3])
write("frames", "ao", AO + near(0, ACK | PSH, 300, ids=0x11) + call(2, 0, 300) + call(0, 0, 300) + near(0, ACK, ids=0x20) +
      call(15, 0) + bytes([0x84 | 48]) + call(0, 0, 300) + near(0, ACK, ids=0x21) + near(0, ACK | FIN, ids=0x00) + call(5) +
      bytes([7, 0x80]) + near(0, ACK, ids=0x00))
write("frames", "ao_conn", AO + near(2, SYN, ids=0x21) + near(2, ACK, ids=0x12) + call(10) + call(15) + bytes([0x41]) +
      call(15, 2) + bytes([0x42]) + call(11, 3) + near(3, SYN | ACK, ids=0x00) + near(3, ACK | PSH, 200, ids=0x11) +
      bytes([4, 32 | 8, 60, 1, 70, 2]) + bytes([3, 0, 0]) + be16(1300) + b"\0" + near(2, RST, ids=0x01))
write("frames", "icmp", BOTH + call(0, 0, 9000) + bytes([3, 0, 0]) + be16(1300) + b"\0" + bytes([7, 0x80]) + near(0, ACK))
write("frames", "raw", BOTH + b"".join(bytes([2, 2, len(x)]) + x + b"\0" for x in FRAMES.values()))
write("frames", "again", BOTH + near(1, ACK, 3000, seq=500) + bytes([4, 32 | 4, 40, 1, 3, 20]) + bytes([4, 1 | 32, 0]) +
      near(1, RST, seq=5) + near(1, RST))
write("frames", "news", BOTH + call(0, 1, 5000) + bytes([6, 0, 40]) + bytes([6, 0x43]) + bytes([7, 0x2F]) + bytes([6, 0x92]) +
      bytes([6, 0x21]) + bytes([6, 0x01]) + bytes([6, 0x44, 7]) + call(0, 1, 100) + bytes([6, 0x12]))
write("frames", "meta", BOTH + near(0, ACK | PSH, 100)[:-1] + bytes([4 | 32, 31]) + near(1, ACK, 2000)[:-1] + bytes([3, 70]))

SIGNED, FASTOPEN_ON = 32, 64


def syn(opts, length=0):
    return bytes([0, 2, 16 | (64 if length else 0), SYN, opts]) + (be16(length) if length else b"") + b"\0"


write("frames", "signed", bytes([SIGNED, 0, 3]) + near(0, ACK | PSH, 300) + call(2, 0, 300) + call(0, 0, 300) + near(0, ACK) +
      bytes([0, 0, 128 | 64, ACK]) + be16(100) + b"\0" + call(5) + near(0, ACK | FIN))
write("frames", "fastopen", bytes([FASTOPEN_ON, 3, 3]) + syn(2 | 4) + near(2, RST) + syn(2 | 4, 200) + call(10) + call(2, 2, 200) +
      near(2, ACK) + call(11, 2) + call(15, 3) + call(0, 3, 100) + near(2, SYN | ACK))

# ---- fuzz_http: (send buffer / 300, how bytes arrive), requests ----

HOST = b"\r\nHost: x\r\n"
WHOLE, PIECES, WRAP = 0, 3, 16
write("http", "get", bytes([255, WHOLE]) + b"GET / HTTP/1.1" + HOST + b"\r\nGET /a?q HTTP/1.1" + HOST + b"Connection: close\r\n\r\n")
write("http", "pieces", bytes([1, PIECES | WRAP]) + b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /big HTTP/1.1" + HOST + b"\r\n")
write("http", "range", bytes([255, WRAP]) + b"GET /big HTTP/1.1" + HOST + b"Range: bytes=1-2,5-\r\n\r\nGET /a HTTP/1.1" + HOST +
      b"Range: bytes=-5\r\nIf-Range: \"x\"\r\n\r\nGET /a HTTP/1.1" + HOST + b"Range: bytes=999-\r\n\r\n")
write("http", "cond", bytes([255, WHOLE]) + b"GET /a HTTP/1.1" + HOST + b"If-None-Match: W/\"a\", *\r\nIf-Modified-Since: Sun, 06 Nov "
      b"1994 08:49:37 GMT\r\n\r\nGET /a HTTP/1.1" + HOST + b"If-Match: \"b\"\r\nIf-Unmodified-Since: Sun Nov  6 08:49:37 1994\r\n\r\n")
write("http", "head", bytes([255, WHOLE]) + b"HEAD http://x/d HTTP/1.1" + HOST + b"\r\nGET /d?x HTTP/1.1" + HOST + b"\r\n")
write("http", "body", bytes([9, PIECES]) + b"POST / HTTP/1.1" + HOST + b"Content-Length: 5\r\n\r\nabcdeGET //d HTTP/1.1" + HOST + b"\r\n")
write("http", "chunked", bytes([255, 64]) + b"GET / HTTP/1.1" + HOST + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc")
write("http", "bad", bytes([255, 32]) + b"GET /%2e%2e/secret HTTP/1.1" + HOST + b"\r\nGET /../secret HTTP/1.1" + HOST + b"\r\nBREW / HTTP/1.1\r\n\r\n")
