//! What the session knows of the world: a table of facts that only grows. A look-up that misses records one request
//! and stays pending; a fact is asked for once, however many want it. Nothing here decides anything, so the order of
//! the replies leaves no trace.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::Poll;

use wit::guest::exports::wasi_pm::resolver::resolution::{
    Answer, CustomRequest, LocalRequest, Metadata, MetadataRequest, NumberedRequest, Reply, Request, ResolvedPackage,
    Unavailable, UnavailableReason,
};
use wit::guest::wasi_pm::resolver::types::PackageVersion;

use crate::intern::{NumberMap, Symbol, map_of_packages};
use crate::manifest::Manifest;
use crate::pick::{Packument, PackumentParts};

/// Whose versions: a name in a registry, abbreviated or full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackumentKey {
    /// The name in the registry.
    pub name: Symbol,
    /// A named registry; `None`: the one that name and scope lead to.
    pub registry: Option<Symbol>,
    /// With publish times and libc.
    pub full: bool,
}

/// How a packument is asked for.
#[derive(Debug, Clone, Default)]
pub struct Want {
    /// The version whose manifest is best sent along, or how it begins.
    pub version: Option<String>,
    /// Only a prefetch.
    pub likely: bool,
}

/// What else a manifest's specifier may lead to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// A git specifier.
    Git(String),
    /// The address of a tarball.
    Tarball(String),
    /// A folder or tarball on the user's disk: importer and path.
    Local(String, String),
    /// What a plugin may resolve: alias and specifier.
    Custom(String, String),
}

/// The reply that a look-up waits for; none at first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waits(u32);

/// Manifests by version.
type Carried = Vec<(String, Vec<u8>)>;

type Known<T> = Result<Rc<T>, Rc<Unavailable>>;

#[derive(Debug)]
enum Fact<T> {
    /// By the request of this number.
    Asked(u32),
    Known(Known<T>),
}

#[derive(Debug, Clone)]
enum Question {
    Packument(PackumentKey, String),
    Manifest(PackumentKey, Symbol),
    Place(Place),
}

/// The table of facts of one session.
#[derive(Debug)]
pub struct Facts {
    packuments: RefCell<NumberMap<PackumentKey, Fact<Packument>>>,
    manifests: RefCell<NumberMap<(PackumentKey, Symbol), Fact<Manifest>>>,
    /// Manifests that came along with a packument, not read yet.
    carried: RefCell<NumberMap<PackumentKey, Carried>>,
    places: RefCell<HashMap<Place, Fact<ResolvedPackage>>>,
    open: RefCell<NumberMap<u32, Question>>,
    outbox: RefCell<Vec<NumberedRequest>>,
    last_id: Cell<u32>,
    missed: Cell<u32>,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            packuments: RefCell::new(map_of_packages()),
            manifests: RefCell::new(map_of_packages()),
            carried: RefCell::new(map_of_packages()),
            places: RefCell::default(),
            open: RefCell::default(),
            outbox: RefCell::default(),
            last_id: Cell::default(),
            missed: Cell::default(),
        }
    }
}

impl Facts {
    /// The versions of a package.
    pub fn packument(
        &self,
        key: PackumentKey,
        want: impl FnOnce() -> Want,
        text: impl Fn(Symbol) -> Rc<str>,
    ) -> Poll<Known<Packument>> {
        match self.packuments.borrow().get(&key) {
            Some(Fact::Known(known)) => return Poll::Ready(known.clone()),
            Some(Fact::Asked(id)) => return self.miss(*id),
            None => {}
        }
        let want = want();
        let request = Request::Metadata(MetadataRequest {
            name: (*text(key.name)).to_owned(),
            registry: key.registry.map(|registry| (*text(registry)).to_owned()),
            full: key.full,
            wanted: want.version,
            likely: want.likely,
        });
        let id = self.ask(Question::Packument(key, (*text(key.name)).to_owned()), request);
        self.packuments.borrow_mut().insert(key, Fact::Asked(id));
        self.miss(id)
    }

    /// The versions of a package, if they are known already.
    pub fn known_packument(&self, key: PackumentKey) -> Option<Rc<Packument>> {
        match self.packuments.borrow().get(&key) {
            Some(Fact::Known(Ok(packument))) => Some(Rc::clone(packument)),
            _ => None,
        }
    }

    /// The manifest of one version: from the packument if it carried it, else by request.
    pub fn manifest(
        &self,
        key: PackumentKey,
        version: Symbol,
        text: impl Fn(Symbol) -> Rc<str>,
    ) -> Poll<Known<Manifest>> {
        match self.manifests.borrow().get(&(key, version)) {
            Some(Fact::Known(known)) => return Poll::Ready(known.clone()),
            Some(Fact::Asked(id)) => return self.miss(*id),
            None => {}
        }
        if let Some(json) = self.take_carried(key, &text(version)) {
            let known = read_manifest(&json);
            self.manifests.borrow_mut().insert((key, version), Fact::Known(known.clone()));
            return Poll::Ready(known);
        }
        let request = Request::Manifest(PackageVersion {
            name: (*text(key.name)).to_owned(),
            registry: key.registry.map(|registry| (*text(registry)).to_owned()),
            version: (*text(version)).to_owned(),
        });
        let id = self.ask(Question::Manifest(key, version), request);
        self.manifests.borrow_mut().insert((key, version), Fact::Asked(id));
        self.miss(id)
    }

