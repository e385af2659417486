//! The messages between a peer and its tracker, as JSON: read from anybody, written in ASCII with an LF at the end.
//!
//! Drizzle marks its own messages for its kind in a way that no JSON reader sees: with a tab before the closing brace. In a
//! peer's message it says that the peer serves callers of both dialects; in an entry of a directory, that the peer named there
//! is of the unframed dialect, to which nobody may send an LF; in the directory as a whole, that the tracker takes a new list of files
//! at any time. A key would have said it as well, but there are readers that fail at
//! keys they do not know.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::Dialect;
use crate::limits::FILES_PER_PEER_MAX;
use crate::name::Name;
use crate::stamp::Stamp;

/// Why a message means nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It is no JSON, or of another shape.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// A time is no number.
    #[error("mtime: expected a number, received {0}")]
    Mtime(String),
    /// Nobody serves there.
    #[error("port: expected 1 to 65535, received 0")]
    Port,
    /// It names too many files.
    #[error("files: expected at most {FILES_PER_PEER_MAX}, received {0}")]
    TooManyFiles(usize),
}

/// A file that a peer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFile {
    /// Its name.
    pub name: Name,
    /// When it was modified last.
    pub mtime: Stamp,
}

/// What a peer says to its tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerMessage {
    /// Where it serves.
    pub port: u16,
    /// What it has; none in a keepalive.
    pub files: Option<Vec<OwnFile>>,
    /// How many files it named by names that cannot stand in a flat folder.
    pub left_out: usize,
    /// Whether it serves callers of both dialects.
    pub serves_both: bool,
}

/// Where the newest of one name is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The peer that has it.
    pub address: SocketAddr,
    /// When it was modified last.
    pub mtime: Stamp,
    /// Whether that peer must not be sent an LF, as far as the tracker says.
    pub is_unframed: bool,
}

/// What a tracker answers.
#[derive(Debug, Clone, Default)]
pub struct DirectoryMessage {
    /// The newest of each name.
    pub files: BTreeMap<Name, Entry>,
    /// How many entries make no sense, or are not for a flat folder.
    pub left_out: usize,
    /// Whether the tracker takes a new list of files at any time, not only in a connection's first message.
    pub takes_lists: bool,
}

#[derive(Deserialize)]
struct PeerDto<'a> {
    port: u16,
    #[serde(borrow, default)]
    files: Option<Vec<FileDto<'a>>>,
}

#[derive(Deserialize)]
struct FileDto<'a> {
    name: String,
    #[serde(borrow)]
    mtime: &'a RawValue,
}

#[derive(Deserialize)]
struct EntryDto<'a> {
    ip: IpAddr,
    port: u16,
    #[serde(borrow)]
    mtime: &'a RawValue,
}

impl PeerMessage {
    /// Reads one object.
    pub fn parse(json: &[u8]) -> Result<Self, MessageError> {
        let dto: PeerDto<'_> = serde_json::from_slice(json)?;
        if dto.port == 0 {
            return Err(MessageError::Port);
        }
        let named = dto.files.as_ref().map_or(0, Vec::len);
        if named > FILES_PER_PEER_MAX {
            return Err(MessageError::TooManyFiles(named));
        }
        let files =
            dto.files.map(|files| files.into_iter().filter_map(own_file).collect::<Result<Vec<_>, _>>());
        let files = files.transpose()?;
        let left_out = named - files.as_ref().map_or(0, Vec::len);
        Ok(Self { port: dto.port, files, left_out, serves_both: is_marked(json) })
    }

    /// The bytes to send.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{{\"port\":{}", self.port);
        if let Some(files) = &self.files {
            text += ",\"files\":[";
            for (position, file) in files.iter().enumerate() {
                text += if position == 0 { "{\"name\":" } else { ",{\"name\":" };
                push_text(&mut text, file.name.as_str());
                let _ = write!(text, ",\"mtime\":{}}}", file.mtime.as_str());
            }
            text.push(']');
        }
        text += if self.serves_both { "\t}\n" } else { "}\n" };
        text.into_bytes()
    }
}

