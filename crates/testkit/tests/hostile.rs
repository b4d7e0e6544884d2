//! The hostile server does to a real connection what its behaviours say.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside the functions Clippy knows as tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sealdex_testkit::hostile::{Behaviour, Framing, HostileServer, Limits, Origin, Paths, Response};

const GENUINE: &[u8] = b"genuine content";

/// What came over the wire: head, body, and whether the server closed the connection.
struct Answer {
    head: String,
    body: Vec<u8>,
    closed: bool,
}

impl Answer {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

fn genuine_server() -> HostileServer {
    HostileServer::start(Origin::files([("/file", GENUINE.to_vec())]))
}

fn exchange(server: &HostileServer, request: &str, patience: Duration) -> Answer {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 64 * 1024];
    let closed = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break true,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(_) => break false,
        }
    };
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |position| position + 4);
    let body = bytes.split_off(end);
    Answer { head: String::from_utf8(bytes).unwrap(), body, closed }
}

fn get(server: &HostileServer, path: &str) -> Answer {
    exchange(server, &format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n"), Duration::from_secs(10))
}

fn get_under(behaviour: Behaviour) -> Answer {
    let server = genuine_server();
    server.set(Paths::All, behaviour);
    get(&server, "/file")
}

#[test]
fn without_rules_the_origin_is_passed_through() {
    let server = genuine_server();
    let answer = get(&server, "/file");
    assert_eq!((answer.status(), answer.body.as_slice()), ("200", GENUINE));
    assert_eq!(get(&server, "/other").status(), "404");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn requests_are_logged_with_their_headers_and_bodies() {
    let server = genuine_server();
    exchange(
        &server,
        "POST /legacy/?a=b HTTP/1.1\r\nX-Name: value\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        Duration::from_secs(10),
    );
    let requests = server.requests_for(&Paths::exactly("/legacy/"));
    assert_eq!(requests[0].method, "POST");
    assert_eq!(requests[0].target, "/legacy/?a=b");
    assert_eq!(requests[0].header("x-name"), Some("value"));
    assert_eq!(requests[0].body, b"abcde");
}

#[test]
fn the_latest_rule_counts_until_all_are_cleared() {
    let server = genuine_server();
    server.set(Paths::All, Behaviour::Status(500));
    server.set(Paths::exactly("/file"), Behaviour::Status(409));
    assert_eq!(get(&server, "/file").status(), "409");
    assert_eq!(get(&server, "/other").status(), "500");
    server.clear();
    assert_eq!(get(&server, "/file").status(), "200");
}

#[test]
fn a_function_may_decide() {
    let server = HostileServer::start_with(Origin::Nowhere, Limits::default(), |request| {
        Behaviour::Respond(Response::text(200, &request.target))
    });
    assert_eq!(get(&server, "/echo?this").body, b"/echo?this\n");
}

#[test]
fn a_server_behind_it_gets_the_request_and_its_answer_comes_through() {
    let origin = genuine_server();
    let server = HostileServer::start(Origin::server(&format!("{}/", origin.url())));
    assert_eq!(get(&server, "/file").body, GENUINE);
    assert_eq!(origin.requests()[0].header("host"), Some("test"), "the origin sees the client's own host");

    server.set(Paths::All, Behaviour::CorruptByte(0));
    let answer = get(&server, "/file");
    assert_eq!(answer.body[1..], GENUINE[1..]);
    assert_eq!(answer.body[0], !GENUINE[0]);
    assert_eq!(origin.requests()[1].header("accept-encoding"), Some("identity"));
}

#[test]
fn what_comes_late_reaches_the_origin_late() {
    let origin = genuine_server();
    let server = HostileServer::start(Origin::server(&origin.url()));
    server.set(Paths::All, Behaviour::Late(Duration::from_millis(300)));
    let start = Instant::now();
    let asked = std::thread::scope(|scope| {
        let answer = scope.spawn(|| get(&server, "/file"));
        std::thread::sleep(Duration::from_millis(100));
        let early = origin.requests().len();
        assert_eq!(answer.join().unwrap().body, GENUINE);
        early
    });
    assert_eq!((asked, origin.requests().len()), (0, 1));
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[test]
fn an_origin_that_is_gone_is_a_502() {
    let origin = genuine_server();
    let server = HostileServer::start(Origin::server(&origin.url()));
    drop(origin);
    assert_eq!(get(&server, "/file").status(), "502");
}

#[test]
fn bodies_are_replaced_cut_and_announced_wrongly() {
    let length = |answer: &Answer| {
        let line = answer.head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        line.parse::<usize>().unwrap()
    };
    let replaced = get_under(Behaviour::Replace(b"evil".to_vec()));
    assert_eq!((length(&replaced), replaced.body.as_slice()), (4, b"evil".as_slice()));

    let longer = get_under(Behaviour::WrongLength(10));
    assert_eq!((length(&longer), longer.body.as_slice()), (GENUINE.len() + 10, GENUINE));
    let shorter = get_under(Behaviour::WrongLength(-3));
    assert_eq!((length(&shorter), shorter.body.as_slice()), (GENUINE.len() - 3, GENUINE));

    let cut = get_under(Behaviour::TruncateAt(4));
    assert_eq!((length(&cut), cut.body.as_slice()), (GENUINE.len(), &GENUINE[..4]));
    assert!(cut.closed);
}

#[test]
fn redirects_say_where_to() {
    let answer = get_under(Behaviour::Redirect("http://127.0.0.1:1/evil".to_owned()));
    assert_eq!(answer.status(), "302");
    assert!(answer.head.contains("location: http://127.0.0.1:1/evil\r\n"), "{}", answer.head);
}

#[test]
fn an_endless_body_ends_at_the_limit() {
    let limits = Limits { body_bytes: 3_000_000, ..Limits::default() };
    let origin = Origin::files([("/file", GENUINE.to_vec())]);
    let server = HostileServer::start_with(origin, limits, |_| Behaviour::Endless(Framing::UntilClose));
    let answer = get(&server, "/file");
    assert!(answer.body.starts_with(GENUINE));
    assert_eq!(answer.body.len(), 3_000_000);
    assert_eq!(server.body_bytes_sent(), 3_000_000);

    server.set(Paths::All, Behaviour::Endless(Framing::Chunked));
    let answer = get(&server, "/file");
    assert!(answer.head.contains("transfer-encoding: chunked"), "{}", answer.head);
    assert!(answer.body.starts_with(b"f\r\ngenuine content\r\n4000\r\n"));
    assert!(answer.closed && !answer.body.ends_with(b"0\r\n\r\n"), "there is no last chunk");
}

#[test]
fn a_gzip_bomb_is_small_on_the_wire() {
    let answer = get_under(Behaviour::GzipBomb { unpacked_bytes: 1 << 30 });
    assert!(answer.head.contains("content-encoding: gzip"), "{}", answer.head);
    assert!(answer.body.len() < 3_000_000, "{} bytes", answer.body.len());
}

#[test]
fn a_dripping_body_keeps_its_rate() {
    let start = Instant::now();
    let answer = get_under(Behaviour::Drip { bytes_per_second: 20 });
    assert_eq!(answer.body, GENUINE);
    let expected = Duration::from_millis(700);
    assert!(start.elapsed() >= expected, "15 bytes at 20 a second took only {:?}", start.elapsed());
}

#[test]
fn a_stalled_connection_stays_open_and_silent() {
    let server = genuine_server();
    server.set(Paths::All, Behaviour::Stall);
    let request = "GET /file HTTP/1.1\r\n\r\n";
    let silent = exchange(&server, request, Duration::from_millis(300));
    assert!(silent.head.is_empty() && !silent.closed);

    server.set(Paths::All, Behaviour::StallAfter(7));
    let halfway = exchange(&server, request, Duration::from_millis(300));
    assert_eq!(halfway.body, b"genuine");
    assert!(!halfway.closed);
}

#[test]
fn a_connection_ends_with_its_time() {
    let limits = Limits { connection_time: Duration::from_millis(200), ..Limits::default() };
    let server = HostileServer::start_with(Origin::Nowhere, limits, |_| Behaviour::Stall);
    assert!(get(&server, "/").closed);
}

#[test]
fn dropping_the_server_frees_its_clients() {
    let server = genuine_server();
    server.set(Paths::All, Behaviour::Stall);
    let address = server.address();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    drop(server);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn head_requests_get_no_body() {
    let server = genuine_server();
    let request = "HEAD /file HTTP/1.1\r\n\r\n";
    let behaviours =
        [Behaviour::PassThrough, Behaviour::Endless(Framing::UntilClose), Behaviour::WrongLength(1)];
    for behaviour in behaviours {
        server.set(Paths::All, behaviour.clone());
        let answer = exchange(&server, request, Duration::from_secs(10));
        assert!(answer.body.is_empty() && answer.closed, "{behaviour:?}");
    }
}
