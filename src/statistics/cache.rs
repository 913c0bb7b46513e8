//! Keeps computed views while there is room.

use std::rc::Rc;

use super::lens::Lens;
use super::view::View;

/// Cache key: the networks and the lens. The networks of an ensemble are in the order in which they are summed.
#[derive(PartialEq)]
pub(super) struct Key {
    pub ids: Vec<u32>,
    pub lens: Lens,
}

pub(super) struct Cache {
    n_bytes: usize,
    /// Sorted by use; the least recently used view is first.
    views: Vec<(Key, Rc<View>)>,
}

impl Cache {
    /// Drops the least recently used views beyond this size.
    pub fn new(n_bytes: usize) -> Self {
        let views = Vec::new();
        Self { n_bytes, views }
    }

    pub fn get(&mut self, key: &Key) -> Option<Rc<View>> {
        let view = self.use_now(|known| known == key)?;
        // Using a view also uses its sources, so that they are dropped after it. Otherwise they would stay in memory uncounted.
        let plain = |known: &Key| known.lens.is_plain();
        self.use_now(|known| plain(known) && known.ids == key.ids);
        for id in &key.ids {
            self.use_now(|known| plain(known) && known.ids == [*id]);
        }
        Some(view)
    }

    fn use_now(&mut self, is_it: impl Fn(&Key) -> bool) -> Option<Rc<View>> {
        let at = self.views.iter().position(|(known, _)| is_it(known))?;
        let entry = self.views.remove(at);
        let view = Rc::clone(&entry.1);
        self.views.push(entry);
        Some(view)
    }

    pub fn put(&mut self, key: Key, view: View) -> Rc<View> {
        let view = Rc::new(view);
        self.views.push((key, Rc::clone(&view)));
        self.trim();
        view
    }

    /// Drops what there is no room for, also after a view has grown.
    pub fn trim(&mut self) {
        while self.views.len() > 1 && self.bytes() > self.n_bytes {
            self.views.remove(0);
        }
    }

    pub fn forget(&mut self, id: u32) {
        self.views.retain(|(key, _)| !key.ids.contains(&id));
    }

    fn bytes(&self) -> usize {
        self.views.iter().map(|(_, view)| view.bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LABELS, logits};
    use super::*;

    fn key(id: u32) -> Key {
        let (ids, lens) = (vec![id], Lens::PLAIN);
        Key { ids, lens }
    }

    fn view(seed: u32) -> View {
        View::of_logits(&logits(seed), 100, &LABELS)
    }

    #[test]
    fn what_was_used_last_stays() {
        let one = view(0).bytes();
        let mut cache = Cache::new(2 * one + one / 2);
        for id in 0..2 {
            cache.put(key(id), view(id));
        }
        assert!(cache.get(&key(0)).is_some());
        cache.put(key(2), view(2));
        assert!(cache.get(&key(1)).is_none() && cache.get(&key(0)).is_some());
        assert_eq!(cache.bytes(), 2 * one);
        cache.forget(0);
        assert!(cache.get(&key(0)).is_none() && cache.get(&key(2)).is_some());
    }

    #[test]
    fn a_view_too_large_for_all_room_is_kept_alone() {
        let mut cache = Cache::new(1);
        cache.put(key(0), view(0));
        assert!(cache.get(&key(0)).is_some());
        cache.put(key(1), view(1));
        assert!(cache.get(&key(0)).is_none() && cache.get(&key(1)).is_some());
    }

    #[test]
    fn an_ensemble_goes_before_its_members_and_counts_as_it_grows() {
        let members = [0, 1].map(|id| Rc::new(view(id)));
        let ensemble = || {
            let mut found = super::super::ensemble::views(&members, &[vec![0, 1]], &LABELS, &[]);
            found.swap_remove(0).0
        };
        let (one, both) = (view(0).bytes(), ensemble().bytes());
        let mut cache = Cache::new(2 * one + both);
        for id in 0..2 {
            cache.put(key(id), view(id));
        }
        let pair = || Key {
            ids: vec![0, 1],
            lens: Lens::PLAIN,
        };
        let kept = cache.put(pair(), ensemble());
        assert!(cache.get(&pair()).is_some());
        // From now on it holds its probabilities, which exceed the room.
        kept.kl(&members);
        assert!(kept.bytes() > both && cache.bytes() > cache.n_bytes);
        cache.trim();
        assert!(cache.get(&pair()).is_none());
        assert!(cache.get(&key(0)).is_some() && cache.get(&key(1)).is_some());
    }
}
