//! The log on stderr. Four sources can be turned up each on its own (S0.11): `drizzle::tracker` is what is said to
//! the tracker, `drizzle::serve` what is served to peers, `drizzle::fetch` what is fetched from peers, `drizzle::ring` what
//! goes on in a ring.

use std::io::{self, Write};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::exit::{Failure, Kind};

/// What the log shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Errors only.
    Quiet,
    /// By the number of `-v`.
    Verbosity(u8),
    /// By a filter in the syntax of env-filter.
    Filter(String),
}

impl Detail {
    fn directives(&self) -> &str {
        match self {
            Self::Quiet => "error",
            Self::Verbosity(0) => "warn",
            Self::Verbosity(1) => "warn,drizzle=info",
            Self::Verbosity(2) => "warn,drizzle=debug",
            Self::Verbosity(_) => "debug,drizzle=trace",
            Self::Filter(filter) => filter,
        }
    }
}

/// Starts the log. It is written around the bars on `screen`.
pub(crate) fn start(detail: &Detail, screen: MultiProgress) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(detail.directives()).map_err(|error| {
        Failure::new(Kind::Usage, format!("the log filter cannot be read: {error}"))
            .hint("write it as drizzle::serve=debug,drizzle::fetch=trace")
    })?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(AroundBars(screen));
    // A log that was started already, by a test, is kept.
    let _ = log.try_init();
    Ok(())
}

/// Makes writers that take the bars off the screen for each line.
struct AroundBars(MultiProgress);

/// One event of the log, written whole when it is dropped, so that bars and lines do not mix.
struct Line {
    screen: MultiProgress,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for AroundBars {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { screen: self.0.clone(), bytes: Vec::new() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.screen.suspend(|| {
            let _ = io::stderr().lock().write_all(&self.bytes);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(detail: &Detail) -> Vec<&'static str> {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let filter = EnvFilter::try_new(detail.directives()).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(filter).with(layer), || {
            tracing::info!(target: "drizzle::tracker", "to-tracker");
            tracing::info!(target: "drizzle::serve", "serving");
            tracing::debug!(target: "drizzle::fetch", "fetching");
            tracing::info!(target: "hyper::client", "foreign");
        });
        let log = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        ["to-tracker", "serving", "fetching", "foreign"]
            .into_iter()
            .filter(|word| log.contains(word))
            .collect()
    }

    /// S0.11: each of the three sources is turned up without the others.
    #[test]
    fn sources_are_turned_up_side_by_side() {
        let filter = |text: &str| shown(&Detail::Filter(text.into()));
        assert_eq!(filter("drizzle::tracker=info"), ["to-tracker"]);
        assert_eq!(filter("drizzle::serve=trace"), ["serving"]);
        assert_eq!(filter("drizzle::fetch=debug,drizzle::tracker=info"), ["to-tracker", "fetching"]);
        assert_eq!(shown(&Detail::Verbosity(0)), [""; 0]);
        assert_eq!(shown(&Detail::Verbosity(1)), ["to-tracker", "serving"]);
        assert_eq!(shown(&Detail::Verbosity(2)), ["to-tracker", "serving", "fetching"]);
    }

    #[test]
    fn a_wrong_filter_is_the_users_to_mend() {
        let wrong = start(&Detail::Filter("drizzle::serve=loud".into()), MultiProgress::new());
        assert_eq!(wrong.unwrap_err().kind, Kind::Usage);
    }
}
