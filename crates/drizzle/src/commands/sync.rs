//! `drizzle sync DIR --classic IP PORT`: keeps a flat folder in step with others over the classic protocol, until somebody asks for
//! the end. The two-way sync of folders between Drizzle's own peers will be another way of this command.

use drizzle_classic::{Action, Event, Settings, StartError, Synchronizer};
use drizzle_net::{Identity, RateLimiter};
use tokio::sync::mpsc::UnboundedReceiver;

use super::session::{announce, signals};
use crate::args::SyncArgs;
use crate::config::settings;
use crate::context::Context;
use crate::exit::{End, Failure, Kind, Outcome, Stop};
use crate::output::Output;
use crate::output::report::Report;
use crate::running::Process;
use crate::signals::Signals;

pub(super) async fn run(context: &mut Context, args: SyncArgs) -> Outcome {
    let plan = plan(context, args)?;
    let mut signals = signals()?;
    let state_dir = &context.everywhere.state_dir;
    let identity = Identity::claim(state_dir).map_err(drizzle_node::StartError::from)?;
    let started = tokio::select! {
        () = signals.requested() => return Ok(End::Done),
        started = Synchronizer::start(plan) => started,
    };
    let (mut synchronizer, mut events) = started.map_err(failure)?;
    let (listen, peer) = (synchronizer.listen_addr().to_string(), identity.id().to_string());
    let process = Process { listen: Some(listen.clone()), peer: Some(peer.clone()), ..Process::this("sync") };
    let _announcement = announce(state_dir, process);
    context.output.report(&Report::Ready { role: "sync", listen, peer, invite: None })?;
    let told = follow(&mut context.output, &mut signals, &mut synchronizer, &mut events).await;
    synchronizer.close().await;
    told.map(|()| End::Done)
}

fn plan(context: &Context, args: SyncArgs) -> Result<Settings, Failure> {
    let sources = &context.sources;
    let limiter = |limit: Option<u64>| limit.map_or_else(RateLimiter::unlimited, RateLimiter::new);
    Ok(Settings {
        tracker: tracker(args.classic)?,
        listen: sources.given(&settings::LISTEN, args.listen)?,
        folder: args.dir,
        limit_up: limiter(context.everywhere.limit_up),
        limit_down: limiter(context.everywhere.limit_down),
    })
}

/// The words behind `--classic`.
fn tracker(words: Vec<String>) -> Result<(String, u16), Failure> {
    let Ok([ip, port]) = <[String; 2]>::try_from(words) else {
        let message = "expected --classic IP PORT: the sync between peers of Drizzle itself is not built yet";
        return Err(Failure::new(Kind::Usage, message)
            .hint("`drizzle tracker 127.0.0.1 8080 --classic` runs a tracker for it"));
    };
    match port.parse() {
        Ok(number @ 1..) => Ok((ip, number)),
        _ => Err(Failure::new(Kind::Usage, format!("expected a port from 1 to 65535, received '{port}'"))),
    }
}

/// Shows what happens until somebody asks for the end.
async fn follow(
    output: &mut Output,
    signals: &mut Signals,
    synchronizer: &mut Synchronizer,
    events: &mut UnboundedReceiver<Event>,
) -> Result<(), Stop> {
    let mut running = std::pin::pin!(synchronizer.run());
    loop {
        tokio::select! {
            biased;
            () = signals.requested() => return Ok(()),
            Some(event) = events.recv() => show(output, event)?,
            error = &mut running => {
                return Err(Failure::new(Kind::Disk, format!("the folder cannot be read: {error}")).into());
            }
        }
    }
}

fn show(output: &mut Output, event: Event) -> Result<(), Stop> {
    match event {
        Event::Applied { name, action, peer } => {
            let (path, peer) = (name.to_string(), peer.to_string());
            output.report(&Report::Applied { path, action: word(action), peer })?;
        }
        Event::InSync { files, bytes } => output.report(&Report::InSync { files, bytes })?,
        Event::Refused { name, peer, reason } => output.refused(name.as_str(), peer.to_string(), &reason)?,
        Event::Notice(text) => output.notice(&text),
        _ => {}
    }
    Ok(())
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
    }
}

fn failure(error: StartError) -> Failure {
    match error {
        StartError::Folder { path, source } => Failure::at_path(&path, &source),
        StartError::Listen { .. } => {
            Failure::new(Kind::Other, error.to_string()).hint("say another one with --listen IP:PORT")
        }
        StartError::Tracker { .. } => Failure::new(Kind::Unreachable, error.to_string()).hint(
            "is a tracker of the classic protocol running there? `drizzle tracker IP PORT --classic` is one",
        ),
        error => Failure::new(Kind::Other, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tracker_is_a_host_and_a_port() {
        let read = |ip: &str, port: &str| tracker(vec![ip.into(), port.into()]);
        assert_eq!(read("127.0.0.1", "8080"), Ok(("127.0.0.1".into(), 8080)));
        for port in ["0", "65536", "-1", "http", ""] {
            assert_eq!(read("127.0.0.1", port).map_err(|failure| failure.kind), Err(Kind::Usage), "{port}");
        }
    }
}
