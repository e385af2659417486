//! The table of settings. The words that explain each one stand once, at its flag.

use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use drizzle_model::RelPath;

use super::invite::InviteText;
use super::rate::Rate;
use super::size::Size;
use super::value::{FileBase, Seconds, SettingValue, Switch};

/// What can be said of a setting without its type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Info {
    /// The long flag without its dashes, which is also the key in the file.
    pub(crate) key: &'static str,
    /// The default as it would be written, where it is a fixed one.
    pub(crate) default: Option<&'static str>,
    /// The tables of the file in which it may stand besides the top; empty: in every one.
    pub(crate) tables: &'static [&'static str],
    /// Whether the value may be a secret.
    pub(crate) is_secret: bool,
    /// Whether the value is written without quotes in the file.
    pub(crate) is_bare: bool,
    /// Says what is wrong with a value in the file.
    pub(crate) check: fn(&str, FileBase<'_>) -> Result<(), String>,
}

impl Info {
    /// The environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("DRIZZLE_{}", self.key.to_ascii_uppercase().replace('-', "_"))
    }

    /// Whether the setting may stand in that table of the file.
    pub(crate) fn is_of_table(&self, table: &str) -> bool {
        self.tables.is_empty() || self.tables.contains(&table)
    }
}

/// A setting and its type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<T> {
    pub(crate) info: Info,
    value: PhantomData<fn() -> T>,
}

impl<T: SettingValue> Setting<T> {
    const fn new(key: &'static str, default: Option<&'static str>, tables: &'static [&'static str]) -> Self {
        let check = |text: &str, base: FileBase<'_>| T::from_file(text, base).map(drop);
        let info = Info { key, default, tables, is_secret: false, is_bare: false, check };
        Self { info, value: PhantomData }
    }

    const fn bare(mut self) -> Self {
        self.info.is_bare = true;
        self
    }

    const fn secret(mut self) -> Self {
        self.info.is_secret = true;
        self
    }
}

/// The table of the config file for `drizzle tracker`. Not `tracker`: that key is the invite.
pub(crate) const TRACKER_TABLE: &str = "tracker-server";

/// Every table of the config file.
pub(crate) const TABLES: &[&str] =
    &[TRACKER_TABLE, "share", "get", "sync", "list", "search", "locate", "ring", "status"];

const EVERYWHERE: &[&str] = &[];
const CLIENTS: &[&str] = &["share", "get", "list", "search", "locate", "status"];

pub(crate) const TRACKER: Setting<InviteText> = Setting::new("tracker", None, CLIENTS).secret();
pub(crate) const LIMIT_UP: Setting<Rate> = Setting::new("limit-up", Some("unlimited"), EVERYWHERE);
pub(crate) const LIMIT_DOWN: Setting<Rate> = Setting::new("limit-down", Some("unlimited"), EVERYWHERE);
pub(crate) const PEER_LIMIT_UP: Setting<Rate> = Setting::new("peer-limit-up", Some("unlimited"), EVERYWHERE);
pub(crate) const PEER_LIMIT_DOWN: Setting<Rate> =
    Setting::new("peer-limit-down", Some("unlimited"), EVERYWHERE);
pub(crate) const STATE: Setting<PathBuf> = Setting::new("state", None, EVERYWHERE);
pub(crate) const JSON: Setting<Switch> = Setting::new("json", Some("false"), EVERYWHERE).bare();
pub(crate) const VERBOSE: Setting<u8> = Setting::new("verbose", Some("0"), EVERYWHERE).bare();
pub(crate) const QUIET: Setting<Switch> = Setting::new("quiet", Some("false"), EVERYWHERE).bare();
pub(crate) const LOG: Setting<String> = Setting::new("log", None, EVERYWHERE);
pub(crate) const NO_PROGRESS: Setting<Switch> = Setting::new("no-progress", Some("false"), EVERYWHERE).bare();

pub(crate) const LISTEN: Setting<SocketAddr> =
    Setting::new("listen", Some("0.0.0.0:7441"), &["share", "get", "sync", "ring"]);
pub(crate) const OPEN: Setting<Switch> =
    Setting::new("open", Some("false"), &[TRACKER_TABLE, "share", "ring"]).bare();
pub(crate) const NAME: Setting<RelPath> = Setting::new("name", None, &["share", "ring"]);
pub(crate) const WATCH: Setting<Switch> = Setting::new("watch", Some("true"), &["share"]).bare();
pub(crate) const RESCAN: Setting<Seconds> = Setting::new("rescan", Some("60"), &["share"]).bare();

pub(crate) const OUTPUT: Setting<PathBuf> = Setting::new("output", Some("."), &["get", "ring"]);
pub(crate) const SEED: Setting<Switch> = Setting::new("seed", Some("false"), &["get"]).bare();
pub(crate) const MAX_PEERS: Setting<NonZeroUsize> = Setting::new("max-peers", Some("40"), &["get"]).bare();
pub(crate) const MAX_REQUESTS: Setting<NonZeroUsize> =
    Setting::new("max-requests", Some("64"), &["get"]).bare();
