//! nginx with one reply from its configuration, which is the least that any HTTP server could do.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::bench::port;
use crate::bench::program::{self, Missing};
use crate::stage::{RunError, Running};

/// As long as the answer to a renewal.
const REPLY: &str = r#"{"number":100001,"version":1000000,"renew_s":5}"#;

/// A server that is up.
#[derive(Debug)]
pub(super) struct Nginx {
    _server: Running,
    address: SocketAddr,
}

pub(super) fn find() -> Result<String, Missing> {
    let nginx = program::version("nginx", &["-v"], "apt-get install nginx-light")?;
    Ok(nginx.trim_start_matches("nginx version: ").to_owned())
}

impl Nginx {
    pub(super) fn start(home: &Path) -> Result<Self, RunError> {
        let address = port::free()?;
        let config = home.join("nginx.conf");
        fs::write(&config, configuration(home, address)).map_err(RunError::disk("write", &config))?;
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-p"]).arg(home).arg("-c").arg(&config);
        let mut server = Running::start(&mut command, home)?;
        port::wait_until_open(address, &mut server)?;
        Ok(Self { _server: server, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn configuration(home: &Path, address: SocketAddr) -> String {
    let home = home.display();
    format!(
        "daemon off;
        worker_processes 2;
        pid {home}/nginx.pid;
        error_log stderr warn;
        events {{ worker_connections 1024; }}
        http {{
            access_log off;
            keepalive_requests 1000000000;
            client_body_temp_path {home}/body;
            proxy_temp_path {home}/proxy;
            fastcgi_temp_path {home}/fastcgi;
            uwsgi_temp_path {home}/uwsgi;
            scgi_temp_path {home}/scgi;
            server {{ listen {address}; location / {{ default_type application/json; return 200 '{REPLY}'; }} }}
        }}\n"
    )
}
