//! The logits of several networks for one set of images, and a cache of what is computed from them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::cache::{Cache, Key};
use super::ensemble;
use super::lens::{Lens, Level};
use super::view::View;
use crate::error::{ErrorCode, LabError, LabResult};
use crate::metrics::FidelityError;
use crate::weights::Role;

/// The cache drops its least recently used views beyond this size, or beyond `CACHE_VIEWS` views if that is less.
const CACHE_BYTES: usize = 128 << 20;
const CACHE_VIEWS: usize = 16;
/// How many ensembles one pass over their members computes: as many as the page shows, few enough to fit in memory together.
const N_AT_ONCE: usize = 5;

/// A view, and KL(view || student) for each student and image.
pub(super) type Against = (Rc<View>, Vec<Vec<f64>>);

/// What is known about a network besides its logits. It decides which networks can serve as controls and ceilings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct NetworkFacts {
    #[serde(default)]
    #[cfg_attr(feature = "browser", tsify(optional, type = "Role"))]
    pub role: Option<Role>,
    /// Networks of one kind share a family. Controls and ceilings come from the teachers' family.
    #[serde(default)]
    #[cfg_attr(feature = "browser", tsify(optional, type = "string"))]
    pub family: Option<String>,
    /// The names of a student's teachers; null or missing if unknown.
    #[serde(default)]
    #[cfg_attr(feature = "browser", tsify(optional, type = "string[] | null"))]
    pub taught_by: Option<Vec<String>>,
}

pub(super) struct StoredNetwork {
    /// Ids are never reused, so a removed network's cached views cannot be mistaken for another's.
    id: u32,
    pub name: String,
    /// `[n, n_classes]`
    pub logits: Rc<Vec<f32>>,
    pub facts: NetworkFacts,
}

/// Labels, and each network's logits by name.
///
/// Every question names networks, and sees them through a lens. It fails with `unknown_model` if no network has the name, and with
/// `bad_argument` if an ensemble has no member or names one twice, the temperature is out of range, or superclasses are requested
/// without 100 classes.
pub struct StoredLogits {
    n_classes: usize,
    labels: Vec<u8>,
    networks: Vec<StoredNetwork>,
    next_id: u32,
    cache: RefCell<Cache>,
}

impl StoredLogits {
    /// Takes the true class of each image.
    ///
    /// # Errors
    /// `bad_argument` if there are no images, if there are no classes or more than 256, or if a label is out of range.
    pub fn new(labels: Vec<u8>, n_classes: usize) -> LabResult<Self> {
        if labels.is_empty() {
            return Err(LabError::bad_argument(
                "there are no labels; there must be one for each of at least one image",
            ));
        }
        if !(1..=256).contains(&n_classes) {
            return Err(LabError::bad_argument(format!(
                "nClasses is {n_classes}; it must be from 1 to 256"
            )));
        }
        if let Some(&label) = labels.iter().find(|&&label| usize::from(label) >= n_classes) {
            return Err(LabError::bad_argument(
                FidelityError::Label { label, n_classes }.to_string(),
            ));
        }
        let of_logits = n_classes.saturating_mul(labels.len()).saturating_mul(4 * CACHE_VIEWS);
        let n_bytes = CACHE_BYTES.min(of_logits.saturating_mul(2));
        // This includes room for logits and for what is computed from the views.
        reserve(of_logits.saturating_add(n_bytes + n_bytes / 4));
        Ok(Self {
            n_classes,
            labels,
            networks: Vec::new(),
            next_id: 0,
            cache: RefCell::new(Cache::new(n_bytes)),
        })
    }

    /// Returns the number of images.
    pub fn n_images(&self) -> usize {
        self.labels.len()
    }

    /// Returns the number of fine classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Returns the networks' names in the order in which they were added.
    pub fn names(&self) -> Vec<String> {
        self.networks.iter().map(|network| network.name.clone()).collect()
    }

