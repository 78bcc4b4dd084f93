//! A Redis that can be treated badly.

use std::{
    env,
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    panic::catch_unwind,
    process::{Command, Stdio},
    time::Duration,
};

use tower_ready_testing::redis::{Cluster, Redis, Sentinels};

#[test]
fn it_keeps_what_it_is_told() {
    let redis = Redis::start();
    assert_eq!(redis.cli(&["SET", "key", "a value\r\nof two lines"]), "OK");
    assert_eq!(redis.cli(&["GET", "key"]), "a value\r\nof two lines");
    assert_eq!(redis.cli(&["GET", "nothing"]), "(nil)");
    assert_eq!(redis.cli(&["INCR", "number"]), "1");
    assert_eq!(redis.cli(&["MGET", "key", "nothing", "number"]).lines().last(), Some("1"));
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}/", redis.port()));
}

#[test]
fn an_error_of_redis_fails_the_test() {
    let redis = Redis::start();
    assert!(catch_unwind(|| redis.cli(&["NONSENSE"])).is_err());
}

#[test]
fn each_test_has_one_of_its_own() {
    let (one, other) = (Redis::start(), Redis::start());
    one.cli(&["SET", "key", "one"]);
    assert_eq!(other.cli(&["GET", "key"]), "(nil)");
}

#[test]
fn options_reach_it() {
    let redis = Redis::start_with(&["--maxmemory", "2mb"]);
    assert_eq!(redis.cli(&["CONFIG", "GET", "maxmemory"]), "maxmemory\n2097152");
}

#[test]
fn it_writes_nothing_to_disk() {
    let redis = Redis::start();
    assert_eq!(redis.cli(&["CONFIG", "GET", "save"]), "save\n");
    assert_eq!(redis.cli(&["CONFIG", "GET", "appendonly"]), "appendonly\nno");
}

#[test]
fn paused_it_answers_nobody() {
    let redis = Redis::start();
    for _ in 0..3 {
        redis.pause();
        let mut stream = connect(&redis, Duration::from_millis(50));
        stream.write_all(b"PING\r\n").unwrap();
        let silence = stream.read(&mut [0; 64]).unwrap_err();
        assert!(matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        redis.resume();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n", "what was sent meanwhile is answered");
    }
}

#[test]
fn killed_it_refuses_and_breaks_connections() {
    let mut redis = Redis::start();
    let mut stream = connect(&redis, Duration::from_secs(10));
    redis.kill();
    assert!(is_broken(&mut stream));
    let refused = TcpStream::connect(("127.0.0.1", redis.port())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn restarted_it_is_empty_and_on_the_same_port() {
    let mut redis = Redis::start();
    let port = redis.port();
    redis.cli(&["SET", "key", "one"]);
    redis.restart();
    assert_eq!(redis.port(), port);
    assert_eq!(redis.cli(&["GET", "key"]), "(nil)");
    redis.pause();
    redis.restart();
    assert_eq!(redis.cli(&["PING"]), "PONG");
}

#[test]
fn it_ends_with_a_test_that_panics() {
    let redis = Redis::start();
    let mut stream = connect(&redis, Duration::from_secs(10));
    let panic = catch_unwind(move || {
        redis.pause();
        let (expected, found) = (1, redis.port());
        assert_eq!(expected, found);
    });
    assert!(panic.is_err());
    assert!(is_broken(&mut stream));
}

#[test]
fn a_replica_of_a_cluster_takes_its_masters_place() {
    let mut cluster = Cluster::start();
    let master = cluster.master_of("key");
    cluster.node(master).cli(&["SET", "key", "kept"]);
    cluster.cut_off(master);
    cluster.node(master).cli(&["SET", "key", "lost"]);
    cluster.fail_over(master);
    assert_eq!(cluster.node(master + 3).cli(&["GET", "key"]), "kept");
    let other = (master + 1) % 3;
    assert!(cluster.node(other).try_cli(&["GET", "key"]).unwrap_err().starts_with("MOVED"));
    assert_eq!(cluster.urls().len(), 6);
}

#[test]
fn sentinels_promote_a_replica() {
    let mut sentinels = Sentinels::start();
    assert_eq!(sentinels.urls().len(), 3);
    assert!(sentinels.replica(&["INFO", "replication"]).contains("role:slave"));
    sentinels.cut_off();
    sentinels.fail_over();
    assert!(sentinels.replica(&["INFO", "replication"]).contains("role:master"));
}

#[test]
fn over_tls_it_wants_a_certificate() {
    let (redis, tls) = Redis::start_tls();
    assert_eq!(redis.cli(&["CONFIG", "GET", "tls-auth-clients"]), "tls-auth-clients\nyes");
    assert_eq!(tls.url(), format!("rediss://127.0.0.1:{}/", tls.port));
    assert!(TcpStream::connect(("127.0.0.1", tls.port)).is_ok());
}

/// The test runs itself as another process, which starts a server and is then killed.
#[test]
fn it_ends_with_a_test_process_that_is_killed() {
    const ROLE: &str = "TOWER_READY_TESTING_HOLDS_REDIS";
    const NAME: &str = "it_ends_with_a_test_process_that_is_killed";
    if env::var_os(ROLE).is_some() {
        let redis = Redis::start();
        redis.pause();
        println!("\nport {}", redis.port());
        io::stdin().read_line(&mut String::new()).unwrap();
        unreachable!("nobody writes to it");
    }
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(ROLE, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_prefix("port ")?.parse().ok()).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();

    process.kill().unwrap();
    process.wait().unwrap();
    assert!(is_broken(&mut stream), "the server outlived the process that started it");
}

fn connect(redis: &Redis, patience: Duration) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    stream
}

/// Whether the other end is gone: it closed the connection or reset it.
fn is_broken(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}
