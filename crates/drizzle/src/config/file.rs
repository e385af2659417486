//! The config file: TOML, flat keys at the top, and a table for each command whose keys count before those.
//!
//! Every key and value is checked when the file is read, also those that the command at hand does not use: a
//! setting that is silently without effect is worse than a message. `_` and `-` in keys are the same; an empty text
//! counts as not set, as with variables.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::invite::InviteText;
use super::settings::{ALL, Info, TABLES};
use super::value::FileBase;

/// Keys less alike than this are not suggested; Jaro-Winkler, 1 for the same.
const LIKENESS_MIN: f64 = 0.75;

/// A value in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileValue {
    /// The value, numbers and switches in their usual text.
    pub(crate) text: String,
    /// Where it stands, from 1.
    pub(crate) line: usize,
}

/// Where a key stands: at the top, or in a command's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) table: Option<&'static str>,
    pub(crate) key: &'static str,
}

/// A config file that was read; without any value when there is none.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    home: Option<PathBuf>,
    values: BTreeMap<Slot, FileValue>,
}

impl ConfigFile {
    /// Reads the file at a place that somebody named: it must be there.
    pub(crate) fn read(path: PathBuf, home: Option<PathBuf>) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(&path).map_err(|error| ConfigError::Read { path: path.clone(), error })?;
        Self::parse(path, home, &text)
    }

    /// Reads the file at the default place, where it need not be.
    pub(crate) fn read_if_there(path: PathBuf, home: Option<PathBuf>) -> Result<Self, ConfigError> {
        match Self::read(path.clone(), home.clone()) {
            Err(ConfigError::Read { error, .. })
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(Self { home, ..Self::unread(path) })
            }
            other => other,
        }
    }

    /// A file that nobody looks into.
    pub(crate) fn unread(path: PathBuf) -> Self {
        Self { path, home: None, values: BTreeMap::new() }
    }

    pub(crate) fn parse(path: PathBuf, home: Option<PathBuf>, text: &str) -> Result<Self, ConfigError> {
        let mut reader = Reader { path: &path, text, home: home.as_deref(), values: BTreeMap::new() };
        reader.read()?;
        let values = reader.values;
        Ok(Self { path, home, values })
    }

    /// Where it is, or would be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The value that counts for a command: that of its table before that at the top.
    pub(crate) fn value(&self, table: Option<&str>, key: &'static str) -> Option<(Slot, &FileValue)> {
        let table = TABLES.iter().copied().find(|known| Some(*known) == table);
        let own = table.and_then(|table| self.values.get_key_value(&Slot { table: Some(table), key }));
        own.or_else(|| self.values.get_key_value(&Slot { table: None, key }))
            .map(|(slot, value)| (*slot, value))
    }

    /// What stands in tables, and where.
    pub(crate) fn in_tables(&self) -> impl Iterator<Item = (Slot, &FileValue)> {
        self.values.iter().filter(|(slot, _)| slot.table.is_some()).map(|(slot, value)| (*slot, value))
    }

    /// What paths in it mean.
    pub(crate) fn base(&self) -> FileBase<'_> {
        base(&self.path, self.home.as_deref())
    }

    /// Whether it holds a secret and others than its owner may read it.
    pub(crate) fn exposes_secret(&self) -> bool {
        let holds_secret = ALL
            .iter()
            .filter(|info| info.is_secret)
            .flat_map(|info| self.values.iter().filter(|(slot, _)| slot.key == info.key))
            .any(|(_, value)| InviteText::new(&value.text).holds_secret());
        holds_secret && is_readable_by_others(&self.path)
    }
}

fn base<'a>(path: &'a Path, home: Option<&'a Path>) -> FileBase<'a> {
    FileBase { folder: path.parent().unwrap_or(Path::new("")), home }
}

#[cfg(unix)]
fn is_readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_path: &Path) -> bool {
    false
}

