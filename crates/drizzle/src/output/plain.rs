//! Reports for a person. On a terminal names are made harmless; into a pipe they go as they are, as `ls` does it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use super::classic_fields::{ClassicDoneFields, ClassicFileFields};
use super::report::{FileFields, ProcessFields, Report, StatusFields, TrackerFields};
use super::ring_fields::{IdField, NeighboursFields, ReceivedFields, StoredFields};
use super::text::{count, escape, shell_quoted, short, size, span};

/// Lists of chunks are cut after so many runs: a peer halfway through may have thousands.
const RUNS_SHOWN_MAX: usize = 12;

/// Where the lines go, which decides how names are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A person at a terminal.
    Terminal,
    /// A file or a program.
    Program,
}

impl Reader {
    fn name<'a>(self, name: &'a str) -> Cow<'a, str> {
        match self {
            Self::Terminal => escape(name),
            Self::Program => name.into(),
        }
    }
}

/// The first line of a table of files; for a person only, since programs want nothing but rows.
pub(crate) fn file_heading(out: &mut impl Write, reader: Reader) -> io::Result<()> {
    match reader {
        Reader::Terminal => {
            writeln!(
                out,
                "{:>11} {:>8} {:>6}  {:<12}  {:<6}  NAME",
                "SIZE", "CHUNKS", "PEERS", "HASH", "KIND"
            )
        }
        Reader::Program => Ok(()),
    }
}

/// Writes one report. What is not for the results (progress, refusals, errors) is not written here.
pub(crate) fn write(out: &mut impl Write, report: &Report, reader: Reader) -> io::Result<()> {
    match report {
        Report::Ready { role, listen, invite, .. } => ready(out, role, listen, invite.as_deref()),
        Report::Shared { file, link, skipped, replaces } => {
            let how = if replaces.is_some() { "changed, and is shared anew" } else { "is shared" };
            shared(out, file, link, (how, *skipped), reader)
        }
        Report::Unshared { file } => {
            writeln!(out, "\n{} is gone, and no longer shared.", reader.name(file.name()))
        }
        Report::File { file, peers, .. } => file_row(out, file, *peers, reader),
        Report::ClassicFile(file) => classic_row(out, file, reader),
        Report::Location { peer, number, address, chunks, of, .. } => {
            writeln!(out, "peer {number}  {address}  {}  {}", short(peer), chunk_list(chunks, *of))
        }
        Report::ClassicLocation(location) => {
            writeln!(out, "classic peer  {}  {} dialect", location.address, location.dialect)
        }
        Report::Chunk { name, index, peer } => {
            writeln!(out, "{}  chunk {index} from {}", reader.name(name), short(peer))
        }
        Report::Done { name, path, size, seconds, from, .. } => {
            let path = path.as_path().to_string_lossy();
            done(out, &reader.name(name), &reader.name(&path), (*size, "verified"), *seconds, from)
        }
        Report::ClassicDone(fields) => classic_done(out, fields, reader),
        Report::Applied { path, action, peer } => {
            writeln!(out, "{}  {action}d, from {peer}", reader.name(path))
        }
        Report::InSync { files, bytes } => {
            writeln!(out, "In sync: {}, {}", count(*files, "file"), size(*bytes))
        }
        Report::Hop(hop) => writeln!(out, "peer {} -> peer {}", hop.from, hop.to),
        Report::Stored(stored) => ring_stored(out, stored, reader),
        Report::Received(received) => ring_received(out, received, reader),
        Report::Neighbours(neighbours) => ring_neighbours(out, neighbours),
        Report::Ping { id, seconds, .. } => {
            writeln!(out, "peer {id} answered a ping after {:.1} ms", seconds * 1e3)
        }
        Report::Step { text, .. } => writeln!(out, "{}", reader.name(text)),
        Report::Status(fields) => status(out, fields, reader),
        Report::Setting { key, value, origin } => setting(out, key, value.as_deref(), origin, reader),
        Report::Path { path } => writeln!(out, "{}", reader.name(&path.as_path().to_string_lossy())),
        Report::Progress { .. } | Report::Found { .. } | Report::Refused { .. } | Report::Error { .. } => {
            return Ok(());
        }
    }?;
    out.flush()
}

fn ids(ids: &[IdField]) -> String {
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "nobody".to_owned() } else { texts.join(", ") }
}

fn ring_stored(out: &mut impl Write, stored: &StoredFields, reader: Reader) -> io::Result<()> {
    let StoredFields { name, size: bytes, key, at, .. } = stored;
    writeln!(out, "{}: {}, key {key}, kept by peers {}", reader.name(name), size(*bytes), ids(at))
}

fn ring_received(out: &mut impl Write, received: &ReceivedFields, reader: Reader) -> io::Result<()> {
    let ReceivedFields { name, size: bytes, id, path, .. } = received;
    let path = path.to_string_lossy();
    writeln!(
        out,
        "{}: {}, verified, from peer {id}\n  {}",
        reader.name(name),
        size(*bytes),
        reader.name(&path)
    )
}

