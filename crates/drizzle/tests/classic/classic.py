"""A peer and a tracker of the classic protocol, written from its description alone, for the tests.

They know nothing of Drizzle and are as naive as such programs are: a peer has two threads, one that serves its folder and one that
speaks to the tracker and fetches, file after file. What is odd about one is said by flags:

  classic.py peer DIR IP PORT --dialect unframed|lf [--serve PORT] [--wait S] [--every S] [--cut N] [--join]
             [--early N] [--lazy-close] [--slow-read S] [--int]
  classic.py tracker PORT --dialect unframed|lf [--cut N]

Both print "ready PORT" once they listen. A peer ends when its input is closed.
"""

import argparse
import json
import os
import socket
import sys
import threading
import time

LF = "lf"
EXPIRY = 180


def say(*words):
    print(*words, flush=True)


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    return listener


def send_cut(sock, data, pieces):
    """Sends in so many segments, each on its way before the next."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    size = max(1, -(-len(data) // pieces))
    for start in range(0, len(data), size):
        sock.sendall(data[start:start + size])
        if pieces > 1:
            time.sleep(0.02)


class Reader:
    """Takes JSON values off a connection. With LF a line is a value; without, the bytes that are here are tried."""

    def __init__(self, sock, dialect):
        self.sock, self.dialect, self.buffer = sock, dialect, b""

    def value(self):
        while True:
            taken = self.take()
            if taken is not None:
                return taken
            data = self.sock.recv(2048)
            if not data:
                return None
            self.buffer += data

    def take(self):
        if self.dialect == LF:
            line, found, rest = self.buffer.partition(b"\n")
            if not found:
                return None
            self.buffer = rest
            return json.loads(line)
        try:
            text = self.buffer.decode()
            value, end = json.JSONDecoder().raw_decode(text)
        except ValueError:
            return None
        self.buffer = text[end:].lstrip().encode()
        return value


class Peer:
    def __init__(self, args):
        self.args = args
        self.lf = args.dialect == LF
        self.listener = listen(args.serve)
        self.port = self.listener.getsockname()[1]
        self.served = {}
        self.held = None

    def run(self):
        say("ready", self.port)
        threading.Thread(target=self.serve, daemon=True).start()
        threading.Thread(target=self.sync, daemon=True).start()
        sys.stdin.read()

    # The serving side: one caller after the other.

    def serve(self):
        while True:
            caller, _ = self.listener.accept()
            if self.held is not None:
                self.held.close()
                self.held = None
            try:
                self.answer(caller)
            except OSError:
                pass
            if self.args.lazy_close:
                self.held = caller
            else:
                caller.close()

    def answer(self, caller):
        name = b""
        if self.lf:
            while not name.endswith(b"\n"):
                data = caller.recv(1)
                if not data:
                    return
                name += data
            name = name[:-1].decode()
        else:
            name = caller.recv(1024).decode()
            if name.endswith("\n"):
                # The one that waits for ever for what it takes for a longer name.
                say("deadlock", name.strip())
                caller.recv(1024)
                return
        path = os.path.join(self.args.dir, name)
        if not os.path.isfile(path):
            return
        data = open(path, "rb").read()
        length = len(data)
        times = self.served[name] = self.served.get(name, 0) + 1
        if times <= self.args.early:
            data = data[:length // 2]
        if self.lf:
            caller.sendall(b"Content-Length: %d\n" % length)
            time.sleep(0.02)
        send_cut(caller, data, self.args.cut)

    # The side that speaks to the tracker.

    def files(self):
        for name in sorted(os.listdir(self.args.dir)):
            path = os.path.join(self.args.dir, name)
            if os.path.isfile(path) and not name.endswith(".part"):
                mtime = os.path.getmtime(path)
                yield name, int(mtime) if self.args.int else mtime

    def message(self, **more):
        text = json.dumps({"port": self.port, **more})
        return (text + "\n" if self.lf else text).encode()

    def sync(self):
        tracker = socket.create_connection((self.args.ip, self.args.port))
        reader = Reader(tracker, self.args.dialect)
        time.sleep(self.args.wait)
        files = [{"name": name, "mtime": mtime} for name, mtime in self.files()]
        first = self.message(files=files)
        if self.args.join:
            # A keepalive in the same segment. Both are answered.
            send_cut(tracker, first + self.message(), 1)
            reader.value()
        else:
            send_cut(tracker, first, self.args.cut)
        while True:
            directory = reader.value()
            if directory is None:
                say("hung up")
                return
            self.round(directory)
            time.sleep(self.args.every)
            send_cut(tracker, self.message(), self.args.cut)

    def round(self, directory):
        mine = dict(self.files())
        for name, entry in sorted(directory.items()):
            if name in mine and mine[name] >= entry["mtime"]:
                continue
            if entry["port"] == self.port:
                continue
            try:
                self.fetch(name, entry)
            except OSError as error:
                say("failed", name, error)

    def fetch(self, name, entry):
        with socket.create_connection((entry["ip"], entry["port"])) as peer:
            peer.settimeout(20)
            peer.sendall(name.encode() + (b"\n" if self.lf else b""))
            length = None
            if self.lf:
                # As naive as can be: the header is what one read brings.
                header = peer.recv(1024)
                if not header:
                    return
                if not (header.startswith(b"Content-Length: ") and header.endswith(b"\n")):
                    raise OSError("no header by itself: %r" % header[:80])
                length = int(header.split()[1])
            data = b""
            while length is None or len(data) < length:
                piece = peer.recv(1000 if self.args.slow_read else 65536)
                if not piece:
                    break
                data += piece
                time.sleep(self.args.slow_read)
        if length is not None and len(data) < length:
            say("short", name)
            return
        path = os.path.join(self.args.dir, name)
        with open(path + ".part", "wb") as part:
            part.write(data)
        os.utime(path + ".part", (entry["mtime"], entry["mtime"]))
        os.rename(path + ".part", path)


class Tracker:
    """Keeps the newest of each name; reads the files of a connection's first message only."""

    def __init__(self, args):
        self.args = args
        self.lf = args.dialect == LF
        self.lock = threading.Lock()
        self.files, self.seen = {}, {}

    def run(self):
        listener = listen(self.args.port)
        say("ready", listener.getsockname()[1])
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()
        sys.stdin.read()

    def accept(self, listener):
        while True:
            peer, (ip, _) = listener.accept()
            threading.Thread(target=self.serve, args=(peer, ip), daemon=True).start()

    def serve(self, peer, ip):
        reader = Reader(peer, self.args.dialect)
        is_first = True
        try:
            while (message := reader.value()) is not None:
                assert isinstance(message["port"], int)
                assert set(message) <= {"port", "files"}, message
                assert ("files" in message) == is_first, message
                is_first = False
                text = json.dumps(self.hear(ip, message))
                send_cut(peer, (text + "\n" if self.lf else text).encode(), self.args.cut)
        except OSError:
            pass

    def hear(self, ip, message):
        with self.lock:
            now, who = time.monotonic(), (ip, message["port"])
            self.seen[who] = now
            for file in message.get("files", []):
                known = self.files.get(file["name"])
                if known is None or known["mtime"] < file["mtime"]:
                    self.files[file["name"]] = {"ip": ip, "port": message["port"], "mtime": file["mtime"]}
            gone = {who for who, last in self.seen.items() if now - last > EXPIRY}
            self.files = {n: e for n, e in self.files.items() if (e["ip"], e["port"]) not in gone}
            return dict(self.files)


def arguments():
    parser = argparse.ArgumentParser()
    roles = parser.add_subparsers(dest="role", required=True)
    peer = roles.add_parser("peer")
    peer.add_argument("dir")
    peer.add_argument("ip")
    peer.add_argument("port", type=int)
    peer.add_argument("--serve", type=int, default=0)
    peer.add_argument("--wait", type=float, default=0.1)
    peer.add_argument("--every", type=float, default=0.5)
    peer.add_argument("--join", action="store_true")
    peer.add_argument("--early", type=int, default=0)
    peer.add_argument("--lazy-close", action="store_true")
    peer.add_argument("--slow-read", type=float, default=0)
    peer.add_argument("--int", action="store_true")
    tracker = roles.add_parser("tracker")
    tracker.add_argument("port", type=int)
    for role in (peer, tracker):
        role.add_argument("--dialect", choices=["unframed", LF], required=True)
        role.add_argument("--cut", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    args = arguments()
    (Peer if args.role == "peer" else Tracker)(args).run()
