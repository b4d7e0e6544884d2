//! Several repositories behind one proxy: each project is taken from the one it is bound to, and from no other.

use std::sync::Arc;

use jiff::Timestamp;
use sealdex_client::{
    Bindings, Client, Error, Interposition, ProjectPattern, ProxyOptions, Repositories, RepositoryUrl,
    TrustStore, TrustedRepository, VerifyingProxy,
};
use sealdex_testkit::archive::Archive;
use sealdex_testkit::hostile::{Behaviour, Paths};
use sealdex_testkit::wheel::WheelBuilder;

use crate::installers::{BOTH, Installer};
use crate::support::{TestRepository, World, client, get, name};

/// A company with projects of its own, and a public index in which somebody has taken their names.
struct Two {
    company: World,
    public: World,
    client: Client,
}

fn wheel(project: &str, version: &str, requires: &[&str]) -> Archive {
    let builder = WheelBuilder::new(project, version);
    requires.iter().fold(builder, |builder, requirement| builder.requires(requirement)).build()
}

impl Two {
    async fn new() -> Self {
        let mut company = TestRepository::new();
        company.add("acme-tools", &wheel("acme-tools", "1.0", &["shared", "acme-base"]));
        company.add("acme-base", &wheel("acme-base", "1.0", &[]));
        company.add("shared", &wheel("shared", "0.1", &[]));
        company.publish();
        let mut public = TestRepository::new();
        for project in ["acme-tools", "acme-base", "acme-new"] {
            public.add(project, &wheel(project, "9.0", &[]));
        }
        public.add("shared", &wheel("shared", "2.0", &[]));
        public.publish();
        let (company, public) = (World::with(company).await, World::with(public).await);
        let client = client(company.home.path(), Arc::new(Timestamp::now));
        Self { company, public, client }
    }

    /// Both in one store, as `company` and `public`.
    async fn trusted(&self) -> [TrustedRepository; 2] {
        let store = TrustStore::open(self.company.home.path().join("both")).unwrap();
        let mut trusted = Vec::new();
        for (own, world) in [("company", &self.company), ("public", &self.public)] {
            let url = RepositoryUrl::parse(&world.server.url()).unwrap();
            let root = sealdex_client::InitialTrust::Root(world.repository.root().to_vec());
            trusted.push(store.add(&self.client, &name(own), &url, &root).await.unwrap());
        }
        self.company.server.clear_requests();
        self.public.server.clear_requests();
        trusted.try_into().unwrap()
    }

    async fn proxy(&self, repositories: Repositories) -> VerifyingProxy {
        let address = "127.0.0.1:0".parse().unwrap();
        VerifyingProxy::start(&self.client, repositories, address, ProxyOptions::default()).await.unwrap()
    }

    fn public_was_asked_for(&self, text: &str) -> bool {
        self.public.server.requests().iter().any(|request| request.target.contains(text))
    }
}

fn bindings(lines: &[(&str, &str)]) -> Bindings {
    let mut bindings = Bindings::default();
    for (pattern, repository) in lines {
        bindings.bind(&name(repository), [ProjectPattern::parse(pattern).unwrap()]);
    }
    bindings
}