fn ring_neighbours(out: &mut impl Write, neighbours: &NeighboursFields) -> io::Result<()> {
    let NeighboursFields { id, predecessors, successors, keeps, .. } = neighbours;
    writeln!(out, "peer {id}: predecessors {}; successors {}", ids(predecessors), ids(successors))?;
    match keeps {
        Some(kept) => writeln!(
            out,
            "  keeps {} of {} (at most {}), {}",
            count(kept.files, "file"),
            size(kept.bytes),
            size(kept.quota),
            count(kept.records, "record")
        ),
        None => Ok(()),
    }
}

fn ready(out: &mut impl Write, role: &str, listen: &str, invite: Option<&str>) -> io::Result<()> {
    match (role, invite) {
        ("tracker", Some(invite)) => {
            writeln!(out, "The tracker listens on {listen}. Whoever has its invite can join:\n{invite}")
        }
        ("ring", Some(invite)) => {
            writeln!(out, "In the ring, listening on {listen}. Whoever has its invite can join:\n{invite}")
        }
        _ => writeln!(out, "Serving on {listen}, until Ctrl-C."),
    }
}

fn shared(
    out: &mut impl Write,
    file: &FileFields,
    link: &str,
    (how, skipped): (&str, usize),
    reader: Reader,
) -> io::Result<()> {
    let left_out = if skipped > 0 { format!(", {skipped} left out") } else { String::new() };
    writeln!(
        out,
        "\n{} {how} ({} {}, {}{left_out}). To get it, paste this on another machine:\n  drizzle get {}",
        reader.name(file.name()),
        file.kind(),
        size(file.size()),
        count(file.chunks() as usize, "chunk"),
        shell_quoted(link)
    )
}

fn file_row(out: &mut impl Write, file: &FileFields, peers: u32, reader: Reader) -> io::Result<()> {
    writeln!(
        out,
        "{:>11} {:>8} {:>6}  {:<12}  {:<6}  {}",
        size(file.size()),
        file.chunks(),
        peers,
        short(file.hash()),
        file.kind(),
        reader.name(file.name())
    )
}

/// In the place of a hash stands what it is: a name alone, of which nothing can be verified.
fn classic_row(out: &mut impl Write, file: &ClassicFileFields, reader: Reader) -> io::Result<()> {
    let (peers, name) = (file.peers, reader.name(&file.name));
    writeln!(out, "{:>11} {:>8} {peers:>6}  {:<12}  {:<6}  {name}", "-", "-", "classic", "file")
}

