//! What a page says, to real pip and real uv: yanked files, the Python that is required, upload times.

use sealdex_simple::Yanked;
use sealdex_testkit::hostile::Paths;
use sealdex_testkit::wheel::WheelBuilder;
use serde_json::Value;

use crate::installers::{BOTH, Installer};
use crate::support::{TestRepository, World, get, project};

/// Releases 1.0, 2.0 (half a year later), 3.0 (for a Python that there is not) and 4.0 (yanked).
async fn releases() -> World {
    let mut repository = TestRepository::new();
    for version in ["1.0", "2.0", "3.0", "4.0"] {
        repository.add("many", &WheelBuilder::new("many", version).build());
    }
    repository.change_page(&project("many"), |page| {
        for file in &mut page.files {
            let release = file.filename.as_str().split('-').nth(1).unwrap();
            let month = if release == "1.0" { "01" } else { "07" };
            file.upload_time = Some(format!("2025-{month}-01T00:00:00.000000Z"));
            match release {
                "3.0" => file.requires_python = Some(">=99".to_owned()),
                "4.0" => file.yanked = Yanked::Reason("broken".to_owned()),
                _ => {}
            }
        }
    });
    repository.publish();
    World::with(repository).await
}

#[tokio::test(flavor = "multi_thread")]
async fn installers_choose_by_what_the_signed_page_says() {
    let world = releases().await;
    let proxy = world.proxy().await;
    for installer in BOTH {
        let before = match installer {
            Installer::Pip => "--uploaded-prior-to=2025-03-01T00:00:00Z",
            Installer::Uv => "--exclude-newer=2025-03-01T00:00:00Z",
        };
        for (arguments, version) in
            [(&["many"][..], "2.0"), (&[before, "many"], "1.0"), (&["many==4.0"], "4.0")]
        {
            let (environment, output, _folder) = installer.run(&proxy, arguments).await;
            let output = output.expect_success();
            assert_eq!(environment.evaluate("import many; print(many.VERSION)"), version, "{arguments:?}");
            assert_eq!(output.text().contains("broken"), version == "4.0", "{}", output.report());
        }
    }
    assert_eq!(proxy.refusals(), []);
}

/// pip with `--require-hashes`, which every page must serve with a hash that counts.
#[tokio::test(flavor = "multi_thread")]
async fn required_hashes_are_those_of_the_signed_page() {
    let world = releases().await;
    let proxy = world.proxy().await;
    let folder = tempfile::tempdir().unwrap();
    let wheel = WheelBuilder::new("many", "2.0").build();
    for (digest, succeeds) in [(wheel.sha256(), true), ("0".repeat(64), false)] {
        let file = folder.path().join("requirements.txt");
        std::fs::write(&file, format!("many==2.0 --hash=sha256:{digest}\n")).unwrap();
        for installer in BOTH {
            let (_, output, _folder) =
                installer.run(&proxy, &["--require-hashes", "-r", file.to_str().unwrap()]).await;
            assert_eq!(output.code() == Some(0), succeeds, "{}", output.report());
        }
    }
}

#[tokio::test]
async fn what_is_known_of_a_release_is_made_of_verified_data() {
    let world = World::new().await;
    let proxy = world.proxy().await;
    for path in ["/pypi/hello/json", "/pypi/Hello/1.0/json"] {
        let answer = get(proxy.address(), path, &[]).await;
        let document: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(document["info"]["requires_dist"][0], "helper");
        let url = document["urls"][0]["url"].as_str().unwrap();
        let file = url.strip_prefix(&format!("http://{}", proxy.address())).unwrap();
        assert_eq!(get(proxy.address(), file, &[]).await.status, 200, "{url}");
    }
    for path in ["/pypi/hello/2.0/json", "/pypi/absent/json", "/pypi/hello/"] {
        assert_eq!(get(proxy.address(), path, &[]).await.status, 404, "{path}");
    }
    // The dependencies are those that the signed page vouches for.
    let changed = world.client_with(|_| {});
    world.server.set(Paths::ending_with(".metadata"), sealdex_testkit::hostile::Behaviour::CorruptByte(30));
    let proxy = World::proxy_of(&changed, &world.trusted).await;
    let refused = get(proxy.address(), "/pypi/hello/json", &[]).await;
    assert!(refused.status == 409 && refused.reason.contains("wrong software attack"), "{refused:?}");
}
