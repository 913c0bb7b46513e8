//! Circles of files: files that reach each other along arrows, so that none can be understood before the others.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::arrows::Arrow;

/// A shortest way from a file back to itself: each file, and the line where it names something of the next.
pub type Circle = Vec<(usize, usize)>;

/// Finds circles such that every file on some circle is on one of them.
pub fn circles(arrows: &[Arrow]) -> Vec<Circle> {
    // The first line that each arrow stands on.
    let mut next: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
    for arrow in arrows {
        let line = next
            .entry(arrow.from)
            .or_default()
            .entry(arrow.to)
            .or_insert(arrow.line);
        *line = arrow.line.min(*line);
    }
    let mut covered = BTreeSet::new();
    let mut circles = Vec::new();
    for &start in next.keys() {
        if !covered.contains(&start)
            && let Some(circle) = shortest(&next, start)
        {
            covered.extend(circle.iter().map(|(file, _)| *file));
            circles.push(circle);
        }
    }
    circles
}

/// Searches breadth first from a file until it comes back to it.
fn shortest(next: &BTreeMap<usize, BTreeMap<usize, usize>>, start: usize) -> Option<Circle> {
    let mut came_from = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for (&to, &line) in next.get(&file).into_iter().flatten() {
            if to == start {
                let mut circle = vec![(file, line)];
                let mut at = file;
                while at != start {
                    let (previous, line) = came_from[&at];
                    circle.push((previous, line));
                    at = previous;
                }
                circle.reverse();
                return Some(circle);
            }
            if let Entry::Vacant(entry) = came_from.entry(to) {
                entry.insert((file, line));
                queue.push_back(to);
            }
        }
    }
    None
}