fn chunk_list(runs: &[[u32; 2]], of: u32) -> String {
    let have: u64 = runs.iter().map(|[first, last]| u64::from(last - first) + 1).sum();
    if have == u64::from(of) {
        return format!("all of {}", count(of as usize, "chunk"));
    }
    let shown = runs.iter().take(RUNS_SHOWN_MAX).map(|[first, last]| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    let more = if runs.len() > RUNS_SHOWN_MAX { ", ..." } else { "" };
    let shown = shown.collect::<Vec<_>>().join(", ");
    format!("{have} of {}: {shown}{more}", count(of as usize, "chunk"))
}

fn done(
    out: &mut impl Write,
    name: &str,
    path: &str,
    (bytes, word): (u64, &str),
    seconds: f64,
    from: &BTreeMap<String, u64>,
) -> io::Result<()> {
    let fetched: u64 = from.values().sum();
    let how = if fetched == 0 {
        "it was there already".to_owned()
    } else {
        let rate = size((fetched as f64 / seconds.max(1e-3)) as u64);
        let was_there = if fetched < bytes { format!("{} of it ", size(fetched)) } else { String::new() };
        format!("{was_there}from {} in {seconds:.2} s, {rate}/s", count(from.len(), "source"))
    };
    writeln!(out, "{name}: {}, {word}, {how}\n  {path}", size(bytes))
}

fn classic_done(out: &mut impl Write, fields: &ClassicDoneFields, reader: Reader) -> io::Result<()> {
    let path = fields.path.as_path().to_string_lossy();
    let (name, bytes) = (reader.name(&fields.name), (fields.size, "not verified"));
    done(out, &name, &reader.name(&path), bytes, fields.seconds, &fields.from)
}

fn setting(
    out: &mut impl Write,
    key: &str,
    value: Option<&str>,
    origin: &str,
    reader: Reader,
) -> io::Result<()> {
    match value {
        Some(value) => writeln!(out, "{key} = {}  # {}", reader.name(value), reader.name(origin)),
        None => writeln!(out, "# {key} is not set"),
    }
}

fn status(out: &mut impl Write, fields: &StatusFields, reader: Reader) -> io::Result<()> {
    writeln!(out, "drizzle {}", fields.version)?;
    writeln!(out, "  state    {}", reader.name(&fields.state.as_path().to_string_lossy()))?;
    writeln!(out, "  config   {}", reader.name(&fields.config.as_path().to_string_lossy()))?;
    if let Some(identity) = &fields.identity {
        writeln!(out, "  identity {identity}")?;
    }
    match &fields.tracker {
        Some(tracker) => tracker_lines(out, tracker, reader)?,
        None => writeln!(out, "  tracker  none is set")?,
    }
    writeln!(out, "{}", if fields.processes.is_empty() { "Nothing runs here." } else { "What runs here:" })?;
    fields.processes.iter().try_for_each(|process| process_lines(out, process, reader))
}

fn tracker_lines(out: &mut impl Write, tracker: &TrackerFields, reader: Reader) -> io::Result<()> {
    let known = match (tracker.answers, tracker.files, tracker.peers) {
        (true, Some(files), Some(peers)) => format!("answers; files {files}, peers {peers}"),
        (true, Some(files), None) => format!("answers; files {files}"),
        (true, ..) => "answers".to_owned(),
        (false, ..) => format!(
            "does not answer: {}",
            reader.name(tracker.error.as_deref().unwrap_or("no reason is known"))
        ),
    };
    writeln!(
        out,
        "  tracker  {} (network {}): {known}",
        tracker.addresses.join(", "),
        short(&tracker.network)
    )
}

fn process_lines(out: &mut impl Write, process: &ProcessFields, reader: Reader) -> io::Result<()> {
    let ProcessFields { pid, role, started, .. } = process;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let running = span(now.saturating_sub(Duration::from_secs(*started)));
    let listen = process.listen.as_ref().map(|listen| format!(", on {listen}")).unwrap_or_default();
    writeln!(out, "  {pid}  {role}, for {running}{listen}")?;
    process.names.iter().try_for_each(|name| writeln!(out, "        {}", reader.name(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use drizzle_model::{ContentKind, FileKey, Link, RelPath};

    fn text(report: &Report, reader: Reader) -> String {
        let mut out = Vec::new();
        write(&mut out, report, reader).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn shared(name: &str) -> Report {
        let name = RelPath::new(name).unwrap();
        let hash = "11".repeat(32).parse().unwrap();
        let link = Link {
            hash,
            kind: ContentKind::File,
            name: name.clone(),
            size: 3,
            invite: None,
            peers: Vec::new(),
        };
        Report::shared(&FileKey { name, hash, size: 3, chunks: 1, kind: ContentKind::File }, &link, 0, None)
    }

    #[test]
    fn the_line_to_paste_is_there_and_quoted() {
        let text = text(&shared("it's"), Reader::Terminal);
        let line = text.lines().last().unwrap();
        assert_eq!(
            line,
            format!("  drizzle get 'drizzle:?xt=urn:blake3:{}&dn=it%27s&xl=3'", "11".repeat(32))
        );
    }

    #[test]
    fn names_are_escaped_for_persons_and_kept_for_programs() {
        let report = shared("a\u{1b}[2J");
        assert!(text(&report, Reader::Terminal).contains("a\\u{1b}[2J"));
        assert!(!text(&report, Reader::Terminal).contains('\u{1b}'));
        assert!(text(&report, Reader::Program).contains("a\u{1b}[2J"));
    }

    #[test]
    fn chunk_lists_are_short() {
        assert_eq!(chunk_list(&[[0, 8]], 9), "all of 9 chunks");
        assert_eq!(chunk_list(&[[0, 3], [8, 8]], 9), "5 of 9 chunks: 0-3, 8");
        assert_eq!(chunk_list(&[], 9), "0 of 9 chunks: ");
        let many: Vec<_> = (0..100).map(|n| [n * 2, n * 2]).collect();
        assert_eq!(
            chunk_list(&many, 300),
            "100 of 300 chunks: 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, ..."
        );
    }

    #[test]
    fn a_classic_file_is_marked_where_others_have_a_hash() {
        let listed = drizzle_tracker::ClassicListed {
            name: drizzle_classic::Name::new("fileA.txt").unwrap(),
            mtime: drizzle_model::Mtime::from_seconds(1),
            peers: 2,
        };
        let row = text(&Report::ClassicFile((&listed).into()), Reader::Program);
        assert_eq!(
            row.split_whitespace().collect::<Vec<_>>(),
            ["-", "-", "2", "classic", "file", "fileA.txt"]
        );
    }

    #[test]
    fn a_target_that_was_there_is_said_to_be_so() {
        let done = |from: BTreeMap<String, u64>| {
            let mut out = Vec::new();
            done(&mut out, "n", "/out/n", (2048, "verified"), 0.5, &from).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(done(BTreeMap::new()), "n: 2.00 KiB, verified, it was there already\n  /out/n\n");
        assert_eq!(
            done([("a".into(), 1024)].into()),
            "n: 2.00 KiB, verified, 1.00 KiB of it from 1 source in 0.50 s, 2.00 KiB/s\n  /out/n\n"
        );
    }
}
