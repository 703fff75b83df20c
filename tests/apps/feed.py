# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
feed.py SEED BYTES LETTER EVERY WANT COMMAND... - talk to a program through its stdin and stdout.

Its stdin is a socket that keeps what is written apart, so that a program that takes a read which begins with a command letter for
a command (openssl s_client) gets LETTER by itself after each EVERY bytes, and no text that begins like a command. BYTES
pseudo-random bytes are sent; once the program has printed WANT bytes too, its stdin ends. Prints, in one line: the SHA-256 of what
was sent, of what was printed, and how many letters there were.
"""
import hashlib
import socket
import subprocess
import sys
import threading

READ = 8192  # what s_client and s_server read at a time
COMMANDS = b'BCKPQRSckqr'
seed, count, letter, every, want = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode(), int(sys.argv[4]), int(sys.argv[5])


def source():
    """The same bytes for the same seed, a gigabyte a second."""
    with open('/dev/zero', 'rb') as zero:
        return subprocess.Popen(['openssl', 'enc', '-aes-128-ctr', '-K', '%032x' % seed, '-iv', '0' * 32],
                                stdin=zero, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def take(out, got, done):
    have = 0
    while block := out.read1(1 << 18):
        got.update(block)
        have += len(block)
        if have >= want:
            done.set()
    done.set()


def pieces(data):
    at = 0
    while at < len(data):
        end = min(at + READ, len(data))
        while end < len(data) and data[end] in COMMANDS:
            end -= 1
        yield data[at:end]
        at = end


def give(to, sent):
    """What could be sent, and the letters among it."""
    src, left, letters, due = source(), count, 0, every
    try:
        while left:
            data = src.stdout.read(min(left, 1 << 20))
            while data[0] in COMMANDS:  # at the seam of two blocks
                data = data[1:] + data[:1]
            sent.update(data)
            left -= len(data)
            for piece in pieces(data):
                to.send(piece)
                due -= len(piece)
                if every and due <= 0:
                    to.send(letter + b'\n')
                    letters += 1
                    due = every
    except OSError as e:
        print('feed:', e, file=sys.stderr)
    src.kill()
    src.wait()
    return letters


def main():
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = subprocess.Popen(sys.argv[6:], stdin=its, stdout=subprocess.PIPE)
    its.close()
    sent, got, done = hashlib.sha256(), hashlib.sha256(), threading.Event()
    reader = threading.Thread(target=take, args=(child.stdout, got, done))
    reader.start()
    letters = give(mine, sent)
    if want:
        done.wait()
    mine.close()
    reader.join()
    print(sent.hexdigest(), got.hexdigest(), letters)
    return child.wait()


sys.exit(main())
