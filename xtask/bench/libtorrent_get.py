"""Fetches TORRENT into FOLDER from the seed at HOST:PORT, and ends when all of it is on disk.

Usage: libtorrent_get.py TORRENT FOLDER HOST:PORT
"""

import os
import sys

import libtorrent as lt

torrent_path, folder, address = sys.argv[1:]
host, port = address.rsplit(":", 1)
session = lt.session({
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # Its own transport over UDP, which it prefers, is far slower than TCP on loopback.
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "alert_mask": lt.alert.category_t.status_notification
    | lt.alert.category_t.storage_notification
    | lt.alert.category_t.error_notification,
})
parameters = lt.add_torrent_params()
parameters.ti = lt.torrent_info(torrent_path)
parameters.save_path = folder
parameters.peers = [(host, int(port))]
handle = session.add_torrent(parameters)

flushed = False
while not flushed:
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.torrent_error_alert) or isinstance(alert, lt.file_error_alert):
            sys.exit(alert.message())
        if isinstance(alert, lt.torrent_finished_alert):
            handle.flush_cache()
        flushed = flushed or isinstance(alert, lt.cache_flushed_alert)
# Everything is written: the session's own goodbye to its peers is not part of the transfer.
os._exit(0)
