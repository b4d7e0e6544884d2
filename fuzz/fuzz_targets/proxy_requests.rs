//! What the proxy is asked, and where the client's own requests may be led.
//!
//! Input: lines of text, see [`Input`]. Asserted:
//! - a redirect that is followed leads to HTTP, never from HTTPS back to HTTP, never from elsewhere to this machine,
//!   and for metadata never to another host or port: judged from the URL's text with the standard library's addresses;
//! - URLs of files stay below the repository's folders;
//! - a page has one URL, a file's name decodes to what was encoded, and nothing else is served;
//! - a request under another host's name is not taken for the proxy's own;
//! - a range lies within the file.

#![no_main]

use std::net::{IpAddr, SocketAddr};

use arbitrary::Arbitrary;
use http::{Method, Request, Uri};
use libfuzzer_sys::fuzz_target;
use sealdex_client::fuzzing::{self, Asked};
use sealdex_client::{RepositoryName, RepositoryRecord, RepositoryUrl, Sha256Digest};
use sealdex_fuzz::percent_decoded;
use sealdex_simple::{FileName, IndexFile, ProjectName, layout};
use url::Url;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    port: u16,
    length: u64,
    connect: bool,
    /// Lines: a URL, where it redirects to, a request target, a `Host` header, a `Range`, a project, a file name.
    texts: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    let mut lines = input.texts.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (url, location, target, host, range, project, filename) =
        (line(), line(), line(), line(), line(), line(), line());
    if let Ok(url) = Url::parse(url)
        && matches!(url.scheme(), "http" | "https")
    {
        check_redirect(&url, location);
    }
    check_urls(url, location, project, filename);
    check_request(&input, target, host);
    if let Some((start, end)) = fuzzing::range(range, input.length) {
        assert!(end <= input.length && (start < end || (start, end) == (0, 0)), "{start}..{end}");
    }
    if let Ok(name) = RepositoryName::parse(project) {
        assert!(!name.as_str().contains(['/', '\\', ':']) && !name.as_str().starts_with('.'));
    }
});

fn check_redirect(from: &Url, location: &str) {
    let same_host = fuzzing::redirect_of_metadata(from, location);
    let any_host = fuzzing::redirect_of_file(from, location);
    let Some(to) = &any_host else {
        assert!(same_host.is_none(), "metadata may be redirected where files may not");
        return;
    };
    assert!(matches!(to.scheme(), "http" | "https"), "{to}");
    assert!(from.scheme() != "https" || to.scheme() == "https", "{from} to {to}");
    assert!(is_local(from) || !is_local(to), "{from} to {to}");
    if let Some(to) = same_host {
        assert_eq!(Some(&to), any_host.as_ref());
        assert_eq!(to.host_str(), from.host_str());
        let upgraded = from.scheme() == "http" && to.scheme() == "https";
        assert!(upgraded || to.port_or_known_default() == from.port_or_known_default(), "{from} to {to}");
    }
}

/// Whether a connection would stay on this machine or its own link.
fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.');
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            matches!(address.octets(), [127, ..] | [169, 254, ..] | [0, 0, 0, 0])
        }
        Ok(IpAddr::V6(address)) => match address.octets() {
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => {
                matches!([a, b, c, d], [127, ..] | [169, 254, ..] | [0, 0, 0, 0])
            }
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last] => last <= 1,
            [0xfe, second, ..] => second & 0xc0 == 0x80,
            _ => false,
        },
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

fn check_urls(folder: &str, path: &str, project: &str, filename: &str) {
    let Ok(folder) = RepositoryUrl::parse(folder) else { return };
    let text = folder.to_string();
    assert!(text.starts_with("http") && text.ends_with('/') && !text.contains(['?', '#']), "{text}");
    assert!(folder.as_url().username().is_empty() && folder.as_url().password().is_none());
    assert_eq!(RepositoryUrl::parse(&text).expect("a URL that was written is read"), folder);
    if let Some(url) = fuzzing::url_below(&folder, path) {
        assert!(
            url.as_str().starts_with(&text) && url.as_str().len() > text.len(),
            "{url} is not below {text}"
        );
        assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
    }
    let (Ok(project), Ok(filename)) = (ProjectName::parse(project), FileName::parse(filename)) else {
        return;
    };
    let digest = Sha256Digest::of(b"");
    let record = RepositoryRecord::new(&folder, jiff::Timestamp::UNIX_EPOCH, digest);
    let file = IndexFile::new(filename, path.to_owned());
    let urls = fuzzing::file_urls(&record, &project, &file, digest);
    assert!(urls.iter().all(|url| matches!(url.scheme(), "http" | "https") && url.fragment().is_none()));
    let own = urls.last().expect("a repository's own files are asked for too");
    let place = format!("{}files/{project}/{digest}.", record.targets_url);
    assert!(own.as_str().starts_with(&place) && !own.as_str()[place.len()..].contains('/'), "{own}");
}

fn check_request(input: &Input<'_>, target: &str, host: &str) {
    let Ok(uri) = target.parse::<Uri>() else { return };
    let method = if input.connect { Method::CONNECT } else { Method::GET };
    let mut request = Request::builder().method(&method).uri(&uri);
    if !host.is_empty() {
        request = request.header(http::header::HOST, host);
    }
    let Ok(request) = request.body(()) else { return };

    let address = SocketAddr::from(([127, 0, 0, 1], input.port));
    if fuzzing::is_ours(address, &request) {
        let meant = uri.authority().map_or(host, |authority| authority.as_str()).to_ascii_lowercase();
        let port = input.port;
        assert!(meant == format!("127.0.0.1:{port}") || meant == format!("localhost:{port}"), "{meant}");
        assert!(uri.authority().is_none() || !input.connect, "a tunnel is not for the proxy");
    }

    match fuzzing::route(&request) {
        Asked::Page(project) => {
            assert_eq!(percent_decoded(uri.path()), Some(format!("/simple/{project}/").into_bytes()));
        }
        Asked::Redirect(project) => {
            // What the redirect leads to is a page, so that it ends there.
            let request = Request::builder().uri(format!("/simple/{project}/")).body(()).expect("a path");
            assert_eq!(fuzzing::route(&request), Asked::Page(project));
        }
        Asked::File(project, filename) => {
            let (_, last) = uri.path().rsplit_once('/').expect("a path begins with a slash");
            assert_eq!(percent_decoded(last), Some(filename.clone().into_bytes()));
            if let Ok(name) = FileName::parse(&filename) {
                // The link that a page shows leads here.
                let link = layout::relative_file_url(&project, &name);
                let page = Url::parse("http://proxy/simple/x/").expect("a constant URL");
                let linked = page.join(&link).expect("a link can be joined");
                let request = Request::builder().uri(linked.path()).body(()).expect("a path");
                assert_eq!(fuzzing::route(&request), Asked::File(project, filename));
            }
        }
        Asked::Nothing => {}
    }
}