/// None for a name that cannot stand in a flat folder: the other files of the message are none the worse for it.
fn own_file(dto: FileDto<'_>) -> Option<Result<OwnFile, MessageError>> {
    let name = Name::new(&dto.name)?;
    let mtime = Stamp::parse(dto.mtime.get()).ok_or_else(|| not_a_time(dto.mtime));
    Some(mtime.map(|mtime| OwnFile { name, mtime }))
}

fn not_a_time(received: &RawValue) -> MessageError {
    MessageError::Mtime(received.get().chars().take(40).collect())
}

impl DirectoryMessage {
    /// Reads one object. An entry that makes no sense is left out, and the others are taken.
    pub fn parse(json: &[u8]) -> Result<Self, MessageError> {
        let entries: BTreeMap<String, &RawValue> = serde_json::from_slice(json)?;
        let named = entries.len();
        let files: BTreeMap<_, _> = entries
            .into_iter()
            .filter_map(|(name, entry)| Some((Name::new(&name)?, read_entry(entry)?)))
            .collect();
        Ok(Self { left_out: named - files.len(), files, takes_lists: is_marked(json) })
    }
}

fn read_entry(entry: &RawValue) -> Option<Entry> {
    let dto: EntryDto<'_> = serde_json::from_str(entry.get()).ok()?;
    let mtime = Stamp::parse(dto.mtime.get())?;
    let address = SocketAddr::new(dto.ip.to_canonical(), dto.port);
    let is_unframed = is_marked(entry.get().as_bytes());
    (dto.port != 0).then_some(Entry { address, mtime, is_unframed })
}

fn is_marked(object: &[u8]) -> bool {
    object.ends_with(b"\t}")
}

/// Writes a directory, entry by entry.
#[derive(Debug, Default)]
pub struct DirectoryWriter {
    text: String,
}

impl DirectoryWriter {
    /// Adds an entry. Each name may come once.
    pub fn add(&mut self, name: &str, holder: (SocketAddr, Dialect), mtime: &str) {
        let (address, dialect) = holder;
        self.text.push(if self.text.is_empty() { '{' } else { ',' });
        push_text(&mut self.text, name);
        let mark = if dialect == Dialect::Unframed { "\t" } else { "" };
        let (ip, port) = (address.ip(), address.port());
        let _ = write!(self.text, ":{{\"ip\":\"{ip}\",\"port\":{port},\"mtime\":{mtime}{mark}}}");
    }

    /// The bytes to send.
    pub fn finish(mut self) -> Vec<u8> {
        if self.text.is_empty() {
            self.text.push('{');
        }
        self.text += "\t}\n";
        self.text.into_bytes()
    }
}

