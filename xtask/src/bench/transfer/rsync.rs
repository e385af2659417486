//! rsync from an rsync daemon, as `rsync -a`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::contestant::{Contestant, Serving, Target};
use crate::bench::port;
use crate::bench::program::{self, Missing};
use crate::stage::Corpus;
use crate::stage::RunError;
use crate::stage::Running;

/// rsync from its daemon.
#[derive(Debug)]
pub(crate) struct Rsync;

impl Contestant for Rsync {
    fn key(&self) -> &'static str {
        "rsync"
    }

    fn name(&self) -> &'static str {
        "rsync daemon"
    }

    fn protection(&self) -> &'static str {
        "none"
    }

    fn find(&self) -> Result<String, Missing> {
        let version = program::version("rsync", &["--version"], "apt-get install rsync")?;
        Ok(version.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError> {
        let address = port::free()?;
        let config = home.join("rsyncd.conf");
        // A daemon of root would read as nobody; that may not be able to read the source.
        let user = if rustix::process::geteuid().is_root() { "uid = root\ngid = root\n" } else { "" };
        let (log, parent) = (home.join("rsyncd.log"), corpus.parent.display());
        let text = format!(
            "use chroot = no\n{user}log file = {}\n[source]\npath = {parent}\nread only = yes\n",
            log.display()
        );
        fs::write(&config, text).map_err(RunError::disk("write", &config))?;
        let mut command = Command::new("rsync");
        command.args(["--daemon", "--no-detach", "--config"]).arg(&config);
        command.arg(format!("--address={}", address.ip())).arg(format!("--port={}", address.port()));
        let mut server = Running::start(&mut command, home)?;
        port::wait_until_open(address, &mut server)?;
        let source = format!("rsync://{address}/source/{}", corpus.name);
        let fetch = move |target: &Target| {
            let mut command = Command::new("rsync");
            command.arg("-a").arg(&source).arg(target.folder);
            command
        };
        Ok(Serving::by(server, fetch))
    }
}
