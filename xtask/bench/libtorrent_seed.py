"""Makes a torrent of PATH, writes it to TORRENT, and seeds it at HOST:PORT until it is killed.

Usage: libtorrent_seed.py PATH TORRENT HOST:PORT. Prints "seeding" when it serves.
"""

import os
import signal
import sys

import libtorrent as lt

path, torrent_path, address = sys.argv[1:]
parent = os.path.dirname(path)
files = lt.file_storage()
lt.add_files(files, path)
# Version 1 alone: hashing for version 2 as well would only cost it time.
torrent = lt.create_torrent(files, flags=lt.create_torrent.v1_only)
lt.set_piece_hashes(torrent, parent)
with open(torrent_path, "wb") as file:
    file.write(lt.bencode(torrent.generate()))

session = lt.session({
    "listen_interfaces": address,
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # Its own transport over UDP, which it prefers, is far slower than TCP on loopback.
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "allow_multiple_connections_per_ip": True,
    "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
})
parameters = lt.add_torrent_params()
parameters.ti = lt.torrent_info(torrent_path)
parameters.save_path = parent
parameters.flags = lt.torrent_flags.seed_mode | lt.torrent_flags.upload_mode
handle = session.add_torrent(parameters)
handle.resume()


def is_listening():
    """Waits for the next alerts, and says whether one of them is that the socket is open."""
    session.wait_for_alert(1000)
    return any(isinstance(alert, lt.listen_succeeded_alert) for alert in session.pop_alerts())


while not is_listening():
    pass
print("seeding", flush=True)
signal.pause()
