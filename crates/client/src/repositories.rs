//! The repositories of one proxy, and which of them answers for which project.

use sealdex_simple::ProjectName;

use crate::bindings::Bindings;
use crate::error::Error;
use crate::name::{RepositoryName, RepositoryUrl, Sha256Digest};
use crate::trust::TrustedRepository;

/// Repositories that are used together. For every project exactly one of them answers, or none: never the next one where
/// the first has nothing. Who can publish in one of them cannot take a name of another's.
#[derive(Clone, Debug)]
pub struct Repositories {
    repositories: Vec<TrustedRepository>,
    bindings: Bindings,
    /// The place of the one for projects that are bound to none.
    rest: Option<usize>,
}

impl Repositories {
    /// All of these. Projects that are bound to none are for the one that `*` is bound to, and for nobody without such a
    /// binding. Where nothing is bound at all, the only one has all.
    ///
    /// # Errors
    /// [`Error::NoRepository`] without any; [`Error::AmbiguousRest`] where there are several and nothing is bound.
    pub fn new(mut repositories: Vec<TrustedRepository>, bindings: Bindings) -> Result<Self, Error> {
        if repositories.is_empty() {
            return Err(Error::NoRepository);
        }
        repositories.sort_by(|one, other| one.name().cmp(other.name()));
        let place = |name: &RepositoryName| repositories.iter().position(|own| own.name() == name);
        let rest = match (bindings.rest(), repositories.as_slice()) {
            (Some(name), _) => place(name),
            (None, _) if !bindings.is_empty() => None,
            (None, [_]) => Some(0),
            (None, several) => {
                return Err(Error::AmbiguousRest {
                    names: several.iter().map(|own| own.name().clone()).collect(),
                });
            }
        };
        Ok(Self { repositories, bindings, rest })
    }

    /// One alone, chosen by name: it is also the one for projects that are bound to none. Those that are bound to
    /// another repository by name are that one's all the same, and so not to be had.
    #[must_use]
    pub fn only(repository: TrustedRepository, bindings: Bindings) -> Self {
        Self { repositories: vec![repository], bindings, rest: Some(0) }
    }

    /// The repositories, by name.
    #[must_use]
    pub fn as_slice(&self) -> &[TrustedRepository] {
        &self.repositories
    }

    /// The one for projects that are bound to none.
    #[must_use]
    pub fn rest(&self) -> Option<&TrustedRepository> {
        self.repositories.get(self.rest?)
    }

    /// The one that answers for a project.
    ///
    /// # Errors
    /// [`Error::BoundElsewhere`], [`Error::Unbound`]: none of these does.
    pub fn for_project(&self, project: &ProjectName) -> Result<&TrustedRepository, Error> {
        let place = self.place_for(project)?;
        self.repositories.get(place).ok_or(Error::NoRepository)
    }

    /// Every index that one of them stands for.
    #[must_use]
    pub fn indexes(&self) -> Vec<RepositoryUrl> {
        self.repositories.iter().flat_map(TrustedRepository::indexes).collect()
    }

    /// A name for what comes from these repositories under these bindings, for folders: other bindings, another name.
    /// The repository's own where there is but one and nothing is bound.
    #[must_use]
    pub fn folder_name(&self) -> String {
        if let [only] = self.repositories.as_slice()
            && self.bindings.is_empty()
        {
            return only.name().to_string();
        }
        let mut text = String::new();
        for own in &self.repositories {
            text.push_str(&format!("{}\n", own.name()));
        }
        for (pattern, name) in self.bindings.iter() {
            text.push_str(&format!("{pattern} {name}\n"));
        }
        text.extend(self.rest().map(|rest| format!("rest {}\n", rest.name())));
        let digest = Sha256Digest::of(text.as_bytes()).to_string();
        // No repository can have a name with a plus sign.
        format!("bound+{}", digest.get(..16).unwrap_or_default())
    }

    /// The place of the one that answers for a project.
    ///
    /// # Errors
    /// [`Error::BoundElsewhere`], [`Error::Unbound`]: none of these does.
    pub(crate) fn place_for(&self, project: &ProjectName) -> Result<usize, Error> {
        if let Some((pattern, name)) = self.bindings.named(project) {
            let place = self.repositories.iter().position(|own| own.name() == name);
            return place.ok_or_else(|| Error::BoundElsewhere {
                project: project.to_string(),
                repository: name.clone(),
                pattern: pattern.clone(),
            });
        }
        self.rest.ok_or_else(|| Error::Unbound { project: project.to_string() })
    }

    /// Whether the repository at `place` is asked at `index`: it stands for that, or nobody does and it is the one for
    /// all others.
    pub(crate) fn is_asked_at(&self, place: usize, index: &RepositoryUrl) -> bool {
        let stands_for = |own: &TrustedRepository| own.indexes().contains(index);
        match self.repositories.get(place) {
            Some(own) if stands_for(own) => true,
            _ => !self.repositories.iter().any(stands_for) && self.rest == Some(place),
        }
    }
}

impl From<&TrustedRepository> for Repositories {
    /// One alone, for all projects.
    fn from(repository: &TrustedRepository) -> Self {
        Self::only(repository.clone(), Bindings::default())
    }
}

impl From<&Self> for Repositories {
    fn from(repositories: &Self) -> Self {
        repositories.clone()
    }
}
