//! What came of a race: as a table, and as one contestant's time beside another's.

use super::race::{Entry, Figures};
use crate::bench::page::Column::{Figure, Text};
use crate::bench::page::{self, Column};
use crate::bench::statistics::Summary;
use crate::bench::tables::{failed, seconds};

/// A column in front of the figures: its head, and what it says of a contestant.
pub(crate) type About = (&'static str, fn(&Entry) -> &'static str);

/// The time of one as a multiple of another's; none where one of both has none.
pub(crate) fn ratio(entries: &[Entry], of: &str, against: &str) -> Option<f64> {
    Some(wall(entries, of)?.ratio_to(wall(entries, against)?))
}

/// A row for each contestant. Its time is also put as a multiple of that of `yardstick`, which the head calls `called`.
pub(crate) fn table(entries: &[Entry], about: &[About], yardstick: &str, called: &str) -> String {
    let times = format!("times {called}");
    let figures = ["median s", "min s", "max s", &times, "sender CPU s", "receiver CPU s"].map(Figure);
    let columns: Vec<Column> = about.iter().map(|(head, _)| Text(head)).chain(figures).collect();
    let reference = wall(entries, yardstick);
    let row = |entry: &Entry| {
        let known = about.iter().map(|(_, of)| of(entry));
        match &entry.outcome {
            Ok(figures) => known.map(str::to_owned).chain(cells(figures, reference)).collect(),
            Err(reason) => failed(&known.collect::<Vec<_>>(), reason, columns.len()),
        }
    };
    page::table(&columns, &entries.iter().map(row).collect::<Vec<_>>())
}

fn wall(entries: &[Entry], key: &str) -> Option<Summary> {
    let entry = entries.iter().find(|entry| entry.key == key)?;
    entry.outcome.as_ref().ok().map(|figures| figures.wall)
}

fn cells(figures: &Figures, reference: Option<Summary>) -> [String; 6] {
    let Figures { wall, sender_cpu, receiver_cpu } = *figures;
    let times = reference.map(|reference| format!("{:.2}", wall.ratio_to(reference)));
    let times = times.unwrap_or_else(|| "-".into());
    let [median, min, max] = [wall.median, wall.min, wall.max].map(seconds);
    [median, min, max, times, seconds(sender_cpu), seconds(receiver_cpu)]
}
