//! docs/protocol.md as a test reads it: its fenced blocks, by the words behind the fence.

use std::path::Path;

/// A fenced block.
pub(crate) struct Block {
    /// The first word behind the fence: what the lines are.
    pub(crate) form: String,
    /// The other words: what the block shows.
    pub(crate) name: String,
    /// The lines, without comments and without empty ones.
    pub(crate) lines: Vec<String>,
}

impl Block {
    /// The bytes of a block in hexadecimal.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let digits = self.lines.concat().replace(' ', "");
        assert!(digits.len().is_multiple_of(2) && digits.is_ascii(), "{}: {digits}", self.name);
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or_else(|_| panic!("{}", self.name)))
            .collect()
    }
}

/// All blocks with a word behind their fence.
pub(crate) fn blocks() -> Vec<Block> {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = crate_dir.ancestors().map(|dir| dir.join("docs/protocol.md")).find(|page| page.exists());
    let text = std::fs::read_to_string(page.unwrap()).unwrap();
    let mut lines = text.lines();
    let mut blocks = Vec::new();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else { continue };
        let (form, name) = info.split_once(' ').unwrap_or((info, ""));
        let body = lines.by_ref().take_while(|line| !line.starts_with("```")).map(without_comment);
        let body = body.filter(|line| !line.is_empty()).collect();
        blocks.push(Block { form: form.to_owned(), name: name.to_owned(), lines: body });
    }
    blocks
}

fn without_comment(line: &str) -> String {
    line.split('#').next().unwrap_or_default().trim().to_owned()
}

/// The only block of that form and name.
pub(crate) fn block(form: &str, name: &str) -> Block {
    let mut found = blocks().into_iter().filter(|block| block.form == form && block.name == name);
    let block = found.next().unwrap_or_else(|| panic!("docs/protocol.md has no block '{form} {name}'"));
    assert!(found.next().is_none(), "docs/protocol.md has the block '{form} {name}' twice");
    block
}
