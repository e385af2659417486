//! Progress: bars on a terminal, a line now and then elsewhere, nothing when that is asked for.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::text::{count, escape, size, span, time_left};

/// Away from a terminal each thing under way gets a line so often.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// More files under way than this get no bar of their own: they would push the total off the screen.
const FILE_BARS_MAX: usize = 8;
/// Names are cut to this many columns before a bar.
const NAME_COLUMNS: usize = 28;

/// How far a fetch is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    /// What is fetched.
    pub(crate) name: &'a str,
    /// Bytes that are there.
    pub(crate) done: u64,
    /// Bytes in all.
    pub(crate) total: u64,
    /// Bytes a second.
    pub(crate) rate: u64,
    /// How many peers it comes from.
    pub(crate) peers: usize,
}

impl Step<'_> {
    fn details(&self) -> String {
        let left = time_left(self.done, self.total, self.rate);
        let left = left.map(|left| format!(", {} left", span(left))).unwrap_or_default();
        format!("{}/s{left}, {}", size(self.rate), count(self.peers, "source"))
    }
}

/// How progress is shown.
pub(crate) enum Progress {
    /// Not at all.
    Silent,
    /// As lines on stderr.
    Lines(Lines),
    /// As bars on stderr.
    Bars(Bars),
}

impl Progress {
    /// A fetch has come so far.
    pub(crate) fn fetch(&mut self, now: Instant, step: Step<'_>) -> Option<String> {
        match self {
            Self::Silent => None,
            Self::Lines(lines) => lines.fetch(now, step),
            Self::Bars(bars) => {
                bars.fetch(step);
                None
            }
        }
    }

    /// One file of a fetch has come so far.
    pub(crate) fn file(&mut self, name: &str, path: &str, done: u64, total: u64) {
        if let Self::Bars(bars) = self {
            bars.file(name, path, done, total);
        }
    }

    /// Hashing has come so far.
    pub(crate) fn hashing(&mut self, now: Instant, path: &str, done: u64, total: u64) -> Option<String> {
        match self {
            Self::Silent => None,
            Self::Lines(lines) => lines.hashing(now, path, done, total),
            Self::Bars(bars) => {
                bars.hashing(path, done, total);
                None
            }
        }
    }

    /// A fetch, or the hashing of a path, is at its end.
    pub(crate) fn end(&mut self, name: &str) {
        match self {
            Self::Silent => {}
            Self::Lines(lines) => lines.end(name),
            Self::Bars(bars) => bars.end(name),
        }
    }
}

/// Lines now and then, one for each name.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// When each name had its last line; the first comes one interval after it is first seen, so that what is
    /// quick says nothing.
    last: HashMap<String, Instant>,
}

impl Lines {
    fn fetch(&mut self, now: Instant, step: Step<'_>) -> Option<String> {
        let Step { name, done, total, .. } = step;
        self.is_due(now, name).then(|| {
            let part = percent(done, total);
            format!("{}: {} of {} ({part} %), {}", escape(name), size(done), size(total), step.details())
        })
    }

    fn hashing(&mut self, now: Instant, path: &str, done: u64, total: u64) -> Option<String> {
        self.is_due(now, path).then(|| format!("reading {}: {} of {}", escape(path), size(done), size(total)))
    }

    fn end(&mut self, name: &str) {
        self.last.remove(name);
    }

    fn is_due(&mut self, now: Instant, name: &str) -> bool {
        match self.last.get_mut(name) {
            Some(last) if now.duration_since(*last) < LINE_INTERVAL => false,
            Some(last) => {
                *last = now;
                true
            }
            None => {
                self.last.insert(name.to_owned(), now);
                false
            }
        }
    }
}

fn percent(done: u64, total: u64) -> u64 {
    (u128::from(done.min(total)) * 100).checked_div(u128::from(total)).unwrap_or(100) as u64
}

/// Bars: one for each fetch, below it one for each of its big files under way, and one for each path being hashed.
pub(crate) struct Bars {
    screen: MultiProgress,
    fetches: HashMap<String, ProgressBar>,
    files: HashMap<(String, String), ProgressBar>,
    hashing: HashMap<String, ProgressBar>,
}

impl Bars {
    pub(crate) fn new(screen: MultiProgress) -> Self {
        Self { screen, fetches: HashMap::new(), files: HashMap::new(), hashing: HashMap::new() }
    }

    fn fetch(&mut self, step: Step<'_>) {
        let bar = self.fetches.entry(step.name.to_owned()).or_insert_with(|| {
            self.screen
                .add(new_bar("{prefix:28} [{bar:24}] {percent:>3} % of {total_bytes}  {msg}", step.name))
        });
        bar.set_length(step.total);
        bar.set_position(step.done);
        bar.set_message(step.details());
    }

