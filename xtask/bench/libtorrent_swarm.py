"""One peer of TORRENT, seeding or fetching in FOLDER, at HOST:PORT, until it is killed.

Usage: libtorrent_swarm.py seed|leech TORRENT FOLDER HOST:PORT PEER...; PEER are the addresses of the others. Prints "seeding"
when a seed serves, and "finished" when a leecher has everything on disk; it goes on serving.
"""

import sys

import libtorrent as lt

role, torrent_path, folder, address = sys.argv[1:5]
peers = [(host, int(port)) for host, port in (peer.rsplit(":", 1) for peer in sys.argv[5:])]
session = lt.session({
    "listen_interfaces": address,
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # TCP alone, as all the others.
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "alert_mask": lt.alert.category_t.status_notification
    | lt.alert.category_t.storage_notification
    | lt.alert.category_t.error_notification,
})
parameters = lt.add_torrent_params()
parameters.ti = lt.torrent_info(torrent_path)
parameters.trackers = []
parameters.save_path = folder
parameters.peers = peers
if role == "seed":
    parameters.flags |= lt.torrent_flags.seed_mode
handle = session.add_torrent(parameters)

while True:
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        if isinstance(alert, lt.torrent_error_alert) or isinstance(alert, lt.file_error_alert):
            sys.exit(alert.message())
        if isinstance(alert, lt.listen_succeeded_alert) and role == "seed":
            print("seeding", flush=True)
        if isinstance(alert, lt.torrent_finished_alert) and role == "leech":
            handle.flush_cache()
        if isinstance(alert, lt.cache_flushed_alert) and role == "leech":
            print("finished", flush=True)