    /// Takes a network's logits `[n, n_classes]`.
    ///
    /// # Errors
    /// `name_taken`, or `bad_argument` if the number of values is wrong or a value is not finite.
    pub fn add(&mut self, name: &str, logits: Vec<f32>, facts: NetworkFacts) -> LabResult<()> {
        if self.find(name).is_some() {
            let message =
                format!("there are answers of a network named \"{name}\" already; remove them or choose another name");
            return Err(LabError::new(ErrorCode::NameTaken, message));
        }
        self.check_logits(name, &logits)?;
        self.networks.push(StoredNetwork {
            id: self.next_id,
            name: name.to_owned(),
            logits: Rc::new(logits),
            facts,
        });
        self.next_id += 1;
        Ok(())
    }

    /// Does the same as [`Self::add`], from f16 in little-endian bytes, as in `*.logits.f16`.
    ///
    /// # Errors
    /// The same as for [`Self::add`].
    pub fn add_f16(&mut self, name: &str, bytes: &[u8], facts: NetworkFacts) -> LabResult<()> {
        let expected = self.n_images() * self.n_classes * 2;
        if bytes.len() != expected {
            let (n, n_classes) = (self.n_images(), self.n_classes);
            return Err(LabError::bad_argument(format!(
                "the logits of \"{name}\" are {} bytes; as f16, {n} images of {n_classes} classes take {expected}",
                bytes.len()
            )));
        }
        let pairs = bytes.chunks_exact(2);
        let logits = pairs.map(|pair| half::f16::from_le_bytes([pair[0], pair[1]]).to_f32());
        self.add(name, logits.collect(), facts)
    }

    fn check_logits(&self, name: &str, logits: &[f32]) -> LabResult<()> {
        let (n_images, n_classes) = (self.n_images(), self.n_classes);
        if logits.len() != n_images * n_classes {
            return Err(LabError::bad_argument(format!(
                "the logits of \"{name}\" are {} values; {n_images} images of {n_classes} classes take {}",
                logits.len(),
                n_images * n_classes
            )));
        }
        match logits.iter().position(|z| !z.is_finite()) {
            Some(at) => {
                let fault = FidelityError::NotFinite {
                    image: at / n_classes,
                    class: at % n_classes,
                };
                Err(LabError::bad_argument(format!("the logits of \"{name}\": {fault}")))
            }
            None => Ok(()),
        }
    }

    /// Forgets a network.
    ///
    /// # Errors
    /// `unknown_model`.
    pub fn remove(&mut self, name: &str) -> LabResult<()> {
        let id = self.network(name)?.id;
        self.networks.retain(|network| network.id != id);
        self.cache.get_mut().forget(id);
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&StoredNetwork> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// Returns the networks sorted by name, so that a choice among them does not depend on the order of loading.
    pub(super) fn by_name(&self) -> Vec<&StoredNetwork> {
        let mut networks: Vec<&StoredNetwork> = self.networks.iter().collect();
        networks.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        networks
    }

    /// # Errors
    /// `unknown_model`.
    pub(super) fn network(&self, name: &str) -> LabResult<&StoredNetwork> {
        self.find(name).ok_or_else(|| {
            let message = format!("there are no answers of a network named \"{name}\"; add them first");
            LabError::new(ErrorCode::UnknownModel, message)
        })
    }

    /// Returns the true classes at the lens's level.
    pub(super) fn labels(&self, lens: Lens) -> Vec<u8> {
        self.labels.iter().map(|&label| lens.class_of(label)).collect()
    }

    /// # Errors
    /// `unknown_model`, or `bad_argument` if there are no members or one is named twice.
    pub(super) fn members(&self, names: &[String]) -> LabResult<Vec<&StoredNetwork>> {
        if names.is_empty() {
            return Err(LabError::bad_argument(
                "there is no teacher; an ensemble needs at least one member",
            ));
        }
        if let Some(twice) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
            return Err(LabError::bad_argument(format!(
                "\"{}\" is a member of the ensemble twice",
                names[twice]
            )));
        }
        names.iter().map(|name| self.network(name)).collect()
    }

    /// Returns the members in a fixed order, so that the last bits of a sum depend neither on the order of choice nor on that of loading.
    fn in_order(&self, names: &[String]) -> LabResult<Vec<&StoredNetwork>> {
        let mut members = self.members(names)?;
        members.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(members)
    }

    fn key(&self, names: &[String], lens: Lens) -> LabResult<Key> {
        let ids = self.in_order(names)?.iter().map(|network| network.id).collect();
        Ok(Key { ids, lens })
    }