/// The reading of one file.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    home: Option<&'a Path>,
    values: BTreeMap<Slot, FileValue>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), ConfigError> {
        let table = DeTable::parse(self.text).map_err(|error| ConfigError::Syntax {
            path: self.path.to_owned(),
            line: self.line(error.span().unwrap_or_default()),
            message: error.message().to_owned(),
        })?;
        for (key, value) in in_order(table.get_ref()) {
            match (value.get_ref(), known_table(key.get_ref())) {
                (DeValue::Table(inner), Some(table)) => {
                    in_order(inner).try_for_each(|(key, value)| self.take(Some(table), key, value))?;
                }
                _ => self.take(None, key, value)?,
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        table: Option<&'static str>,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ConfigError> {
        let line = self.line(key.span());
        let info =
            known_setting(table, key.get_ref()).ok_or_else(|| self.unknown(table, key.get_ref(), line))?;
        let wrong = |why| ConfigError::FileValue {
            path: self.path.to_owned(),
            line,
            key: key.get_ref().to_string(),
            why,
        };
        let text = scalar(value.get_ref()).map_err(wrong)?;
        if text.is_empty() {
            return Ok(());
        }
        (info.check)(&text, base(self.path, self.home)).map_err(wrong)?;
        let slot = Slot { table, key: info.key };
        match self.values.insert(slot, FileValue { text, line }) {
            None => Ok(()),
            Some(_) => Err(ConfigError::Twice { path: self.path.to_owned(), line, key: info.key.to_owned() }),
        }
    }

    fn unknown(&self, table: Option<&str>, key: &str, line: usize) -> ConfigError {
        let settings = ALL.iter().filter(|info| table.is_none_or(|table| info.is_of_table(table)));
        let tables = TABLES.iter().filter(|_| table.is_none());
        let known = settings.map(|info| info.key).chain(tables.copied());
        let likeness = |known: &str| strsim::jaro_winkler(&normal(key), known);
        let nearest = known
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
            .filter(|known| likeness(known) >= LIKENESS_MIN)
            .map(str::to_owned);
        let key = table.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}"));
        ConfigError::UnknownKey { path: self.path.to_owned(), line, key, nearest }
    }

    fn line(&self, span: Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

type Entry<'a, 'i> = (&'a Spanned<Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

/// What a table holds, in the order of the file, so that the first mistake is the one that is told.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> impl Iterator<Item = Entry<'a, 'i>> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter()
}

fn normal(key: &str) -> String {
    key.to_ascii_lowercase().replace('_', "-")
}

fn known_table(key: &str) -> Option<&'static str> {
    TABLES.iter().copied().find(|table| *table == normal(key))
}

fn known_setting(table: Option<&str>, key: &str) -> Option<&'static Info> {
    let of_table = |info: &&Info| table.is_none_or(|table| info.is_of_table(table));
    ALL.iter().filter(of_table).find(|info| info.key == normal(key))
}

/// The text of a value that has one.
fn scalar(value: &DeValue<'_>) -> Result<String, String> {
    let other = || format!("expected text, a number, true or false, received {}", value.type_str());
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(on) => Ok(on.to_string()),
        DeValue::Float(float) => Ok(float.as_str().to_owned()),
        DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
            .map(|number| number.to_string())
            .map_err(|_| other()),
        _ => Err(other()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConfigFile, ConfigError> {
        ConfigFile::parse("/d/config.toml".into(), None, text)
    }

    #[test]
    fn a_commands_table_counts_before_the_top() {
        let file = parse("limit_up = '1M'\nlisten = '1.1.1.1:1'\n[share]\nlisten = '2.2.2.2:2'\n").unwrap();
        let text = |table, key| file.value(table, key).map(|(_, value)| (value.text.as_str(), value.line));
        assert_eq!(text(Some("share"), "listen"), Some(("2.2.2.2:2", 4)));
        assert_eq!(text(Some("get"), "listen"), Some(("1.1.1.1:1", 2)));
        assert_eq!(text(None, "listen"), Some(("1.1.1.1:1", 2)));
        assert_eq!(text(Some("share"), "limit-up"), Some(("1M", 1)));
        assert_eq!(text(Some("share"), "name"), None);
    }

    #[test]
    fn numbers_and_switches_need_no_quotes() {
        let file = parse("limit-up = 1_000\nrefresh = 0.5\nseed = true\nport = 0x10\nname = ''\n").unwrap();
        let text = |key| file.value(None, key).map(|(_, value)| value.text.as_str());
        assert_eq!(
            ["limit-up", "refresh", "seed", "port"].map(text),
            [Some("1000"), Some("0.5"), Some("true"), Some("16")]
        );
        assert_eq!(text("name"), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, message) in [
            ("\nlimt-up = 1", "/d/config.toml:2: unknown key 'limt-up'; did you mean 'limit-up'?"),
            ("zzz = 1", "/d/config.toml:1: unknown key 'zzz'"),
            ("[share]\nseed = true", "/d/config.toml:2: unknown key 'share.seed'"),
            ("[shar]\n", "/d/config.toml:1: unknown key 'shar'; did you mean 'share'?"),
            ("limit_up = 1\nlimit-up = 2", "/d/config.toml:2: 'limit-up' is set more than once"),
            (
                "seed = [true]",
                "/d/config.toml:1: seed: expected text, a number, true or false, received array",
            ),
            (
                "port = 70000",
                "/d/config.toml:1: port: expected a port: number too large to fit in target type",
            ),
            ("\n\nseed true", "/d/config.toml:3: key with no value, expected `=`"),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn no_file_is_no_value_but_a_named_one_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none").join("config.toml");
        assert!(ConfigFile::read_if_there(path.clone(), None).unwrap().value(None, "seed").is_none());
        assert!(matches!(ConfigFile::read(path, None), Err(ConfigError::Read { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_noticed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let (key, secret) = ("ab".repeat(32), "cd".repeat(32));
        for (text, mode, exposes) in [
            (format!("tracker = 'tracker://h:1/{key}/{secret}'"), 0o644, true),
            (format!("[get]\ntracker = 'tracker://h:1/{key}/{secret}'"), 0o640, true),
            (format!("tracker = 'tracker://h:1/{key}/{secret}'"), 0o600, false),
            (format!("tracker = 'tracker://h:1/{key}'"), 0o644, false),
            ("tracker = '@invite'".to_owned(), 0o644, false),
        ] {
            fs::write(&path, &text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(ConfigFile::read(path.clone(), None).unwrap().exposes_secret(), exposes, "{text}");
        }
    }
}
