//! What a proxy tells of its decisions, and what policies make of pages and files.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use sealdex_client::{
    Client, ClientSettings, Decision, FileGiven, Outcome, PageGiven, Policies, Policy, ProxyOptions,
    VerifyingProxy,
};
use sealdex_simple::Yanked;
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;
use url::Url;

use crate::support::{TestRepository, World, get, project, send};

const JSON: (&str, &str) = ("accept", "application/vnd.pypi.simple.v1+json");
const WHEEL: &str = "/files/hello/hello-1.0-py3-none-any.whl";
const PIP: (&str, &str) = ("user-agent", "pip/26.0");

type Heard = Arc<Mutex<Vec<Decision>>>;

fn listening() -> (ProxyOptions, Heard) {
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    (ProxyOptions::default().on_decision(move |decision| told.lock().unwrap().push(decision.clone())), heard)
}

fn files(heard: &Heard) -> Vec<FileGiven> {
    let file = |decision: &Decision| match &decision.outcome {
        Outcome::File(file) => Some(file.clone()),
        _ => None,
    };
    heard.lock().unwrap().iter().filter_map(file).collect()
}

fn pages(heard: &Heard) -> Vec<PageGiven> {
    let page = |decision: &Decision| match &decision.outcome {
        Outcome::Page(page) => Some(page.clone()),
        _ => None,
    };
    heard.lock().unwrap().iter().filter_map(page).collect()
}

#[tokio::test]
async fn what_is_given_is_told_with_who_signed_it() {
    let world = World::new().await;
    let (options, heard) = listening();
    let proxy = world.proxy_with(options).await;
    let address = proxy.address();
    assert_eq!(get(address, "/simple/hello/", &[]).await.status, 200);
    let page = pages(&heard).remove(0);
    assert_eq!((page.project, page.left_out), (project("hello"), vec![]));
    assert_eq!(page.size, world.repository.page_bytes("hello").len() as u64);

    let own = vec![("host".to_owned(), address.to_string())];
    assert_eq!(send(address, "HEAD", WHEEL, &own).await.status, 200);
    assert_eq!(get(address, "/files/hello/hello-9.0-py3-none-any.whl", &[]).await.status, 404);
    assert_eq!(get(address, &format!("{WHEEL}.metadata"), &[]).await.status, 200);
    assert_eq!(get(address, WHEEL, &[("range", "bytes=100000-")]).await.status, 416);
    assert_eq!(files(&heard), []);
    let whole = get(address, WHEEL, &[]).await;
    let unchanged = [("if-none-match", whole.header("etag").unwrap())];
    assert_eq!(get(address, WHEEL, &unchanged).await.status, 304);
    let given = files(&heard);
    assert_eq!((given.len(), &given[0]), (2, &given[1]));
    let file = &given[0];
    let session = proxy.session().await.unwrap();
    assert_eq!(file.filename, "hello-1.0-py3-none-any.whl");
    let url =
        format!("{}simple/hello/../../files/hello/hello-1.0-py3-none-any.whl", world.trusted.record().url);
    assert_eq!(
        (file.version.as_deref(), file.url.as_str()),
        (Some("1.0"), Url::parse(&url).unwrap().as_str())
    );
    assert_eq!(
        (file.size, file.sha256.to_string()),
        (whole.body.len() as u64, sealdex_client::Sha256Digest::of(&whole.body).to_string())
    );
    assert_eq!(file.signed_by.snapshot, session.versions().snapshot);
    assert_eq!(file.signed_by.timestamp_expires, session.timestamp_expires());
    assert_eq!(file.signed_by.key_ids, [world.repository.online_key_id()]);
    assert!(file.signed_by.role.starts_with("bin"), "{}", file.signed_by.role);
    let decision = heard.lock().unwrap()[0].clone();
    let json = serde_json::to_string(&decision).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), decision, "{json}");
}

/// `hello` 1.0, old; 2.0, uploaded an hour ago; 3.0, yanked.
fn releases() -> TestRepository {
    let mut repository = TestRepository::new();
    for version in ["1.0", "2.0", "3.0"] {
        repository.add("hello", &WheelBuilder::new("hello", version).build());
    }
    repository.change_page(&project("hello"), |page| {
        for file in &mut page.files {
            let hours = if file.filename.as_str().contains("2.0") { 1 } else { 1000 };
            let uploaded = Timestamp::now() - SignedDuration::from_hours(hours);
            file.upload_time = Some(uploaded.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string());
            if file.filename.as_str().contains("3.0") {
                file.yanked = Yanked::Yes;
            }
        }
    });
    repository.publish();
    repository
}

fn under(world: &World, policies: &[&str]) -> Client {
    let parse = |(number, text): (usize, &&str)| Policy::parse(&format!("policy-{number}"), text).unwrap();
    let policies = Policies::new(policies.iter().enumerate().map(parse).collect());
    world.client_with(|settings: &mut ClientSettings| settings.policies = policies)
}

async fn offered(proxy: &VerifyingProxy) -> Vec<String> {
    let answer = get(proxy.address(), "/simple/hello/", &[JSON]).await;
    assert_eq!(answer.status, 200, "{}", answer.reason);
    let page: Value = serde_json::from_slice(&answer.body).unwrap();
    let html = get(proxy.address(), "/simple/hello/", &[]).await.text();
    let versions: Vec<String> =
        page["versions"].as_array().unwrap().iter().map(|own| own.as_str().unwrap().to_owned()).collect();
    for version in ["1.0", "2.0", "3.0"] {
        let listed = versions.iter().any(|own| own == version);
        assert_eq!(html.contains(&format!("hello-{version}-")), listed, "{version}");
        assert_eq!(page["files"].to_string().contains(&format!("hello-{version}-")), listed, "{version}");
    }
    versions
}