    /// Returns what a network, or the ensemble of several, predicts through a lens.
    ///
    /// # Errors
    /// The same as for [`Self::members`] and [`Lens::check`].
    pub(super) fn view(&self, names: &[String], lens: Lens) -> LabResult<Rc<View>> {
        Ok(self.against(names, lens, &[])?.0)
    }

    /// # Errors
    /// The same as for [`Self::view`].
    pub(super) fn view_of(&self, name: &str, lens: Lens) -> LabResult<Rc<View>> {
        self.view(&[name.to_owned()], lens)
    }

    /// Returns the same as [`Self::view`], and KL(view || student) for each image and each student, seen through the same lens.
    ///
    /// # Errors
    /// The same as for [`Self::view`].
    pub(super) fn against(&self, names: &[String], lens: Lens, students: &[Rc<View>]) -> LabResult<Against> {
        lens.check(self.n_classes)?;
        let key = self.key(names, lens)?;
        let known = self.cache.borrow_mut().get(&key);
        if let Some(view) = known {
            let kl = self.kl(&view, students);
            return Ok((view, kl));
        }
        let (view, kl) = self.fresh(names, lens, students)?;
        Ok((self.cache.borrow_mut().put(key, view), kl))
    }

    /// Returns KL(view || student) for each student and image. The view may be in the cache.
    pub(super) fn kl(&self, view: &View, students: &[Rc<View>]) -> Vec<Vec<f64>> {
        let kl = view.kl(students);
        self.cache.borrow_mut().trim();
        kl
    }

    /// Does the same as [`Self::against`], but does not keep the view, for views that are used once.
    ///
    /// # Errors
    /// The same as for [`Self::view`].
    pub(super) fn fresh(
        &self,
        names: &[String],
        lens: Lens,
        students: &[Rc<View>],
    ) -> LabResult<(View, Vec<Vec<f64>>)> {
        let members = self.in_order(names)?;
        if lens.level == Level::Coarse {
            let view = View::coarse(&*self.view(names, lens.fine())?, lens, &self.labels(lens));
            let kl = view.kl(students);
            return Ok((view, kl));
        }
        if !lens.is_plain() {
            return Ok(View::soft(&self.view(names, Lens::PLAIN)?, lens.temperature, students));
        }
        if let [network] = members.as_slice() {
            let view = View::of_logits(&network.logits, self.n_classes, &self.labels);
            let kl = view.kl(students);
            return Ok((view, kl));
        }
        let views = self.plain_views(&members)?;
        let all = Vec::from_iter(0..views.len());
        let mut found = ensemble::views(&views, &[all], &self.labels, students);
        Ok(found.swap_remove(0))
    }

    fn plain_views(&self, members: &[&StoredNetwork]) -> LabResult<Vec<Rc<View>>> {
        let views = members.iter().map(|network| self.view_of(&network.name, Lens::PLAIN));
        views.collect()
    }

    /// Does the same as [`Self::against`] for the ensembles of the first 1, 2, ... names, one after the other.
    ///
    /// # Errors
    /// The same as for [`Self::view`].
    pub(super) fn of_sizes<T>(
        &self,
        names: &[String],
        lens: Lens,
        students: &[Rc<View>],
        mut see: impl FnMut(usize, &View, &[Vec<f64>]) -> T,
    ) -> LabResult<Vec<T>> {
        let mut found = Vec::with_capacity(names.len());
        let sizes = Vec::from_iter(1..=names.len());
        for sizes in sizes.chunks(N_AT_ONCE) {
            let mut of_new = self.new_sizes(names, sizes, if lens.is_plain() { students } else { &[] })?;
            for &size in sizes {
                let (view, kl) = match of_new.remove(&size) {
                    Some(of_size) if lens.is_plain() => of_size,
                    _ => self.against(&names[..size], lens, students)?,
                };
                found.push(see(size, &view, &kl));
            }
        }
        Ok(found)
    }

