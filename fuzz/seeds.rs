//! Writes the golden vectors of docs/protocol.md where the fuzzer begins: `corpus/TARGET/`. A fuzzer that begins with
//! nothing spends its time on finding the first valid bytes.

#[path = "../crates/wire/tests/document/mod.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod document;

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut stream = Vec::new();
    for block in document::blocks() {
        let first = block.name.split(' ').next().unwrap_or_default();
        match (block.form.as_str(), first) {
            ("hex", "message") => {
                write(&corpus, "frames", &block.name, &block.bytes())?;
                stream.extend(block.bytes());
            }
            ("hex", "data") => {
                write(&corpus, "frames", &block.name, &[&block.bytes()[..], b"1234"].concat())?
            }
            // The first byte says how many bits the ring's ids have: none, so the ring of hashes.
            ("hex", "ring") => {
                let bytes = block.bytes();
                let body = bytes.get(4..).unwrap_or_default();
                write(&corpus, "ring", &block.name, &[&[0], body].concat())?;
            }
            ("hex", "ticket") => write(&corpus, "ticket", &block.name, &block.bytes())?,
            ("hex", "manifest") => write(&corpus, "manifest", &block.name, &block.bytes())?,
            ("link" | "invite", _) => {
                for (number, line) in block.lines.iter().enumerate() {
                    write(&corpus, &block.form, &number.to_string(), line.as_bytes())?;
                }
            }
            _ => {}
        }
    }
    write(&corpus, "frames", "all messages", &stream)
}

fn write(corpus: &Path, target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let dir = corpus.join(target);
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join(name.replace(' ', "-")), bytes)
}
