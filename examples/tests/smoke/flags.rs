//! Settings: what is taken, and what is refused at the start.

use std::{net::TcpListener, process::Output};

use crate::{
    client::get,
    server::{Server, command},
};

const SERVERS: [&str; 3] = ["axum", "hyper", "tonic"];

fn refused(binary: &str, flags: &[&str], code: i32) -> String {
    let output = command(binary).args(flags).output().unwrap();
    refusal(&output, code)
}

fn refusal(output: &Output, code: i32) -> String {
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}");
    assert_eq!(output.stdout, b"", "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

#[test]
fn nonsense_is_refused_in_one_line_that_names_the_flag() {
    for binary in SERVERS {
        for flags in [
            &["--listen", "somewhere"][..],
            &["--listen", "127.0.0.1"],
            &["--listen", "127.0.0.1:65536"],
            &["--listen"],
            &["--listen="],
            &["--admin", "3001"],
            &["--ip-quota", "many"],
            &["--ip-quota", "0/1s"],
            &["--ip-quota", "1/1s;burst=0"],
            &["--ip-quota", "1/1 s"],
            &["--trust-proxy", "10.0.0.0/33"],
            &["--trust-proxy", "10.0.0.1/8"],
            &["--trust-proxy", ""],
            &["--trust-header", "x-real-ip"],
            &["--max-in-flight", "0"],
            &["--max-in-flight", "+1"],
            &["--max-in-flight", "99999999999"],
            &["--timeout", "10"],
            &["--timeout", "0s"],
            &["--timeout", "1.5s"],
            &["--log", "xml\nsecond line"],
            &["--log", "json", "--log", "json"],
            &["--nonsense", "1"],
            &["--jwks", "/no/such/keys.json"],
            &["--jwks", "/dev/null"],
            &["--jwks", "ftp://issuer.example/keys.json"],
            &["--issuer", ""],
            &["--audience="],
            &["--revocations", "/no/such/file"],
            &["--api-keys", "/dev/null"],
            &["--auth-failures", "60"],
            &["--auth-failures", "0/1m"],
            &["--auth-failures", "60/0s"],
            &["--quota", "1/1s;"],
            &["--upstream", "127.0.0.1:80"],
            &["--upstream", "http://"],
            &["--upstream", "https://127.0.0.1"],
            &["--upstream-timeout", "0s"],
            &["--upstream-timeout", "1ms"],
            &["--breaker-open", "0ms"],
            &["--otlp", "127.0.0.1:4318"],
            &["--edge", "maybe"],
            &["--cors-origins", "shop.example"],
            &["--cors-origins", "https://shop.example/"],
            &["--cors-origins", "https://a@shop.example"],
            &["--cors-origins", ""],
            &["--cors-origins", "*", "--cors-credentials", "yes"],
            &["--cors-credentials", "true"],
            &["--lame-duck", "8"],
            &["--drain", "2h"],
            &["--redis", "127.0.0.1:6379"],
            &["--redis", "redis://"],
            &["--limit-mode", "loose"],
            &["--on-store-error", "ignore"],
            &["--instances", "0"],
            &["--redis-timeout", "0ms"],
            &["--redis-timeout", "11s"],
        ] {
            let line = refused(binary, flags, 2);
            let name = flags[0].split('=').next().unwrap();
            assert!(line.starts_with(name) && line.len() > name.len() + 10, "{line}");
        }
        assert!(refused(binary, &["nonsense"], 2).contains("--help"));
    }
}

#[test]
fn help_lists_every_flag_and_its_variable() {
    for binary in SERVERS {
        let output = command(binary).arg("--help").output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{help}");
        for flag in [
            "listen",
            "admin",
            "jwks",
            "issuer",
            "audience",
            "revocations",
            "api-keys",
            "auth-failures",
            "quota",
            "redis",
            "limit-mode",
            "redis-timeout",
            "on-store-error",
            "instances",
            "edge",
            "lame-duck",
            "drain",
            "otlp",
            "cors-origins",
            "cors-credentials",
            "upstream",
            "upstream-timeout",
            "breaker-open",
            "ip-quota",
            "trust-proxy",
            "trust-header",
            "timeout",
            "max-in-flight",
            "log",
        ] {
            let variable = format!("TOWER_READY_{}", flag.to_uppercase().replace('-', "_"));
            assert!(help.contains(&format!("--{flag} ")) && help.contains(&variable), "{help}");
        }
    }
}

#[tokio::test]
async fn a_variable_stands_in_for_a_flag() {
    let mut command = command("axum");
    command.env("TOWER_READY_LISTEN", "127.0.0.1:0").env("TOWER_READY_IP_QUOTA", "7/1m");
    let server = Server::run(&mut command);
    let answer = get(server.address, "/").await;
    assert!(answer.header("ratelimit-policy").contains("q=7;w=60"));
    server.stop();

    command.env("TOWER_READY_IP_QUOTA", "7");
    let line = refusal(&command.output().unwrap(), 2);
    assert!(line.starts_with("TOWER_READY_IP_QUOTA (--ip-quota): "), "{line}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for binary in SERVERS {
        let line = refused(binary, &["--listen", &address], 1);
        assert!(line.starts_with("--listen: ") && line.contains(&address), "{line}");
        let admin = ["--listen", "127.0.0.1:0", "--admin", &address];
        assert!(refused(binary, &admin, 1).starts_with("--admin: "));
    }
}

#[tokio::test]
async fn a_restart_takes_the_same_port_at_once() {
    for host in ["axum", "hyper"] {
        let server = Server::start(host, &[]);
        let address = server.address.to_string();
        assert_eq!(get(server.address, "/").await.status, 200);
        server.stop();
        let server = Server::run(command(host).args(["--listen", &address]));
        assert_eq!(get(server.address, "/").await.status, 200);
        server.stop();
    }
}