/// Writes a JSON string in ASCII, since there are programs that read nothing else.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                let _ = write!(out, "\\u{unit:04x}");
            }),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<PeerMessage, MessageError> {
        PeerMessage::parse(text.as_bytes())
    }

    #[test]
    fn the_messages_are_those_of_the_protocol() {
        let first =
            parse(r#"{"port": 8000, "files": [{"name": "fileA.txt", "mtime": 1700000000}]}"#).unwrap();
        assert_eq!((first.port, first.left_out, first.serves_both), (8000, 0, false));
        assert_eq!(first.files.as_ref().unwrap()[0].name.as_str(), "fileA.txt");
        let turned = parse(r#"{"files":[{"mtime":1700000000,"name":"fileA.txt"}],"port":8000}"#).unwrap();
        assert_eq!(turned, first);
        assert_eq!(parse(r#"{"port": 8000}"#).unwrap().files, None);
        let json = br#"{"fileA.txt": {"ip": "127.0.0.1", "port": 8000, "mtime": 1700000000}}"#;
        let entry = &DirectoryMessage::parse(json).unwrap().files["fileA.txt"];
        assert_eq!((entry.address, entry.mtime.as_str()), ("127.0.0.1:8000".parse().unwrap(), "1700000000"));
    }

    /// Whatever number a peer wrote, the directory has the same one.
    #[test]
    fn a_time_is_echoed_as_it_was_written() {
        for number in
            ["1700000000", "1700000000.0", "1700000000.1234567", "1.7e9", "0", "-5", "1700000000.10"]
        {
            let message =
                parse(&format!(r#"{{"port":1,"files":[{{"name":"a","mtime":{number}}}]}}"#)).unwrap();
            let mut writer = DirectoryWriter::default();
            let mtime = &message.files.unwrap()[0].mtime;
            writer.add("a", ("127.0.0.1:1".parse().unwrap(), Dialect::Lf), mtime.as_str());
            let written = String::from_utf8(writer.finish()).unwrap();
            assert_eq!(
                written,
                format!("{{\"a\":{{\"ip\":\"127.0.0.1\",\"port\":1,\"mtime\":{number}}}\t}}\n")
            );
        }
    }

    #[test]
    fn json_of_every_wrong_shape_is_refused() {
        let wrong = ["null", "true", "-1", "1.5", "1e40", "\"x\"", "[]", "[[]]", "{}", "{\"a\":1}"];
        let places = [
            (r#"{"port":@}"#, vec![]),
            (r#"{"port":1,"files":@}"#, vec!["null", "[]"]),
            (r#"{"port":1,"files":[@]}"#, vec![]),
            (r#"{"port":1,"files":[{"name":@,"mtime":1}]}"#, vec!["\"x\""]),
            (r#"{"port":1,"files":[{"name":"a","mtime":@}]}"#, vec!["-1", "1.5", "1e40"]),
        ];
        for (place, right) in places {
            for value in wrong {
                let is_taken = parse(&place.replace('@', value)).is_ok();
                assert_eq!(is_taken, right.contains(&value), "{place} with {value}");
            }
        }
        for text in
            ["{}", r#"{"port":0}"#, r#"{"port":65536}"#, r#"{"port":"1"}"#, r#"{"port":1,"port":1}"#, "{]"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_left_out_and_the_others_taken() {
        let message = parse(
            r#"{"port":1,"files":[{"name":"../a","mtime":1},{"name":"b","mtime":1},{"name":"","mtime":1}]}"#,
        )
        .unwrap();
        assert_eq!((message.files.unwrap().len(), message.left_out), (1, 2));
        let json = r#"{"../a":{"ip":"1.2.3.4","port":1,"mtime":1},"b":[],"c":{"ip":"1.2.3.4","port":1,"mtime":1},"d":{"ip":"host","port":1,"mtime":1}}"#;
        let directory = DirectoryMessage::parse(json.as_bytes()).unwrap();
        assert_eq!((directory.files.len(), directory.left_out), (1, 3));
        assert!(DirectoryMessage::parse(b"[]").is_err());
    }

    proptest! {
        /// What is written is ASCII, ends in LF, and is read back as it was, marks and all.
        #[test]
        fn messages_go_there_and_back(port in 1u16.., serves_both: bool, names in prop::collection::vec(".{1,20}", 0..5), seconds in any::<i32>()) {
            let files: Vec<OwnFile> = names.iter().filter_map(|name| Name::new(name))
                .map(|name| OwnFile { name, mtime: Stamp::parse(&seconds.to_string()).unwrap() }).collect();
            let message = PeerMessage { port, files: Some(files.clone()), left_out: 0, serves_both };
            let bytes = message.to_bytes();
            prop_assert!(bytes.is_ascii());
            prop_assert_eq!(bytes.last(), Some(&b'\n'));
            prop_assert_eq!(PeerMessage::parse(&bytes[..bytes.len() - 1]).unwrap(), message);
            let mut writer = DirectoryWriter::default();
            let by_name: BTreeMap<_, _> = files.into_iter().map(|file| (file.name, file.mtime)).collect();
            for (name, mtime) in &by_name {
                writer.add(name.as_str(), ("[2001:db8::1]:9".parse().unwrap(), Dialect::Unframed), mtime.as_str());
            }
            let bytes = writer.finish();
            prop_assert!(bytes.is_ascii());
            prop_assert_eq!(bytes.last(), Some(&b'\n'));
            let read = DirectoryMessage::parse(&bytes[..bytes.len() - 1]).unwrap();
            prop_assert!(read.files.values().all(|entry| entry.is_unframed));
            prop_assert_eq!(read.files.into_iter().map(|(name, entry)| (name, entry.mtime)).collect::<BTreeMap<_, _>>(), by_name);
        }

        #[test]
        fn noise_is_refused_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = PeerMessage::parse(&bytes);
            let _ = DirectoryMessage::parse(&bytes);
        }
    }
}
