//! One exchange: a request is read and answered as its behaviour says, then the connection is closed.

use std::future;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::behaviour::{Behaviour, Framing};
use super::body::BodyWriter;
use super::gzip_bomb::gzip_bomb;
use super::message::{Request, Response, Unannounced, header, read_body, read_head, response_head};
use super::server::State;

pub(super) async fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let Some(request) = read_request(&mut stream, state.limits.body_bytes).await? else { return Ok(()) };
    let behaviour = state.record(&request);
    let mut stream = stream.into_inner();
    stream.set_nodelay(true)?;
    answer(&mut stream, &request, behaviour, state).await?;
    stream.shutdown().await
}

async fn read_request(stream: &mut BufReader<TcpStream>, max_bytes: u64) -> io::Result<Option<Request>> {
    let Some(head) = read_head(stream).await? else { return Ok(None) };
    let mut words = head.start_line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = origin_form(words.next().unwrap_or("/"));
    if header(&head.headers, "expect").is_some() {
        stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = read_body(stream, &head.headers, Unannounced::NoBody, max_bytes).await?;
    Ok(Some(Request { method, target, headers: head.headers, body }))
}

/// The path and query of a request target, which a client that takes this server for its proxy sends as a whole URL.
fn origin_form(target: &str) -> String {
    match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            rest.find('/').map_or_else(|| "/".to_owned(), |start| rest[start..].to_owned())
        }
        _ => target.to_owned(),
    }
}

async fn answer(
    stream: &mut TcpStream,
    request: &Request,
    behaviour: Behaviour,
    state: &State,
) -> io::Result<()> {
    let genuine = async || match state.origin.genuine(request, state.limits.body_bytes).await {
        Ok(response) => response,
        Err(error) => origin_failed(&error),
    };
    let behaviour = match behaviour {
        Behaviour::Late(by) => {
            tokio::time::sleep(by).await;
            Behaviour::PassThrough
        }
        other => other,
    };
    match behaviour {
        Behaviour::PassThrough | Behaviour::Late(_) => match state.origin.connection(request).await {
            Ok(Some(origin)) => pass_through(stream, origin, state).await,
            Ok(None) => send(stream, request, &genuine().await, state).await,
            Err(error) => send(stream, request, &origin_failed(&error), state).await,
        },
        Behaviour::Deltas(delta) => match request.header("available-dictionary") {
            Some(_) => send(stream, request, &delta, state).await,
            None => send(stream, request, &genuine().await, state).await,
        },
        Behaviour::Respond(response) => send(stream, request, &response, state).await,
        Behaviour::Status(status) => {
            let response = Response::text(status, &format!("status {status} by the hostile server"));
            send(stream, request, &response, state).await
        }
        Behaviour::Redirect(url) => {
            send(stream, request, &Response::text(302, "moved").with_header("location", &url), state).await
        }
        Behaviour::Replace(body) => {
            let response = Response { status: 200, body, ..genuine().await };
            send(stream, request, &response, state).await
        }
        Behaviour::CorruptByte(index) => {
            let mut response = genuine().await;
            let last = response.body.len().saturating_sub(1);
            if let Some(byte) = response.body.get_mut(index.min(last)) {
                *byte = !*byte;
            }
            send(stream, request, &response, state).await
        }
        Behaviour::GzipBomb { unpacked_bytes } => {
            let genuine = genuine().await;
            let response =
                Response { status: 200, body: gzip_bomb(unpacked_bytes), headers: genuine.headers };
            send(stream, request, &response.with_header("content-encoding", "gzip"), state).await
        }
        Behaviour::WrongLength(excess) => {
            let response = genuine().await;
            let announced = (response.body.len() as u64).saturating_add_signed(excess);
            let mut body = start(stream, &response, Framing::Length(announced), state).await?;
            body.send(visible(request, &response)).await
        }
        Behaviour::Endless(framing) => {
            let response = Response { status: 200, ..genuine().await };
            let mut body = start(stream, &response, framing, state).await?;
            if request.method == "HEAD" { Ok(()) } else { body.send_endlessly(&response.body, framing).await }
        }
        Behaviour::Drip { bytes_per_second } => {
            let response = genuine().await;
            let mut body = start(stream, &response, length(&response), state).await?;
            body.drip(visible(request, &response), bytes_per_second).await
        }
        Behaviour::Stall => future::pending().await,
        Behaviour::StallAfter(count) => {
            let response = genuine().await;
            let mut body = start(stream, &response, length(&response), state).await?;
            body.send(cut(visible(request, &response), count)).await?;
            future::pending().await
        }
        Behaviour::TruncateAt(count) => {
            let response = genuine().await;
            let mut body = start(stream, &response, length(&response), state).await?;
            body.send(cut(visible(request, &response), count)).await
        }
    }
}

/// Sends a response, framed correctly.
async fn send(
    stream: &mut TcpStream,
    request: &Request,
    response: &Response,
    state: &State,
) -> io::Result<()> {
    let mut body = start(stream, response, length(response), state).await?;
    body.send(visible(request, response)).await
}

/// Sends the head and returns what sends the body.
async fn start<'a>(
    stream: &'a mut TcpStream,
    response: &Response,
    framing: Framing,
    state: &'a State,
) -> io::Result<BodyWriter<'a>> {
    let mut headers = response.headers.clone();
    match framing {
        Framing::Chunked => headers.push(("transfer-encoding".to_owned(), "chunked".to_owned())),
        Framing::Length(length) => headers.push(("content-length".to_owned(), length.to_string())),
        Framing::UntilClose => {}
    }
    stream.write_all(&response_head(response.status, &headers)).await?;
    Ok(BodyWriter { stream, left: state.limits.body_bytes, sent: &state.body_bytes_sent })
}

/// Copies the origin's answer as it comes, head and all.
async fn pass_through(stream: &mut TcpStream, mut origin: TcpStream, state: &State) -> io::Result<()> {
    let mut body = BodyWriter { stream, left: state.limits.body_bytes, sent: &state.body_bytes_sent };
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match origin.read(&mut buffer).await? {
            0 => return Ok(()),
            count => body.send(&buffer[..count]).await?,
        }
    }
}

fn origin_failed(error: &io::Error) -> Response {
    Response::text(502, &format!("the hostile server cannot reach its origin: {error}"))
}

fn length(response: &Response) -> Framing {
    Framing::Length(response.body.len() as u64)
}

/// The body that this request is answered with: none to HEAD.
fn visible<'a>(request: &Request, response: &'a Response) -> &'a [u8] {
    if request.method == "HEAD" { &[] } else { &response.body }
}

fn cut(bytes: &[u8], count: usize) -> &[u8] {
    &bytes[..count.min(bytes.len())]
}
