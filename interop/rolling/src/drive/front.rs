//! What stands between callers and instances.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::BoxError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Front {
    Nginx,
    Haproxy,
    /// Nothing: a socket that the instances share.
    Handover,
}

/// What the callers speak, and the instances with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Http1,
    Grpc,
}

/// A balancer that runs, in a folder of its own.
#[derive(Debug)]
pub(super) struct Balancer {
    child: Child,
    folder: PathBuf,
}

impl Front {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Handover => "handover",
        }
    }

    /// How long a new instance is left alone before the other one goes, which deployments call
    /// `minReadySeconds`: until the balancer has seen it.
    pub(super) const fn settle(self) -> Duration {
        match self {
            Self::Nginx | Self::Handover => Duration::from_millis(100),
            Self::Haproxy => Duration::from_millis(800),
        }
    }
}

impl Balancer {
    pub(super) async fn start(
        front: Front,
        wire: Wire,
        address: SocketAddr,
        instances: [SocketAddr; 2],
    ) -> Result<Self, BoxError> {
        let name = format!("tower-ready-rolling-{}-{}", std::process::id(), address.port());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        let file = folder.join("balancer.conf");
        let mut command = if front == Front::Haproxy {
            fs::write(&file, haproxy(wire, address, instances))?;
            let mut command = Command::new("haproxy");
            command.arg("-db").arg("-f").arg(&file);
            command
        } else {
            fs::write(&file, nginx(wire, address, instances, &folder))?;
            let mut command = Command::new("nginx");
            command.arg("-e").arg(folder.join("error.log")).arg("-c").arg(&file);
            command
        };
        let output = fs::File::create(folder.join("output.log"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()?;
        let balancer = Self { child, folder };
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(Duration::from_secs(10), listens).await.is_err() {
            let output = fs::read_to_string(balancer.folder.join("output.log"))?;
            return Err(format!("{} does not listen: {output}", front.name()).into());
        }
        // Its first checks.
        sleep(Duration::from_millis(500)).await;
        Ok(balancer)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // It is our own child, and the folder is ours; there is nothing to do if they are gone.
        let _ = self.child.start_kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Retries are nginx's own: never of a POST that was sent. `max_fails=0`, for with two instances
/// the refusal of one would else put it aside for ten seconds, and the other goes next.
fn nginx(wire: Wire, address: SocketAddr, [a, b]: [SocketAddr; 2], folder: &Path) -> String {
    let folder = folder.display();
    let (listen, pass) = match wire {
        Wire::Http1 => (
            "",
            "proxy_http_version 1.1; proxy_set_header Connection \"\"; \
                             proxy_pass http://instances;",
        ),
        Wire::Grpc => (" http2", "grpc_pass grpc://instances;"),
    };
    format!(
        "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_buffer_size 64k;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000;
  upstream instances {{
    server {a} max_fails=0; server {b} max_fails=0;
    keepalive 64; keepalive_requests 1000000;
  }}
  server {{ listen {address}{listen}; location / {{ {pass} }} }}
}}
"
    )
}

/// Over gRPC with a larger buffer: haproxy before December 2023, such as that of Debian 12, ends a
/// connection of HTTP/2 with an error of its own when trailers come while its buffer is full, with
/// or without restarts (its issue 2388). This one holds all that the eight calls of a caller's
/// connection are answered with at a time, and so is never full.
fn haproxy(wire: Wire, address: SocketAddr, [a, b]: [SocketAddr; 2]) -> String {
    let (global, bind, server) = match wire {
        Wire::Http1 => ("", "", "check"),
        Wire::Grpc => {
            ("global\n  tune.bufsize 262144\n", " proto h2", "check check-proto h1 proto h2")
        }
    };
    format!(
        "{global}defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout check 2s
  option httpchk GET /readyz
  default-server inter 200ms fall 2 rise 2
frontend callers
  bind {address}{bind}
  default_backend instances
backend instances
  balance roundrobin
  option redispatch
  server a {a} {server}
  server b {b} {server}
"
    )
}