pub(crate) const REFRESH: Setting<Seconds> = Setting::new("refresh", Some("10"), &["get"]).bare();
pub(crate) const PATIENCE: Setting<Seconds> = Setting::new("patience", Some("60"), &["get"]).bare();
pub(crate) const PARTIAL_DIR: Setting<PathBuf> = Setting::new("partial-dir", None, &["get"]);
pub(crate) const REFUSE_CASE_CLASHES: Setting<Switch> =
    Setting::new("refuse-case-clashes", Some("false"), &["get"]).bare();

pub(crate) const DISCOVERY: Setting<Switch> =
    Setting::new("discovery", Some("true"), &[TRACKER_TABLE, "share", "get", "list", "search", "locate"])
        .bare();
pub(crate) const DISCOVERY_WAIT: Setting<Seconds> =
    Setting::new("discovery-wait", Some("2"), &["get", "list", "search", "locate"]).bare();

pub(crate) const IGNORE_CASE: Setting<Switch> =
    Setting::new("ignore-case", Some("false"), &["search"]).bare();

pub(crate) const JOIN: Setting<InviteText> = Setting::new("join", None, &["ring"]).secret();
pub(crate) const ID: Setting<u64> = Setting::new("id", None, &["ring"]).bare();
pub(crate) const BITS: Setting<u16> = Setting::new("bits", None, &["ring"]).bare();
pub(crate) const PING: Setting<Seconds> = Setting::new("ping", Some("5"), &["ring"]).bare();
pub(crate) const SUCCESSORS: Setting<NonZeroUsize> = Setting::new("successors", Some("16"), &["ring"]).bare();
pub(crate) const REPLICAS: Setting<NonZeroUsize> = Setting::new("replicas", Some("3"), &["ring"]).bare();
pub(crate) const QUOTA: Setting<Size> = Setting::new("quota", Some("64GiB"), &["ring"]);

pub(crate) const GLOB: Setting<Switch> = Setting::new("glob", Some("false"), &["search"]).bare();
pub(crate) const PREFIX: Setting<Switch> = Setting::new("prefix", Some("false"), &["search"]).bare();

pub(crate) const IP: Setting<IpAddr> = Setting::new("ip", Some("0.0.0.0"), &[TRACKER_TABLE]);
pub(crate) const PORT: Setting<u16> = Setting::new("port", Some("7440"), &[TRACKER_TABLE]).bare();
pub(crate) const DATA: Setting<PathBuf> = Setting::new("data", None, &[TRACKER_TABLE]);
pub(crate) const INVITE_FILE: Setting<PathBuf> = Setting::new("invite-file", None, &[TRACKER_TABLE]);
pub(crate) const CLASSIC: Setting<Switch> = Setting::new("classic", Some("false"), &[TRACKER_TABLE]).bare();
pub(crate) const BEHIND_PROXY: Setting<Switch> =
    Setting::new("behind-proxy", Some("false"), &[TRACKER_TABLE]).bare();

/// Every setting, in the order in which they are shown.
pub(crate) const ALL: &[Info] = &[
    TRACKER.info,
    LIMIT_UP.info,
    LIMIT_DOWN.info,
    PEER_LIMIT_UP.info,
    PEER_LIMIT_DOWN.info,
    STATE.info,
    JSON.info,
    VERBOSE.info,
    QUIET.info,
    LOG.info,
    NO_PROGRESS.info,
    LISTEN.info,
    OPEN.info,
    NAME.info,
    WATCH.info,
    RESCAN.info,
    OUTPUT.info,
    SEED.info,
    MAX_PEERS.info,
    MAX_REQUESTS.info,
    REFRESH.info,
    PATIENCE.info,
    PARTIAL_DIR.info,
    REFUSE_CASE_CLASHES.info,
    DISCOVERY.info,
    DISCOVERY_WAIT.info,
    IGNORE_CASE.info,
    GLOB.info,
    PREFIX.info,
    JOIN.info,
    ID.info,
    BITS.info,
    PING.info,
    SUCCESSORS.info,
    REPLICAS.info,
    QUOTA.info,
    IP.info,
    PORT.info,
    DATA.info,
    INVITE_FILE.info,
    CLASSIC.info,
    BEHIND_PROXY.info,
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn keys_are_different_and_defaults_can_be_read() {
        let keys: BTreeSet<_> = ALL.iter().map(|info| info.key).collect();
        assert_eq!(keys.len(), ALL.len());
        let base = FileBase { folder: Path::new("/"), home: None };
        for info in ALL {
            assert_eq!(
                info.default.map(|default| (info.check)(default, base)),
                info.default.map(|_| Ok(())),
                "{}",
                info.key
            );
            assert!(info.tables.iter().all(|table| TABLES.contains(table)), "{}", info.key);
        }
    }

    #[test]
    fn no_table_has_the_name_of_a_key() {
        assert!(ALL.iter().all(|info| !TABLES.contains(&info.key)));
    }
}
