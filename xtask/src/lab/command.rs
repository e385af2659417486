//! `cargo xtask lab`: a lab to try things in by hand.

use std::path::PathBuf;
use std::process::Command;
use std::thread;

use clap::Args;

use super::host::Host;
use super::network::Lab;
use super::obstacle;
use super::rate::{Link, Rate};
use crate::stage::{RunError, leftovers};

/// Without a COMMAND the lab stays until Ctrl-C, for other terminals to use.
#[derive(Debug, Args)]
pub struct Options {
    /// How many hosts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=250))]
    hosts: u8,
    /// What each can send, in bits a second: 100M, 2.5G [default: as fast as the machine]
    #[arg(long, value_name = "RATE")]
    up: Option<Rate>,
    /// What each can be sent, in bits a second
    #[arg(long, value_name = "RATE")]
    down: Option<Rate>,
    /// Run this on every host at once, with LAB_HOST (its number, from 1), LAB_ADDRESS and LAB_FIRST (the first host's
    /// address) in its environment; the lab ends when all of them have
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<PathBuf>,
}

/// Makes the lab and runs what was asked for in it.
pub(crate) fn run(options: &Options) -> Result<(), RunError> {
    leftovers::watch()?;
    if let Some(reason) = obstacle() {
        return Err(RunError::NoLab { reason });
    }
    let link = Link { up: options.up, down: options.down };
    let lab = Lab::new(&vec![link; options.hosts.into()])?;
    for (host, number) in lab.hosts().iter().zip(1..) {
        let address = host.address();
        eprintln!("host {number}: {address}, ip netns exec {} COMMAND", host.name());
    }
    if options.command.is_empty() {
        eprintln!("The lab stays until Ctrl-C.");
        loop {
            thread::park();
        }
    }
    run_everywhere(&lab, &options.command)
}

/// All at once; the first that fails decides how it ends.
fn run_everywhere(lab: &Lab, words: &[PathBuf]) -> Result<(), RunError> {
    let Some(first) = lab.hosts().first() else { return Ok(()) };
    let commands = lab.hosts().iter().zip(1..).map(|(host, number)| command(host, number, first, words));
    let name = words.first().map(|word| word.display().to_string()).unwrap_or_default();
    let failed = |source| RunError::Start { program: name.clone(), source };
    let started: Vec<_> = commands.map(|mut command| leftovers::spawn(&mut command)).collect();
    let mut outcome = Ok(());
    for child in started {
        let ended = child.and_then(|(mut child, group)| {
            let status = child.wait();
            leftovers::end_group(group);
            status
        });
        let ended = ended.map_err(failed).and_then(|status| {
            let said = "see above".to_owned();
            if status.success() {
                Ok(())
            } else {
                Err(RunError::Ended { program: name.clone(), status, said })
            }
        });
        outcome = outcome.and(ended);
    }
    outcome
}

fn command(host: &Host, number: u8, first: &Host, words: &[PathBuf]) -> Command {
    let (program, arguments) =
        words.split_first().map_or((PathBuf::new(), words), |(p, rest)| (p.clone(), rest));
    let mut command = host.command(program);
    command.args(arguments).env("LAB_HOST", number.to_string());
    command.env("LAB_ADDRESS", host.address().to_string()).env("LAB_FIRST", first.address().to_string());
    command
}