    /// What is behind a specifier that no registry vouches for.
    pub fn place(&self, place: &Place) -> Poll<Known<ResolvedPackage>> {
        match self.places.borrow().get(place) {
            Some(Fact::Known(known)) => return Poll::Ready(known.clone()),
            Some(Fact::Asked(id)) => return self.miss(*id),
            None => {}
        }
        let request = match place {
            Place::Git(specifier) => Request::Git(specifier.clone()),
            Place::Tarball(address) => Request::Tarball(address.clone()),
            Place::Local(importer, path) => {
                Request::Local(LocalRequest { importer: importer.clone(), path: path.clone() })
            }
            Place::Custom(alias, specifier) => {
                Request::Custom(CustomRequest { alias: alias.clone(), specifier: specifier.clone() })
            }
        };
        let id = self.ask(Question::Place(place.clone()), request);
        self.places.borrow_mut().insert(place.clone(), Fact::Asked(id));
        self.miss(id)
    }

    /// Takes a reply; one to a number that is not open is ignored.
    pub fn accept(&self, reply: Reply) {
        let Some(question) = self.open.borrow_mut().remove(&reply.id) else { return };
        match question {
            Question::Packument(key, name) => {
                let known = match reply.answer {
                    Answer::Metadata(metadata) => Ok(Rc::new(self.packument_of(key, metadata, name))),
                    other => Err(refused(other)),
                };
                self.packuments.borrow_mut().insert(key, Fact::Known(known));
            }
            Question::Manifest(key, version) => {
                let known = match reply.answer {
                    Answer::Manifest(json) => read_manifest(&json),
                    other => Err(refused(other)),
                };
                self.manifests.borrow_mut().insert((key, version), Fact::Known(known));
            }
            Question::Place(place) => {
                let known = match reply.answer {
                    Answer::Resolved(package) => Ok(Rc::new(package)),
                    other => Err(refused(other)),
                };
                self.places.borrow_mut().insert(place, Fact::Known(known));
            }
        }
    }

    /// The requests recorded since the last call, in order.
    pub fn take_requests(&self) -> Vec<NumberedRequest> {
        std::mem::take(&mut *self.outbox.borrow_mut())
    }

    /// Whether any request has no reply yet.
    pub fn has_open(&self) -> bool {
        !self.open.borrow().is_empty()
    }

    /// Looks something up, and remembers in `waits` for which reply it waits: before that has come, looking again
    /// finds nothing new and is left out.
    pub fn look<T>(&self, waits: &mut Waits, look: impl FnOnce() -> Poll<T>) -> Poll<T> {
        if self.open.borrow().contains_key(&waits.0) {
            return Poll::Pending;
        }
        self.missed.set(0);
        let found = look();
        waits.0 = self.missed.get();
        found
    }

    fn packument_of(&self, key: PackumentKey, metadata: Metadata, name: String) -> Packument {
        if !metadata.manifests.is_empty() {
            self.carried.borrow_mut().insert(key, metadata.manifests);
        }
        Packument::new(PackumentParts {
            name,
            versions: metadata.versions,
            dist_tags: metadata.dist_tags,
            times: metadata.times,
            modified: metadata.modified,
            full: metadata.full,
            deprecated: metadata.deprecated,
            trust: metadata.trust,
        })
    }

    fn take_carried(&self, key: PackumentKey, version: &str) -> Option<Vec<u8>> {
        let mut carried = self.carried.borrow_mut();
        let held = carried.get_mut(&key)?;
        // The last one counts, should a host send one twice.
        let at = held.iter().rposition(|(of, _)| of == version)?;
        Some(held.swap_remove(at).1)
    }

    fn miss<T>(&self, id: u32) -> Poll<T> {
        self.missed.set(id);
        Poll::Pending
    }

    fn ask(&self, question: Question, request: Request) -> u32 {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        self.open.borrow_mut().insert(id, question);
        self.outbox.borrow_mut().push(NumberedRequest { id, request });
        id
    }
}

fn read_manifest(json: &[u8]) -> Known<Manifest> {
    Manifest::parse_published(json)
        .map(Rc::new)
        .map_err(|error| Rc::new(invalid(format!("its manifest cannot be read: {error}"))))
}

fn refused(answer: Answer) -> Rc<Unavailable> {
    Rc::new(match answer {
        Answer::Unavailable(unavailable) => unavailable,
        _ => invalid("the reply does not fit the request".to_owned()),
    })
}

fn invalid(detail: String) -> Unavailable {
    Unavailable { reason: UnavailableReason::Invalid, url: None, status: None, detail: Some(detail) }
}

#[cfg(test)]
mod tests;