#[tokio::test]
async fn pages_are_without_what_policy_excludes_and_the_files_are_refused() {
    let world = World::with(releases()).await;
    for (policies, versions, refused) in [
        (&[][..], &["1.0", "2.0", "3.0"][..], &[][..]),
        (&["minimum-release-age = \"7d\""], &["1.0", "3.0"], &["2.0"]),
        (&["yanked = \"hide\"", "deny = [\"hello<2\"]"], &["2.0"], &["1.0"]),
        (&["yanked = \"refuse\""], &["1.0", "2.0"], &["3.0"]),
    ] {
        let client = under(&world, policies);
        let proxy = World::proxy_of(&client, &world.trusted).await;
        assert_eq!(offered(&proxy).await, versions, "{policies:?}");
        for version in ["1.0", "2.0", "3.0"] {
            let path = format!("/files/hello/hello-{version}-py3-none-any.whl");
            for path in [path.clone(), format!("{path}.metadata")] {
                let answer = get(proxy.address(), &path, &[]).await;
                let expected = if refused.contains(&version) { 409 } else { 200 };
                assert_eq!(answer.status, expected, "{policies:?} {path} {}", answer.reason);
                if expected == 409 {
                    assert!(answer.reason.contains("is not allowed by policy: "), "{}", answer.reason);
                }
            }
        }
        let rules: Vec<_> = proxy.refusals().into_iter().map(|refusal| refusal.rule).collect();
        assert_eq!(rules.len(), refused.len() * 2);
        assert!(
            rules.iter().all(|rule| rule.as_ref().is_some_and(|rule| rule.contains(" in policy-"))),
            "{rules:?}"
        );
    }
}

#[tokio::test]
async fn nothing_of_a_project_is_handed_out_unless_its_publisher_is_the_pinned_one() {
    let world = World::with(releases()).await;
    let pins = |key: &str| format!("[publishers]\n\"h*\" = [\"{key}\"]");
    let (right, wrong) = (pins(&world.repository.online_key_id()), pins(&"0f".repeat(32)));
    for (policies, passes) in [(&[right.as_str()][..], true), (&[&right, &wrong], false)] {
        let client = under(&world, policies);
        let proxy = World::proxy_of(&client, &world.trusted).await;
        let metadata = format!("{WHEEL}.metadata");
        for path in ["/simple/hello/", WHEEL, &metadata, "/pypi/hello/json", "/pypi/hello/1.0/json"] {
            let answer = get(proxy.address(), path, &[]).await;
            assert_eq!(answer.status, if passes { 200 } else { 409 }, "{path} {}", answer.reason);
            let told = answer.reason.contains("hello is not signed for as policy demands");
            assert_eq!(told, !passes, "{path} {}", answer.reason);
        }
        let rules: Vec<_> = proxy.refusals().into_iter().filter_map(|refusal| refusal.rule).collect();
        let rule = "publishers.\"h*\" in policy-1";
        assert!(rules.iter().all(|own| own == rule) && rules.is_empty() == passes, "{rules:?}");
    }
}

#[tokio::test]
async fn a_page_of_which_nothing_is_left_says_so() {
    let world = World::with(releases()).await;
    let client = under(&world, &["allow = [\"other\"]"]);
    let proxy = World::proxy_of(&client, &world.trusted).await;
    let answer = get(proxy.address(), "/simple/hello/", &[]).await;
    let words = "hello is not allowed by policy: all of its 3 files are left out, such as \
                 hello-3.0-py3-none-any.whl: it is not among what is allowed (allow in policy-0)";
    assert_eq!(
        (answer.status, answer.reason.as_str()),
        (409, format!("refused by sealdex: {words}").as_str())
    );
    let pip = get(proxy.address(), "/simple/hello/", &[PIP]).await;
    assert!(pip.header("content-type").unwrap().contains(words), "{pip:?}");
    let refusal = proxy.refusals().remove(0);
    assert_eq!(refusal.rule.as_deref(), Some("allow in policy-0"));
    assert_eq!((refusal.file, refusal.attack), (None, None));
    assert_eq!(get(proxy.address(), "/simple/absent/", &[]).await.status, 404);
}

/// An installer that kept a page must not go on with it under another policy, nor once a file is old enough.
#[tokio::test]
async fn a_page_with_other_files_has_another_etag() {
    let world = World::with(releases()).await;
    let mut etags = Vec::new();
    for policies in [&[][..], &["deny = [\"hello==2.0\"]"], &["deny = [\"hello==1.0\"]"]] {
        let proxy = World::proxy_of(&under(&world, policies), &world.trusted).await;
        let answer = get(proxy.address(), "/simple/hello/", &[]).await;
        let etag = answer.header("etag").unwrap().to_owned();
        assert_eq!(get(proxy.address(), "/simple/hello/", &[("if-none-match", &etag)]).await.status, 304);
        assert!(!etags.contains(&etag), "{etags:?}");
        etags.push(etag);
    }
}

#[tokio::test]
async fn what_policy_left_out_is_told_with_the_page() {
    let world = World::with(releases()).await;
    let client = under(&world, &["minimum-release-age = \"7d\""]);
    let (options, heard) = listening();
    let address = "127.0.0.1:0".parse().unwrap();
    let proxy = VerifyingProxy::start(&client, &world.trusted, address, options).await.unwrap();
    assert_eq!(get(proxy.address(), "/simple/hello/", &[]).await.status, 200);
    let page = pages(&heard).remove(0);
    assert_eq!(page.left_out.len(), 1);
    assert_eq!(page.left_out[0].file, "hello-2.0-py3-none-any.whl");
    assert_eq!(page.left_out[0].rule, "minimum-release-age = \"7d\" in policy-0");
}