    fn file(&mut self, name: &str, path: &str, done: u64, total: u64) {
        let key = (name.to_owned(), path.to_owned());
        if done >= total {
            finish(&self.screen, &mut self.files, &key);
            return;
        }
        if !self.files.contains_key(&key) {
            if self.files.len() >= FILE_BARS_MAX {
                return;
            }
            let bar = new_bar("  {prefix:26} [{bar:24}] {percent:>3} % of {total_bytes}", path);
            let bar = match self.fetches.get(name) {
                Some(fetch) => self.screen.insert_after(fetch, bar),
                None => self.screen.add(bar),
            };
            self.files.insert(key.clone(), bar);
        }
        if let Some(bar) = self.files.get(&key) {
            bar.set_length(total);
            bar.set_position(done);
        }
    }

    fn hashing(&mut self, path: &str, done: u64, total: u64) {
        let key = path.to_owned();
        if done >= total {
            finish(&self.screen, &mut self.hashing, &key);
            return;
        }
        let bar = self.hashing.entry(key).or_insert_with(|| {
            let template = "{prefix:28} [{bar:24}] {percent:>3} % of {total_bytes} read, {bytes_per_sec}";
            self.screen.add(new_bar(template, path))
        });
        bar.set_length(total);
        bar.set_position(done);
    }

    fn end(&mut self, name: &str) {
        finish(&self.screen, &mut self.fetches, &name.to_owned());
        finish(&self.screen, &mut self.hashing, &name.to_owned());
        let of_name: Vec<_> = self.files.keys().filter(|(of, _)| of == name).cloned().collect();
        of_name.iter().for_each(|key| finish(&self.screen, &mut self.files, key));
    }
}

fn finish<K: Eq + Hash>(screen: &MultiProgress, bars: &mut HashMap<K, ProgressBar>, key: &K) {
    if let Some(bar) = bars.remove(key) {
        bar.finish_and_clear();
        screen.remove(&bar);
    }
}

fn new_bar(template: &str, name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style.progress_chars("=> ")).with_prefix(cut(&escape(name)))
}

/// The end of a long name: that is where names of one folder differ.
fn cut(name: &str) -> String {
    let columns = name.chars().count();
    if columns <= NAME_COLUMNS {
        return name.to_owned();
    }
    let end: String = name.chars().skip(columns + 3 - NAME_COLUMNS).collect();
    format!("...{end}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    fn step(name: &str, done: u64) -> Step<'_> {
        Step { name, done, total: 400 << 20, rate: 100 << 20, peers: 2 }
    }

    #[test]
    fn lines_come_at_their_interval_and_not_for_what_is_quick() {
        let start = Instant::now();
        let mut progress = Progress::Lines(Lines::default());
        let mut line = |ms, name| progress.fetch(start + Duration::from_millis(ms), step(name, 100 << 20));
        assert_eq!(line(0, "a"), None);
        assert_eq!(line(4_900, "a"), None);
        assert_eq!(line(5_000, "b"), None, "b was not seen before");
        assert_eq!(
            line(5_000, "a").as_deref(),
            Some("a: 100.00 MiB of 400.00 MiB (25 %), 100.00 MiB/s, 3 s left, 2 sources")
        );
        assert_eq!(line(9_000, "a"), None);
        assert!(line(10_000, "a").is_some());
    }

    #[test]
    fn percents_are_within_their_range() {
        assert_eq!(
            [(0, 0), (0, 3), (1, 3), (3, 3), (9, 3)].map(|(done, total)| percent(done, total)),
            [100, 0, 33, 100, 100]
        );
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
    }

    /// Draws on a terminal in memory: a bar for each fetch and file, none of them once it is done.
    #[test]
    fn bars_stand_while_something_is_under_way() {
        let terminal = InMemoryTerm::new(24, 120);
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::term_like_with_hz(
            Box::new(terminal.clone()),
            200,
        ));
        let mut progress = Progress::Bars(Bars::new(screen));
        let now = Instant::now();
        progress.fetch(now, step("models", 100 << 20));
        (0..20).for_each(|n| progress.file("models", &format!("big-{n:02}"), 1, 10));
        std::thread::sleep(Duration::from_millis(20));
        progress.fetch(now, step("models", 200 << 20));
        let shown = terminal.contents();
        let first = shown.lines().next().unwrap_or_default();
        assert!(first.starts_with("models ") && first.contains(" 50 % of 400.00 MiB"), "{shown}");
        assert!(first.contains("100.00 MiB/s, 2 s left, 2 sources"), "{shown}");
        assert_eq!(shown.lines().count(), 1 + FILE_BARS_MAX, "{shown}");
        progress.file("models", "big-00", 10, 10);
        progress.end("models");
        assert_eq!(terminal.contents(), "");
    }

    #[test]
    fn long_names_keep_their_end() {
        let name = format!("{}the-end.bin", "x".repeat(100));
        assert_eq!(cut(&name).chars().count(), NAME_COLUMNS);
        assert!(cut(&name).ends_with("the-end.bin"));
        assert_eq!(cut("short"), "short");
    }
}
