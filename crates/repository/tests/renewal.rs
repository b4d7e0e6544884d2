//! Metadata is renewed long before it expires, a little at a time.

mod support;

use std::time::Duration;

use sealdex_repository::layout::BinStyle;
use sealdex_repository::{Layout, Settings};
use sealdex_tuf::Clock;
use support::{Judge, World, add_wheel, wheel};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn an_idle_repository_stays_fresh() {
    let mut settings = Settings::new(Layout::pep458(BinStyle::Succinct, 6).unwrap());
    settings.expiry.timestamp = "2 days".parse().unwrap();
    let world = World::with_settings(settings).await;
    let wheel = wheel("six", "1.0");
    add_wheel(&world.repository, &wheel).await.unwrap();
    let mut writer = world.writer().await;
    writer.publish_pending().await.unwrap().unwrap();
    assert!(writer.renew().await.unwrap().is_none(), "nothing is due yet");
    let (mut most, mut bins) = (0, 0);
    let mut before = world.versions();
    for _ in 0..350 {
        world.clock.advance(DAY);
        while writer.renew().await.unwrap().is_some() {}
        let after = world.versions();
        let renewed = after.iter().filter(|(name, version)| before[name.as_str()] != **version).count();
        most = most.max(renewed);
        bins += renewed;
        before = after;
        world.judge();
    }
    assert_eq!(world.judge().target(&format!("files/six/{}", wheel.file_name)).unwrap(), wheel.bytes);
    // 128 bins of 90 days, each renewed after 30 to 60 of them, for 350 days.
    assert!((128 * 5..128 * 13).contains(&bins), "{bins} renewals");
    assert!(most < 40, "{most} of 128 bins were renewed at once");
}

#[tokio::test]
async fn after_a_long_absence_everything_is_renewed_in_portions() {
    let world = World::new(Layout::pep458(BinStyle::Succinct, 8).unwrap()).await;
    let mut writer = world.writer().await;
    world.clock.advance(DAY * 100);
    assert!(Judge::new(world.repository.directory(), world.clock.now()).is_err());
    let mut portions = 0;
    while writer.renew().await.unwrap().is_some() {
        portions += 1;
    }
    assert_eq!(portions, 6, "512 bins, 96 at a time");
    assert_eq!(world.judge().target("simple/six/index.json"), None);
}
