//! Tables that every benchmark's part has: the machine, who took part, and what was to be reached.

use std::time::Duration;

use super::page::Column::{Figure, Text};
use super::page::table;
use super::program::Missing;

/// A contestant, and the version it was found in.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) name: &'static str,
    pub(crate) found: Result<String, Missing>,
}

/// One thing to reach: what, how it is put, and the figure if there is one.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) limit: f64,
    pub(crate) unit: &'static str,
    pub(crate) measured: Option<f64>,
}

pub(crate) fn machine(lines: &[(&'static str, String)]) -> String {
    let rows: Vec<_> = lines.iter().map(|(what, value)| vec![(*what).into(), value.clone()]).collect();
    table(&[Text("machine"), Text("")], &rows)
}

pub(crate) fn participants(participants: &[Participant]) -> String {
    let rows = participants.iter().map(|one| {
        let found = one.found.as_ref().map_or_else(|missing| format!("skipped: {missing}"), Clone::clone);
        vec![one.name.to_owned(), found]
    });
    table(&[Text("took part"), Text("version")], &rows.collect::<Vec<_>>())
}

pub(crate) fn targets(targets: &[Target]) -> String {
    let head = [Text("what"), Figure("at most"), Figure("measured"), Text("")];
    table(&head, &targets.iter().map(Target::row).collect::<Vec<_>>())
}

impl Target {
    fn row(&self) -> Vec<String> {
        let measured =
            self.measured.map_or_else(|| "-".into(), |measured| format!("{measured:.2}{}", self.unit));
        let verdict = match self.measured {
            Some(measured) if measured <= self.limit => "reached",
            Some(_) => "**missed**",
            None => "not measured",
        };
        vec![self.what.clone(), format!("{:.2}{}", self.limit, self.unit), measured, verdict.into()]
    }
}

/// A row without figures: the reason stands in the first free cell.
pub(crate) fn failed(known: &[&str], reason: &str, columns: usize) -> Vec<String> {
    let mut row: Vec<String> = known.iter().map(|cell| (*cell).to_owned()).collect();
    row.push(format!("failed: {}", reason.replace('|', "/")));
    row.resize(columns, "-".into());
    row
}

pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}
