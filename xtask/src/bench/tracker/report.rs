//! The part of the page that `bench tracker` writes: the figures, and what was to be reached.

use std::time::Duration;

use super::load::Figures;
use super::scale::{PACE, Scale};
use crate::bench::page;
use crate::bench::page::Column::{Figure, Text};
use crate::bench::program::Missing;
use crate::bench::tables;

const BYTES_PER_HOLDING_MAX: f64 = 150.0;
const RENEWALS_PER_SECOND_MIN: f64 = 30_000.0;
const P99_MAX: Duration = Duration::from_millis(5);
const PAGE_MAX: Duration = Duration::from_millis(10);

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) machine: Vec<(&'static str, String)>,
    pub(crate) scale: Scale,
    pub(crate) is_quick: bool,
    /// What a tracker has resident that knows nobody, in bytes.
    pub(crate) memory_empty: u64,
    /// The same with all the peers.
    pub(crate) memory_full: u64,
    /// How long it took to write the catalogue.
    pub(crate) prepared: Duration,
    /// How long the tracker took to read it.
    pub(crate) ready_after: Duration,
    pub(crate) renewals: Figures,
    pub(crate) paced: Figures,
    pub(crate) pages: Figures,
    pub(crate) yardstick: Result<Yardstick, Missing>,
}

/// How something else did under the same load.
#[derive(Debug)]
pub(crate) struct Yardstick {
    pub(crate) version: String,
    pub(crate) most: Figures,
    pub(crate) paced: Figures,
}

/// The whole part, in Markdown.
pub(crate) fn write(results: &Results) -> String {
    let Results { scale: Scale { peers, files_each, files, connections, seconds, .. }, .. } = results;
    let opening = format!(
        "One `drizzle tracker` with its catalogue on the disk: {peers} peers, each with {files_each} files of {files} \
         different ones. The load comes from {connections} connections on the same machine, on the same cores: each is one more peer with its \
         own key and ticket, over TLS, with one request under way at a time, for {seconds} s. Times are those that the \
         one who asks sees. Memory is what the process has resident, beyond that of a tracker that knows nobody.\n"
    );
    let parts = [
        opening,
        tables::machine(&results.machine),
        format!("### What was to be reached\n\n{}", targets(results)),
        format!("### Requests\n\n{}", requests(results)),
        restart(results),
    ];
    page::part("Tracker: a hundred thousand peers", results.is_quick.then_some("with few peers"), parts)
}

fn targets(results: &Results) -> String {
    let bytes = bytes_per_holding(results);
    let row = |what: &str, wanted: String, measured: String, is_reached: bool| {
        vec![what.into(), wanted, measured, if is_reached { "reached".into() } else { "**missed**".into() }]
    };
    let rows = [
        row(
            "memory for a peer's file",
            format!("at most {BYTES_PER_HOLDING_MAX:.0} bytes"),
            format!("{bytes:.1} bytes"),
            bytes <= BYTES_PER_HOLDING_MAX,
        ),
        row(
            "renewals a second",
            format!("at least {RENEWALS_PER_SECOND_MIN:.0}"),
            format!("{:.0}", results.renewals.per_second),
            results.renewals.per_second >= RENEWALS_PER_SECOND_MIN,
        ),
        row(
            &format!("p99 of a renewal at {PACE} a second"),
            format!("below {}", millis(P99_MAX)),
            millis(results.paced.p99),
            results.paced.p99 < P99_MAX,
        ),
        row(
            "p99 of a page of the listing",
            format!("below {}", millis(PAGE_MAX)),
            millis(results.pages.p99),
            results.pages.p99 < PAGE_MAX,
        ),
    ];
    page::table(&[Text("what"), Figure("wanted"), Figure("measured"), Text("")], &rows)
}

fn requests(results: &Results) -> String {
    let most = "as many as it can";
    let pace = format!("{PACE} a second");
    let mut rows = vec![
        row("renewal, TLS", most, &results.renewals),
        row("renewal, TLS", &pace, &results.paced),
        row("page of 1,000 files, TLS", "one after another", &results.pages),
    ];
    let note = match &results.yardstick {
        Ok(Yardstick { version, most: of_most, paced }) => {
            let what = format!("{version}, a reply by heart, plain HTTP");
            rows.extend([row(&what, most, of_most), row(&what, &pace, paced)]);
            String::new()
        }
        Err(missing) => format!("\nYardstick skipped: {missing}.\n"),
    };
    let figures = ["a second", "median", "p99", "longest"].map(Figure);
    let head = [&[Text("request"), Text("load")][..], &figures].concat();
    format!("{}{note}", page::table(&head, &rows))
}

fn row(what: &str, load: &str, figures: &Figures) -> Vec<String> {
    let Figures { per_second, median, p99, max, .. } = *figures;
    vec![what.into(), load.into(), format!("{per_second:.0}"), millis(median), millis(p99), millis(max)]
}

fn restart(results: &Results) -> String {
    let Results { prepared, ready_after, scale, pages, .. } = results;
    let holdings = scale.peers * scale.files_each;
    let per_page = (pages.bytes / scale.pages.max(1)) >> 10;
    format!(
        "A tracker that is started with these {holdings} holdings answers after {:.1} s. To write them took {:.1} s, {:.0} a second, on the \
         disk. A page is {per_page} KiB of JSON with {} files.\n",
        ready_after.as_secs_f64(),
        prepared.as_secs_f64(),
        holdings as f64 / prepared.as_secs_f64(),
        pages.files / scale.pages.max(1),
    )
}

fn bytes_per_holding(results: &Results) -> f64 {
    let bytes = results.memory_full.saturating_sub(results.memory_empty);
    bytes as f64 / (results.scale.peers * results.scale.files_each) as f64
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A missed figure is called so; a page that praises every run tells nothing.
    #[test]
    fn what_is_missed_is_called_missed() {
        let figures = |per_second, p99_ms| Figures {
            per_second,
            median: Duration::from_micros(100),
            p99: Duration::from_millis(p99_ms),
            max: Duration::from_millis(20),
            files: 200_000,
            bytes: 200 << 17,
        };
        let results = |per_second, memory_full| Results {
            machine: vec![("Cores", "2".into())],
            scale: Scale { peers: 1000, files_each: 10, files: 100, connections: 4, seconds: 1, pages: 200 },
            is_quick: true,
            memory_empty: 1 << 20,
            memory_full,
            prepared: Duration::from_secs(1),
            ready_after: Duration::from_secs(2),
            renewals: figures(per_second, 1),
            paced: figures(15_000.0, 1),
            pages: figures(500.0, 2),
            yardstick: Err(Missing { program: "nginx", how_to_get: "buy" }),
        };
        let good = write(&results(30_000.0, 2 << 20));
        assert!(!good.contains("missed") && good.contains("| 104.9 bytes | reached |"), "{good}");
        assert!(good.contains("buy") && good.contains("quick"), "{good}");
        let bad = write(&results(29_999.0, 4 << 20));
        assert_eq!(bad.matches("**missed**").count(), 2, "{bad}");
    }
}
