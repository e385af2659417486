//! What the program says: results on stdout, everything else on stderr.
//!
//! Each result is flushed, so that whoever reads along sees it at once. With `--json` stdout holds nothing but
//! events, and progress is one of them.

pub(crate) mod classic_fields;
mod field;
mod json;
mod plain;
mod progress;
pub(crate) mod report;
pub(crate) mod ring_fields;
pub(crate) mod text;

use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use indicatif::MultiProgress;

use plain::Reader;
use progress::{Bars, Lines, Progress};
use report::Report;
use text::escape;

pub(crate) use progress::Step;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// For a person.
    Plain,
    /// One JSON object a line.
    Json,
}

/// How much is said besides results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Volume {
    /// Errors only.
    Quiet,
    /// Notices, and progress.
    Normal,
    /// Notices, but no progress.
    NoProgress,
}

/// The program's voice.
pub(crate) struct Output {
    form: Form,
    volume: Volume,
    reader: Reader,
    screen: MultiProgress,
    progress: Progress,
    has_heading: bool,
}

impl Output {
    /// Looks where stdout and stderr go, and chooses. `screen` is where bars are drawn; the log writes around it.
    pub(crate) fn new(form: Form, volume: Volume, screen: MultiProgress) -> Self {
        let reader = if io::stdout().is_terminal() { Reader::Terminal } else { Reader::Program };
        let progress = match (volume, form) {
            (Volume::Normal, Form::Plain) if can_draw() => Progress::Bars(Bars::new(screen.clone())),
            (Volume::Normal, Form::Plain) => Progress::Lines(Lines::default()),
            _ => Progress::Silent,
        };
        Self { form, volume, reader, screen, progress, has_heading: false }
    }

    /// Writes a result.
    pub(crate) fn report(&mut self, report: &Report) -> io::Result<()> {
        let needs_heading =
            matches!(report, Report::File { .. } | Report::ClassicFile(_)) && !self.has_heading;
        let (form, reader) = (self.form, self.reader);
        self.screen.suspend(|| {
            let mut out = io::stdout().lock();
            match form {
                Form::Json => json::write(&mut out, report),
                Form::Plain => {
                    if needs_heading {
                        plain::file_heading(&mut out, reader)?;
                    }
                    plain::write(&mut out, report, reader)
                }
            }
        })?;
        self.has_heading |= needs_heading;
        Ok(())
    }

    /// Writes plain text that is a result as it stands, such as a manual page.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Says something that a person should know.
    pub(crate) fn notice(&mut self, text: &str) {
        if self.volume != Volume::Quiet {
            self.say(&escape(text));
        }
    }

    /// Says something that a person should mend.
    pub(crate) fn warning(&mut self, text: &str) {
        if self.volume != Volume::Quiet {
            self.say(&format!("warning: {}", escape(text)));
        }
    }

    /// Says what failed: always on stderr, and as an event with `--json`.
    pub(crate) fn error(&mut self, kind: &'static str, message: &str, hint: Option<&str>) -> io::Result<()> {
        self.say(&format!("error: {}", escape(message)));
        if let Some(hint) = hint {
            self.say(&format!("  hint: {}", escape(hint)));
        }
        self.event_of_error(kind, message, hint)
    }

    /// Writes the event of a failure, with `--json`; without it, nothing.
    pub(crate) fn event_of_error(
        &mut self,
        kind: &'static str,
        message: &str,
        hint: Option<&str>,
    ) -> io::Result<()> {
        match self.form {
            Form::Plain => Ok(()),
            Form::Json => self.report(&Report::Error {
                kind,
                message: message.to_owned(),
                hint: hint.map(str::to_owned),
            }),
        }
    }

    /// Says that what is told is not all there is, which is no failure: a warning, and with `--json` an event of that kind.
    pub(crate) fn incomplete(&mut self, reason: &str) -> io::Result<()> {
        self.warning(reason);
        self.event_of_error("incomplete", reason, None)
    }

    /// Says that something a peer sent was refused.
    pub(crate) fn refused(&mut self, name: &str, peer: String, reason: &str) -> io::Result<()> {
        match self.form {
            Form::Json => {
                self.report(&Report::Refused { name: name.to_owned(), peer, reason: reason.to_owned() })
            }
            Form::Plain => {
                self.warning(&format!("{name}: refused from {}: {reason}", text::short(&peer)));
                Ok(())
            }
        }
    }

    /// Says which network was found on the local network, and answers.
    pub(crate) fn found(&mut self, network: String, address: String) -> io::Result<()> {
        match self.form {
            Form::Json => self.report(&Report::Found { network, address }),
            Form::Plain => {
                let network = text::short(&network);
                self.notice(&format!("Found on the local network: network {network}, tracker at {address}."));
                Ok(())
            }
        }
    }

    /// Shows how far a fetch is.
    pub(crate) fn progress(&mut self, now: Instant, step: Step<'_>) -> io::Result<()> {
        if self.form == Form::Json && self.volume == Volume::Normal {
            let Step { name, done, total, rate, peers } = step;
            return self.report(&Report::Progress { name: name.to_owned(), done, total, rate, peers });
        }
        if let Some(line) = self.progress.fetch(now, step) {
            self.say(&line);
        }
        Ok(())
    }

    /// Shows how far one file of a fetch is.
    pub(crate) fn file_progress(&mut self, name: &str, path: &str, done: u64, total: u64) {
        self.progress.file(name, path, done, total);
    }

    /// Shows how far hashing is.
    pub(crate) fn hashing(&mut self, now: Instant, path: &str, done: u64, total: u64) {
        if let Some(line) = self.progress.hashing(now, path, done, total) {
            self.say(&line);
        }
    }

    /// Takes away what showed the progress of a fetch, or of hashing a path.
    pub(crate) fn progress_end(&mut self, name: &str) {
        self.progress.end(name);
    }

    /// One line on stderr. When nobody reads stderr there is nobody to tell.
    fn say(&self, line: &str) {
        self.screen.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{line}");
        });
    }
}

/// Whether stderr is a terminal on which a cursor can be moved.
fn can_draw() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