    /// Returns the plain ensembles of the first names that are not in the cache, by size, from one pass over their members.
    fn new_sizes(
        &self,
        names: &[String],
        sizes: &[usize],
        students: &[Rc<View>],
    ) -> LabResult<BTreeMap<usize, Against>> {
        let mut keys = Vec::new();
        for &size in sizes.iter().filter(|&&size| size > 1) {
            let key = self.key(&names[..size], Lens::PLAIN)?;
            if self.cache.borrow_mut().get(&key).is_none() {
                keys.push((size, key));
            }
        }
        let Some((largest, _)) = keys.last() else {
            return Ok(BTreeMap::new());
        };
        let members = self.in_order(&names[..*largest])?;
        let place = |id: &u32| members.iter().position(|network| network.id == *id);
        let of_key = |(_, key): &(usize, Key)| key.ids.iter().filter_map(place).collect();
        let ensembles: Vec<Vec<usize>> = keys.iter().map(of_key).collect();
        let found = ensemble::views(&self.plain_views(&members)?, &ensembles, &self.labels, students);
        let keep = |((size, key), (view, kl))| (size, (self.cache.borrow_mut().put(key, view), kl));
        Ok(keys.into_iter().zip(found).map(keep).collect())
    }
}

/// Makes the allocator claim this many bytes at once, if they are available. In WebAssembly it would otherwise claim memory in steps of
/// 64 KiB, and the engine may collect garbage at each step (V8 of Node 20: milliseconds each, most of a report's time). The pages are not
/// touched, so they take no memory yet.
fn reserve(bytes: usize) {
    let mut memory = Vec::<u8>::new();
    // If this fails, everything still works, only slower.
    let _ = memory.try_reserve_exact(bytes);
    std::hint::black_box(memory);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LABELS, logits};
    use super::*;

    /// Holds one network per letter, added in this order.
    fn stored(order: &str) -> StoredLogits {
        let mut stored = StoredLogits::new(LABELS.to_vec(), 100).unwrap();
        for name in order.chars() {
            let logits = logits(u32::from(name)).to_vec();
            stored.add(&name.to_string(), logits, NetworkFacts::default()).unwrap();
        }
        stored
    }

    fn names(names: &str) -> Vec<String> {
        names.chars().map(String::from).collect()
    }

    #[test]
    fn without_room_all_is_computed_anew_and_the_same() {
        let all = "abcdefghijkl";
        let (roomy, narrow) = (stored(all), stored(all));
        *narrow.cache.borrow_mut() = Cache::new(1);
        let lens = Lens {
            level: Level::Fine,
            temperature: 2.0,
        };
        for lens in [Lens::PLAIN, lens] {
            let ask = |stored: &StoredLogits| {
                let students = [stored.view_of("b", lens).unwrap()];
                let see = |_, view: &View, kl: &[Vec<f64>]| (view.figures.clone(), kl.to_vec());
                stored.of_sizes(&names(all), lens, &students, see).unwrap()
            };
            let sizes = ask(&roomy);
            assert_eq!(sizes.len(), 12);
            assert_eq!(ask(&narrow), sizes);
        }
    }

    #[test]
    fn neither_what_is_kept_nor_the_order_of_loading_changes_a_bit() {
        for level in [Level::Fine, Level::Coarse] {
            for temperature in [1.0, 0.7, 2.5] {
                let lens = Lens { level, temperature };
                let first = stored("abcde");
                let students = [first.view_of("e", lens).unwrap()];
                let see = |size: usize, view: &View, kl: &[Vec<f64>]| (size, view.figures.clone(), kl.to_vec());
                // Some are known before, some are not.
                first.view(&names("ac"), Lens::PLAIN).unwrap();
                let sizes = first.of_sizes(&names("cadb"), lens, &students, see).unwrap();
                assert_eq!(sizes.len(), 4);
                let other = stored("ebdca");
                let other_students = [other.view_of("e", lens).unwrap()];
                for (size, figures, kl) in &sizes {
                    let members = names(&"cadb"[..*size]);
                    let (fresh, fresh_kl) = other.against(&members, lens, &other_students).unwrap();
                    assert_eq!((&fresh.figures, &fresh_kl), (figures, kl), "{lens:?}, {members:?}");
                    let (kept, kept_kl) = other.against(&members, lens, &other_students).unwrap();
                    assert_eq!((&kept.figures, &kept_kl), (figures, kl), "{lens:?}, {members:?}, kept");
                }
            }
        }
    }
}
