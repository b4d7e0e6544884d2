//! Which projects people install.

use crate::numbers::{exp, floor, ln, normal_cumulative, normal_quantile};
use crate::population::{Population, topic};

/// How closely popularity follows the number of releases: the correlation of their normal deviates.
const CORRELATION: f64 = 0.7;

impl Population {
    /// The project of a rank by popularity; 0 is the most popular. Popular projects tend to have many releases. Some
    /// projects have several ranks and some none: what matters is how often which kind of project is chosen.
    #[must_use]
    pub fn popular(&self, rank: u32) -> u32 {
        let projects = f64::from(self.projects());
        let popularity = -normal_quantile((f64::from(rank.min(self.projects() - 1)) + 0.5) / projects);
        let own = self.random(&[topic::POPULARITY, rank.into()]).normal();
        let z = CORRELATION * popularity + (1.0 - CORRELATION * CORRELATION).sqrt() * own;
        self.by_releases(floor(normal_cumulative(z) * projects))
    }

    /// The projects of one installation, each once: chosen by Zipf's law, the one of rank n as often as 1/n. `sample`
    /// tells installations apart.
    #[must_use]
    pub fn install(&self, packages: u32, sample: u64) -> Vec<u32> {
        let packages = packages.min(self.projects());
        let mut random = self.random(&[topic::INSTALL, sample]);
        let ranks = f64::from(self.projects()) + 1.0;
        let mut chosen = Vec::new();
        let mut tries = 0_u32;
        while chosen.len() < packages as usize {
            // In a small index some are never popular: then anyone will do.
            let project = if tries < 64 * packages {
                let rank = floor(exp(random.unit() * ln(ranks)));
                self.popular(u32::try_from(rank).unwrap_or(1).saturating_sub(1))
            } else {
                tries % self.projects()
            };
            tries += 1;
            if !chosen.contains(&project) {
                chosen.push(project);
            }
        }
        chosen
    }
}
