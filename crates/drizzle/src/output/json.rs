//! Reports as JSON: one object a line, flushed line by line, so that a script sees each at once.

use std::io::{self, Write};

use super::report::Report;

/// Writes one report.
pub(crate) fn write(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::super::classic_fields::{ClassicDoneFields, ClassicFileFields, ClassicLocationFields};
    use super::super::report::*;
    use super::super::ring_fields::{
        HopFields, IdField, KeptFields, NeighboursFields, ReceivedFields, StoredFields,
    };
    use super::*;
    use drizzle_model::{Bitmap, ChunkRun, ContentKind, FileKey, Link, Mtime, RelPath};
    use drizzle_node::ClassicFetched;
    use drizzle_tracker::{ClassicHolder, ClassicListed, Dialect};

    fn key() -> FileKey {
        FileKey {
            name: RelPath::new("a b\n").unwrap(),
            hash: "11".repeat(32).parse().unwrap(),
            size: 70_000,
            chunks: 2,
            kind: ContentKind::File,
        }
    }

    fn link() -> Link {
        let FileKey { name, hash, size, kind, .. } = key();
        Link { hash, kind, name, size, invite: None, peers: Vec::new() }
    }

    fn all() -> Vec<Report> {
        let peer = || "22".repeat(32);
        let mut have = Bitmap::empty(9);
        have.insert_run(ChunkRun { first: 0, last: 3 });
        have.insert_run(ChunkRun { first: 8, last: 8 });
        vec![
            Report::Ready {
                role: "tracker",
                listen: "0.0.0.0:7440".into(),
                peer: peer(),
                invite: Some("tracker://h:1/k".into()),
            },
            Report::Ready { role: "share", listen: "[::]:7441".into(), peer: peer(), invite: None },
            Report::shared(&key(), &link(), 0, None),
            Report::shared(&key(), &link(), 1, Some(&"33".repeat(32).parse().unwrap())),
            Report::Unshared { file: (&key()).into() },
            Report::file(&key(), Mtime::new(1_700_000_000, 500_000_000).unwrap(), 3),
            Report::ClassicFile(ClassicFileFields::from(&ClassicListed {
                name: drizzle_classic::Name::new("n").unwrap(),
                mtime: Mtime::from_seconds(1_700_000_000),
                peers: 2,
            })),
            Report::Found { network: peer(), address: "10.0.0.1:7440".into() },
            Report::Location {
                name: "n".into(),
                hash: "11".into(),
                peer: peer(),
                number: 4,
                address: "10.0.0.1:7441".into(),
                chunks: runs(&have),
                of: 9,
            },
            Report::ClassicLocation(ClassicLocationFields::new(
                "n",
                Mtime::from_seconds(1_700_000_000),
                &ClassicHolder { address: "10.0.0.1:8000".parse().unwrap(), dialect: Dialect::Lf },
            )),
            Report::Chunk { name: "n".into(), index: 7, peer: peer() },
            Report::Progress { name: "n".into(), done: 1, total: 2, rate: 3, peers: 4 },
            Report::Refused { name: "n".into(), peer: peer(), reason: "chunk 7 has another hash".into() },
            Report::Done {
                name: "n".into(),
                hash: "11".into(),
                path: PathText::from(std::path::PathBuf::from("/out/n")),
                size: 2,
                seconds: 0.25,
                from: [(peer(), 2)].into(),
                left_out: Vec::new(),
            },
            Report::ClassicDone(ClassicDoneFields::from(ClassicFetched {
                name: RelPath::new("n").unwrap(),
                path: "/out/n".into(),
                size: 2,
                elapsed: std::time::Duration::from_millis(250),
                from: Some("10.0.0.1:8000".parse().unwrap()),
            })),
            Report::Applied { path: "n".into(), action: "update", peer: "10.0.0.1:8000".into() },
            Report::InSync { files: 1, bytes: 2 },
            Report::Hop(HopFields { from: IdField::Number(9), to: IdField::Text("66".repeat(32)) }),
            Report::Stored(StoredFields {
                name: "2012".into(),
                hash: "11".into(),
                size: 5,
                key: IdField::Number(220),
                peer: peer(),
                id: Some(IdField::Number(2)),
                at: vec![IdField::Number(2), IdField::Number(4)],
                path: "/in/2012".into(),
            }),
            Report::Received(ReceivedFields {
                name: "2012".into(),
                hash: "11".into(),
                size: 5,
                peer: peer(),
                id: IdField::Number(2),
                own: false,
                path: "/out/2012".into(),
            }),
            Report::Neighbours(NeighboursFields {
                id: IdField::Number(2),
                peer: peer(),
                predecessors: vec![IdField::Number(19)],
                successors: vec![IdField::Number(4)],
                keeps: Some(KeptFields { records: 1, files: 1, bytes: 5, quota: 64 << 30 }),
            }),
            Report::Ping { id: IdField::Number(4), peer: peer(), seconds: 0.001 },
            Report::Step { scenario: "standard", text: "Ann has chunk 3 of n from Bob".into() },
            Report::Status(StatusFields {
                version: "0.0.0",
                state: PathText::from(std::path::PathBuf::from("/state")),
                config: PathText::from(std::path::PathBuf::from("/config.toml")),
                identity: Some(peer()),
                processes: vec![ProcessFields {
                    pid: 1,
                    role: "share".into(),
                    started: 1_700_000_000,
                    listen: Some("0.0.0.0:7441".into()),
                    peer: Some(peer()),
                    names: vec!["n".into()],
                }],
                tracker: Some(TrackerFields {
                    addresses: vec!["h:1".into()],
                    network: "33".into(),
                    answers: true,
                    files: Some(1),
                    peers: Some(2),
                    error: None,
                }),
            }),
            Report::Setting { key: "seed".into(), value: Some("false".into()), origin: "default".into() },
            Report::Path { path: PathText::from(std::path::PathBuf::from("/config.toml")) },
            Report::Error { kind: "not-found", message: "nobody has 'n'".into(), hint: Some("look".into()) },
            Report::Error { kind: "other", message: "m".into(), hint: None },
        ]
    }

    /// Would fail for any change to a name that scripts rely on. Written anew with UPDATE=1, for a person to read.
    #[test]
    fn events_are_as_scripts_know_them() {
        let mut lines = Vec::new();
        for report in all() {
            write(&mut lines, &report).unwrap();
        }
        crate::golden::check("events.jsonl", &String::from_utf8(lines).unwrap());
    }
}
