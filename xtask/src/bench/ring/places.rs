//! Where who has what is kept: a ring of processes on loopback.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::bench::transfer::drizzle::event;
use crate::stage::{RunError, Running};

/// A ring of many is settled in less.
const SETTLED_WITHIN: Duration = Duration::from_secs(180);
/// As many as a member keeps in its list where nothing else is asked for.
const SUCCESSORS: usize = 16;

/// A ring whose members know their neighbours.
#[derive(Debug)]
pub(super) struct Ring {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    process: Running,
    /// What `--tracker` takes.
    place: String,
}

impl Ring {
    /// Starts members, each in a folder of its own below `home`, and waits until each knows those after it.
    pub(super) fn start(binary: &Path, count: usize, home: &Path) -> Result<Self, RunError> {
        let mut members: Vec<Member> = Vec::new();
        for number in 0..count {
            let home = home.join(format!("member-{number}"));
            let through = members.first().map(|first| first.place.as_str());
            members.push(Member::start(binary, &home, through)?);
        }
        let near = SUCCESSORS.min(count - 1);
        for member in &mut members {
            member.wait_until_settled(near)?;
        }
        Ok(Self { members })
    }

    /// What `--tracker` takes to ask a member, counted round the ring.
    pub(super) fn through(&self, number: usize) -> &str {
        &self.members[number % self.members.len()].place
    }

    /// The processes.
    pub(super) fn into_processes(self) -> Vec<Running> {
        self.members.into_iter().map(|member| member.process).collect()
    }
}

impl Member {
    fn start(binary: &Path, home: &Path, through: Option<&str>) -> Result<Self, RunError> {
        std::fs::create_dir_all(home).map_err(RunError::disk("create", home))?;
        let mut command = Command::new(binary);
        command.args(["ring", "start", "--open", "--json", "--listen", "127.0.0.1:0", "--state"]);
        command.arg(home.join("state"));
        if let Some(through) = through {
            command.args(["--join", through]);
        }
        let mut process = Running::start(&mut command, home)?;
        let listen = process.wait_for_line("join the ring", |line| {
            Some(event(line, "ready")?["listen"].as_str()?.to_owned())
        })?;
        Ok(Self { process, place: format!("ring://{listen}") })
    }

    fn wait_until_settled(&mut self, near: usize) -> Result<(), RunError> {
        let is_settled = |event: &Value| event["successors"].as_array().is_some_and(|all| all.len() >= near);
        self.process.wait_for("know those after it", SETTLED_WITHIN, |line| {
            event(&line.text, "neighbours").filter(is_settled).map(drop)
        })
    }
}
