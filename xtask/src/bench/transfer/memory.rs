//! Peak memory of both sides while they transfer, for every contestant at one size and for Drizzle at a larger one.

use super::attempt::{self, Peaks};
use super::contestant::Contestant;
use crate::stage::Corpus;
use crate::stage::Scratch;

/// What one contestant needed.
#[derive(Debug)]
pub(crate) struct Need {
    pub(crate) key: &'static str,
    pub(crate) name: &'static str,
    pub(crate) outcome: Result<Peaks, String>,
}

/// One fetch by each, one after the other.
pub(crate) fn run(field: &[&dyn Contestant], corpus: &Corpus, scratch: &Scratch) -> Vec<Need> {
    let field = field.iter().filter(|contestant| contestant.takes(corpus.shape));
    field
        .map(|contestant| {
            let serving = attempt::serve(*contestant, corpus, scratch);
            let outcome = serving.and_then(|serving| attempt::watch(&serving, corpus, scratch));
            let outcome = outcome.map_err(|error| error.to_string());
            eprintln!("  {}: {outcome:?}", contestant.key());
            Need { key: contestant.key(), name: contestant.name(), outcome }
        })
        .collect()
}
