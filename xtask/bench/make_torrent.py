"""Writes a torrent of the file PATH to TORRENT, with the tracker at ANNOUNCE and pieces of PIECE_BYTES.

Usage: make_torrent.py PATH TORRENT ANNOUNCE PIECE_BYTES. Needs nothing but Python, so that every program gets the same torrent.
"""

import hashlib
import os
import sys


def bencode(value):
    """The one encoding of a value."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    raise TypeError(type(value))


path, torrent_path, announce, piece_bytes = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
pieces = []
with open(path, "rb") as file:
    while piece := file.read(piece_bytes):
        pieces.append(hashlib.sha1(piece).digest())
torrent = {
    b"announce": announce.encode(),
    b"info": {
        b"length": os.path.getsize(path),
        b"name": os.path.basename(path).encode(),
        b"piece length": piece_bytes,
        b"pieces": b"".join(pieces),
    },
}
with open(torrent_path, "wb") as file:
    file.write(bencode(torrent))
