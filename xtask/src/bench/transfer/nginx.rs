//! nginx as three contestants use it: two workers, sendfile, no access log; TLS 1.3 with the cheapest cipher.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::bench::port;
use crate::bench::program::{self, Missing};
use crate::stage::RunError;
use crate::stage::Running;

/// Plain, or with a certificate of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A server that is up.
#[derive(Debug)]
pub(crate) struct Nginx {
    pub(crate) server: Running,
    address: SocketAddr,
    scheme: Scheme,
}

impl Nginx {
    pub(crate) fn find(scheme: Scheme) -> Result<String, Missing> {
        let nginx = program::version("nginx", &["-v"], "apt-get install nginx-light")?;
        if scheme == Scheme::Https {
            program::version("openssl", &["version"], "apt-get install openssl")?;
        }
        Ok(nginx.trim_start_matches("nginx version: ").to_owned())
    }

    /// Serves all that lies below `root`.
    pub(crate) fn start(root: &Path, home: &Path, scheme: Scheme) -> Result<Self, RunError> {
        if scheme == Scheme::Https {
            make_certificate(home)?;
        }
        let address = port::free()?;
        let config = home.join("nginx.conf");
        fs::write(&config, configuration(root, home, address, scheme))
            .map_err(RunError::disk("write", &config))?;
        let mut command = Command::new("nginx");
        command.args(["-e", "stderr", "-p"]).arg(home).arg("-c").arg(&config);
        let mut server = Running::start(&mut command, home)?;
        port::wait_until_open(address, &mut server)?;
        Ok(Self { server, address, scheme })
    }

    /// Where a file below the root is found.
    pub(crate) fn url(&self, path: &Path) -> String {
        let scheme = if self.scheme == Scheme::Https { "https" } else { "http" };
        format!("{scheme}://{}/{}", self.address, path.display())
    }
}

/// The certificate by which a client knows this server.
pub(crate) fn certificate(home: &Path) -> std::path::PathBuf {
    home.join("certificate.pem")
}

fn make_certificate(home: &Path) -> Result<(), RunError> {
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]);
    command.args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]);
    command.arg("-keyout").arg(home.join("key.pem")).arg("-out").arg(certificate(home));
    Running::start(&mut command, home)?.finish().map(drop)
}

fn configuration(root: &Path, home: &Path, address: SocketAddr, scheme: Scheme) -> String {
    let (root, home) = (root.display(), home.display());
    let tls = match scheme {
        Scheme::Http => String::new(),
        Scheme::Https => format!(
            "ssl_certificate {home}/certificate.pem; ssl_certificate_key {home}/key.pem; ssl_protocols TLSv1.3; \
             ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256; ssl_conf_command Options KTLS;"
        ),
    };
    let listen = if scheme == Scheme::Https { "ssl" } else { "" };
    // Workers that give up the rights of root may not be able to read the source.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    format!(
        "{user}
        daemon off;
        worker_processes 2;
        pid {home}/nginx.pid;
        error_log stderr warn;
        events {{ worker_connections 256; }}
        http {{
            access_log off;
            sendfile on;
            tcp_nopush on;
            sendfile_max_chunk 0;
            keepalive_requests 1000000;
            client_body_temp_path {home}/body;
            proxy_temp_path {home}/proxy;
            fastcgi_temp_path {home}/fastcgi;
            uwsgi_temp_path {home}/uwsgi;
            scgi_temp_path {home}/scgi;
            server {{ listen {address} {listen}; root {root}; {tls} }}
        }}\n"
    )
}
