# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
late.py serve ADDR | ask ADDR - threads that compute: how late is what they have sent, and what others have to send?

The server has a thread for each of two ports. Both answer on sockets that do not block; the first then computes for 0.4 s. The client lets it
idle, asks the first, and at once the second a few times; it prints the longest that it waited for an answer of each, in ms.
"""
import selectors
import socket
import sys
import threading
import time

PORT = 7300


def serve(addr, port, busy_s):
    listener, s = socket.create_server((addr, port)), selectors.DefaultSelector()
    listener.setblocking(False)
    s.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in s.select():
            if key.fileobj is listener:
                c, _ = listener.accept()
                c.setblocking(False)
                s.register(c, selectors.EVENT_READ)
                continue
            if not (data := key.fileobj.recv(100)):
                s.unregister(key.fileobj)
                key.fileobj.close()
                continue
            key.fileobj.send(data)
            until = time.monotonic() + busy_s
            while time.monotonic() < until:
                pass


def ask(c):
    began = time.monotonic()
    c.sendall(b'x')
    c.recv(1)
    return (time.monotonic() - began) * 1000


def main():
    if sys.argv[1] == 'serve':
        threading.Thread(target=serve, args=(sys.argv[2], PORT + 1, 0), daemon=True).start()
        serve(sys.argv[2], PORT, 0.4)
    first, second = (socket.create_connection((sys.argv[2], PORT + i)) for i in (0, 1))
    worst = [0, 0]
    for _ in range(3):
        time.sleep(0.6)
        worst[0] = max(worst[0], ask(first))
        for _ in range(5):
            worst[1] = max(worst[1], ask(second))
    print('%d %d' % tuple(worst))


main()
