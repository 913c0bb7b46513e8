//! Work on all threads: the calling one and those of its pool, if it has one.
//!
//! A pool is a thread's own, so that work within work, on a pool's thread, is done in sequence. Without the feature `threads`
//! all is. Callers divide their work into items that do not depend on the number of threads, and so nor do their results.

/// Does `work` on every item once, in whatever order, with a scratch that is no other thread's meanwhile.
///
/// `scratches` may be kept from call to call; `scratch` makes one that is lacking.
pub fn for_each<T: Send, S: Send>(
    items: impl ExactSizeIterator<Item = T> + Send,
    scratches: &mut Vec<S>,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) + Sync,
) {
    #[cfg(feature = "threads")]
    if items.len() > 1
        && let Some(pool) = pool::of_this_thread()
    {
        return pool::for_each(&pool, items, scratches, scratch, work);
    }
    if scratches.is_empty() {
        scratches.push(scratch());
    }
    items.for_each(|item| work(&mut scratches[0], item));
}

/// Keeps the threads of this thread's pool awake as long as it lives, for work that comes in pieces: to wake one takes about as
/// long as a small piece itself.
#[must_use = "threads fall asleep when it is dropped"]
#[derive(Debug)]
pub struct Awake {
    #[cfg(feature = "threads")]
    until: Option<std::sync::Arc<std::sync::atomic::AtomicBool>>,
}

/// See [`Awake`].
pub fn stay_awake() -> Awake {
    Awake {
        #[cfg(feature = "threads")]
        until: pool::of_this_thread().map(|pool| pool::stay_awake(&pool)),
    }
}

#[cfg(feature = "threads")]
impl Drop for Awake {
    fn drop(&mut self) {
        if let Some(until) = &self.until {
            until.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[cfg(feature = "threads")]
pub use pool::set_pool;

#[cfg(feature = "threads")]
mod pool {
    use std::cell::RefCell;
    use std::hint::spin_loop;
    use std::rc::Rc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, PoisonError};

    use rayon::ThreadPool;

    /// How often the calling thread looks whether the others are done before it falls asleep: for about the time of an image in
    /// one layer.
    const LOOKS: usize = 200_000;

    thread_local! {
        static POOL: RefCell<Option<Rc<ThreadPool>>> = const { RefCell::new(None) };
    }

    /// From now on this thread shares its work with those of `pool`. The threads of an earlier one end.
    pub fn set_pool(pool: Option<ThreadPool>) {
        POOL.set(pool.map(Rc::new));
    }

    pub fn of_this_thread() -> Option<Rc<ThreadPool>> {
        POOL.with_borrow(Clone::clone)
    }

    pub fn stay_awake(pool: &ThreadPool) -> Arc<AtomicBool> {
        let until = Arc::new(AtomicBool::new(false));
        let ended = until.clone();
        pool.spawn_broadcast(move |_| {
            while !ended.load(Ordering::Relaxed) {
                // Does what there is to do.
                rayon::yield_now();
                spin_loop();
            }
        });
        until
    }

    /// Each thread takes the next item as soon as it is done with one, since a processor's cores may differ in speed.
    pub fn for_each<T: Send, S: Send>(
        pool: &ThreadPool,
        items: impl ExactSizeIterator<Item = T> + Send,
        scratches: &mut Vec<S>,
        scratch: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, T) + Sync,
    ) {
        let n_threads = items.len().min(1 + pool.current_num_threads());
        let mut slots: Vec<Option<S>> = scratches.drain(..).map(Some).collect();
        slots.resize_with(slots.len().max(n_threads), || None);
        let items = Mutex::new(items);
        let n_done = AtomicUsize::new(0);
        let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
        let run = |slot: &mut Option<S>| {
            while let Some(item) = next() {
                work(slot.get_or_insert_with(&scratch), item);
            }
        };
        if let Some((own, others)) = slots.split_first_mut() {
            pool.in_place_scope(|scope| {
                for slot in others.iter_mut().take(n_threads - 1) {
                    scope.spawn(|_| {
                        run(slot);
                        n_done.fetch_add(1, Ordering::Relaxed);
                    });
                }
                run(own);
                // The scope waits for all; this only lets it find them done.
                let mut looks = 0;
                while n_done.load(Ordering::Relaxed) < n_threads - 1 && looks < LOOKS {
                    looks += 1;
                    spin_loop();
                }
            });
        }
        scratches.extend(slots.into_iter().flatten());
    }
}

#[cfg(all(test, feature = "threads"))]
pub(crate) mod tests {
    use super::*;

    /// What `work` returns alone and with 1, 2 and 7 further threads.
    pub(crate) fn with_threads<R>(mut work: impl FnMut() -> R) -> Vec<R> {
        let results = [0, 1, 2, 7].map(|n| {
            let pool = || rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            set_pool((n > 0).then(pool));
            work()
        });
        set_pool(None);
        results.into()
    }

    #[test]
    fn every_item_is_worked_on_once_with_a_scratch_of_one_thread() {
        for n in [0, 1, 2, 3, 100] {
            let found = with_threads(|| {
                let _awake = (n != 2).then(stay_awake);
                let (mut done, mut scratches) = (vec![0; n], Vec::new());
                for _ in 0..2 {
                    for_each(
                        done.iter_mut().enumerate(),
                        &mut scratches,
                        || 0,
                        |count, (i, done)| {
                            *count += 1;
                            *done += i + 1;
                        },
                    );
                }
                assert_eq!(scratches.iter().sum::<usize>(), 2 * n, "all that were used come back");
                done
            });
            let expected: Vec<usize> = (0..n).map(|i| 2 * (i + 1)).collect();
            assert!(found.iter().all(|done| *done == expected), "{found:?}");
        }
    }
}
