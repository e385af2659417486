//! nginx to curl, plain or over TLS: the yardstick. For a folder, curl gets the list of its files beforehand, and
//! fetches one after the other over one connection.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::contestant::{Contestant, Serving, Target};
use super::nginx::{self, Nginx, Scheme};
use crate::bench::program::{self, Missing};
use crate::stage::Corpus;
use crate::stage::RunError;

/// curl from nginx.
#[derive(Debug)]
pub(crate) struct Curl(pub(crate) Scheme);

impl Contestant for Curl {
    fn key(&self) -> &'static str {
        match self.0 {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    fn name(&self) -> &'static str {
        match self.0 {
            Scheme::Http => "nginx to curl, HTTP",
            Scheme::Https => "nginx to curl, HTTPS",
        }
    }

    fn protection(&self) -> &'static str {
        match self.0 {
            Scheme::Http => "none",
            Scheme::Https => "TLS 1.3",
        }
    }

    fn find(&self) -> Result<String, Missing> {
        let nginx = Nginx::find(self.0)?;
        let curl = program::version("curl", &["--version"], "apt-get install curl")?;
        let short: Vec<&str> = curl.split(' ').take(2).collect();
        Ok(format!("{nginx}, {}", short.join(" ")))
    }

    fn serve(&self, corpus: &Corpus, home: &Path) -> Result<Serving, RunError> {
        let nginx = Nginx::start(&corpus.parent, home, self.0)?;
        let list = home.join("files.txt");
        fs::write(&list, curl_config(&nginx, corpus)).map_err(RunError::disk("write", &list))?;
        let trusted = (self.0 == Scheme::Https).then(|| nginx::certificate(home));
        let fetch = move |target: &Target| {
            let mut command = Command::new("curl");
            command.args(["--silent", "--show-error", "--fail", "--create-dirs", "--config"]).arg(&list);
            if let Some(certificate) = &trusted {
                command.arg("--cacert").arg(certificate);
            }
            command.current_dir(target.folder);
            command
        };
        Ok(Serving::by(nginx.server, fetch))
    }
}

/// Pairs of an address and a path below the folder that curl runs in.
fn curl_config(nginx: &Nginx, corpus: &Corpus) -> String {
    corpus.files().iter().fold(String::new(), |mut config, file| {
        // Writing to a string does not fail.
        let _ = writeln!(config, "url = \"{}\"\noutput = \"{}\"", nginx.url(file), file.display());
        config
    })
}