#[tokio::test(flavor = "multi_thread")]
async fn each_project_comes_from_the_one_it_is_bound_to() {
    let two = Two::new().await;
    let bindings = bindings(&[("acme-*", "company"), ("*", "public")]);
    let proxy = two.proxy(Repositories::new(two.trusted().await.into(), bindings).unwrap()).await;
    let page = |path: &'static str| get(proxy.address(), path, &[]);
    assert!(page("/simple/acme-tools/").await.text().contains("acme_tools-1.0-py3"));
    assert!(page("/simple/shared/").await.text().contains("shared-2.0-py3"));
    let wheel = get(proxy.address(), "/files/acme-base/acme_base-1.0-py3-none-any.whl", &[]).await;
    assert_eq!(wheel.status, 200);
    // The company does not have it. Who has taken the name elsewhere is not even asked.
    assert_eq!(page("/simple/acme-new/").await.status, 404);
    assert_eq!(get(proxy.address(), "/files/acme-new/acme_new-9.0-py3-none-any.whl", &[]).await.status, 404);
    assert_eq!(
        get(proxy.address(), "/files/acme-base/acme_base-9.0-py3-none-any.whl", &[]).await.status,
        404
    );
    assert!(!two.public_was_asked_for("acme"), "{:?}", two.public.server.requests());
    assert_eq!(proxy.refusals(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn installers_take_dependencies_from_where_they_belong() {
    let two = Two::new().await;
    let bindings = bindings(&[("acme-*", "company"), ("*", "public")]);
    let repositories = Repositories::new(two.trusted().await.into(), bindings).unwrap();
    for installer in BOTH {
        let proxy = two.proxy(repositories.clone()).await;
        let (environment, output, _folder) = installer.run(&proxy, &["Acme_Tools"]).await;
        output.expect_success();
        let code =
            "import acme_tools as t, acme_base as b, shared as s; print(t.VERSION, b.VERSION, s.VERSION)";
        assert_eq!(environment.evaluate(code), "1.0 1.0 2.0");
    }
    assert!(!two.public_was_asked_for("acme"));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_owner_is_away_nobody_takes_its_place() {
    let two = Two::new().await;
    let bindings = bindings(&[("acme-*", "company"), ("*", "public")]);
    let repositories = Repositories::new(two.trusted().await.into(), bindings).unwrap();
    two.company.server.set(Paths::All, Behaviour::Status(502));
    for installer in BOTH {
        let proxy = two.proxy(repositories.clone()).await;
        let (_, output, _folder) = installer.run(&proxy, &["acme-tools"]).await;
        let output = output.expect_failure();
        assert!(output.text().contains("status 502"), "{}", output.report());
        let (environment, output, _folder) = installer.run(&proxy, &["shared"]).await;
        output.expect_success();
        assert_eq!(environment.evaluate("import shared; print(shared.VERSION)"), "2.0");
    }
    assert!(!two.public_was_asked_for("acme"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chosen_by_name_does_not_get_what_is_bound_to_another() {
    let two = Two::new().await;
    let [_, public] = two.trusted().await;
    let own = bindings(&[("acme-*", "company"), ("*", "company")]);
    let proxy = two.proxy(Repositories::only(public, own)).await;
    let (_, output, _folder) = Installer::Uv.run(&proxy, &["acme-tools"]).await;
    let output = output.expect_failure();
    let said = "acme-tools is bound to the repository company (by acme-*), and is taken from no other";
    assert!(output.text().contains(said), "{}", output.report());
    assert_eq!(get(proxy.address(), "/simple/shared/", &[]).await.status, 200);
    assert!(!two.public_was_asked_for("acme"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_must_be_clear_whose_a_project_is() {
    let two = Two::new().await;
    let [company, public] = two.trusted().await;
    let both = || vec![company.clone(), public.clone()];
    let ambiguous = Repositories::new(both(), Bindings::default());
    assert!(matches!(ambiguous, Err(Error::AmbiguousRest { names }) if names.len() == 2));
    assert!(matches!(Repositories::new(Vec::new(), Bindings::default()), Err(Error::NoRepository)));

    // Who has all others is said, and not found out; nor does anybody inherit from one that is gone.
    let gone = ("shared", "gone");
    for strict in [&[("acme-*", "company"), gone, ("*", "gone")][..], &[("acme-*", "company"), gone]] {
        let proxy = two.proxy(Repositories::new(both(), bindings(strict)).unwrap()).await;
        for (path, reason) in [
            ("/simple/shared/", "shared is bound to the repository gone (by shared)"),
            ("/simple/other/", "other is bound to no repository, and none has all others"),
        ] {
            let refused = get(proxy.address(), path, &[]).await;
            assert!(refused.status == 409 && refused.reason.contains(reason), "{refused:?}");
        }
    }
    let alone = |lines| Repositories::new(vec![public.clone()], bindings(lines)).unwrap();
    assert!(alone(&[("acme-*", "public")]).rest().is_none() && alone(&[]).rest().is_some());
    assert!(two.public.server.requests().is_empty());
}

/// Under other bindings, what installers have cached may be another repository's.
#[tokio::test(flavor = "multi_thread")]
async fn caches_of_installers_are_apart_where_bindings_are() {
    let two = Two::new().await;
    let [company, public] = two.trusted().await;
    let folder = |lines: &[(&str, &str)]| {
        Repositories::new(vec![company.clone(), public.clone()], bindings(lines)).unwrap().folder_name()
    };
    let names = [
        folder(&[("acme-*", "company")]),
        folder(&[("acme-*", "public")]),
        folder(&[("acme-*", "company"), ("*", "public")]),
        Repositories::only(company.clone(), bindings(&[("acme-*", "company")])).folder_name(),
        Repositories::from(&company).folder_name(),
    ];
    let mut different = names.to_vec();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), names.len(), "{names:?}");
    assert_eq!(names[4], "company");
    assert!(names[..4].iter().all(|name| name.contains('+')), "{names:?}");
}

/// Tools that ask one index after the other find a project at the index that it belongs to, and at no other.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_run_each_index_has_the_projects_of_its_own_repository() {
    let two = Two::new().await;
    let bindings = bindings(&[("acme-*", "company"), ("*", "public")]);
    let repositories = Repositories::new(two.trusted().await.into(), bindings).unwrap();
    let indexes = repositories.indexes();
    let extra = RepositoryUrl::parse("http://index.example/simple/").unwrap();
    let also: Vec<_> = indexes.iter().cloned().chain([extra.clone()]).collect();
    let interposition = Interposition::new(Timestamp::now(), also, Vec::new()).unwrap();
    let options = ProxyOptions::default().interpose(interposition);
    let address = "127.0.0.1:0".parse().unwrap();
    let proxy = VerifyingProxy::start(&two.client, repositories, address, options).await.unwrap();
    let password = proxy.proxy_url();
    let password = password.strip_prefix("http://").unwrap().split('@').next().unwrap();
    use base64::Engine as _;
    let login = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(password));
    let at = |index: &RepositoryUrl, project: &str| format!("{index}{project}/");
    let [company, public] = [&indexes[0], &indexes[1]];
    for (url, expected) in [
        (at(company, "acme-tools"), 200),
        (at(public, "acme-tools"), 404),
        (at(&extra, "acme-tools"), 404),
        (at(public, "shared"), 200),
        // Nobody stands for it but the one that has all others.
        (at(&extra, "shared"), 200),
        (at(company, "shared"), 404),
    ] {
        let answer = get(proxy.address(), &url, &[("proxy-authorization", &login)]).await;
        assert_eq!(answer.status, expected, "{url} {answer:?}");
    }
    assert_eq!(proxy.refusals(), []);
    assert!(!two.public_was_asked_for("acme"));
    // What was nowhere asked for where it is, and nothing else, is known to be so.
    assert_eq!(proxy.misplaced(), []);
    get(proxy.address(), &at(public, "acme-base"), &[("proxy-authorization", &login)]).await;
    let [misplaced] = proxy.misplaced().try_into().unwrap();
    assert_eq!(misplaced.project.unwrap().as_str(), "acme-base");
    assert!(misplaced.message.contains(&format!("belongs to company, which does not stand for {public}")));
    assert!(misplaced.hint.contains(&format!("sealdex trust stands-for company {public};")));
}
