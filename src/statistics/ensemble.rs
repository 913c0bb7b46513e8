//! Averages members' probabilities, for one ensemble or for several that share members.

use std::borrow::Cow;
use std::rc::Rc;

use super::elementary::{SMALLEST_PROBABILITY, ln_into};
use super::figures::Figures;
use super::row::{Row, log_sum_exp, mean, smallest};
use super::view::{StudentRows, View};

/// The members' predictions for one image.
struct Members<'a> {
    views: &'a [Rc<View>],
    probs: Vec<Cow<'a, [f64]>>,
    image: usize,
}

impl<'a> Members<'a> {
    fn new(views: &'a [Rc<View>]) -> Self {
        let probs = Vec::with_capacity(views.len());
        Self { views, probs, image: 0 }
    }

    fn look_at(&mut self, image: usize) {
        self.image = image;
        self.probs.clear();
        self.probs.extend(self.views.iter().map(|view| view.probs(image)));
    }

    /// Computes the mean of some members' probabilities.
    fn mean(&self, members: &[usize], row: &mut Row) {
        mean(members.iter().map(|&i| &*self.probs[i]), &mut row.probs);
        self.logs(members, row);
    }

    /// Computes the logarithms of mean probabilities, including those that underflow to 0.
    fn logs(&self, members: &[usize], row: &mut Row) {
        ln_into(&row.probs, &mut row.logs);
        if smallest(&row.probs) >= SMALLEST_PROBABILITY {
            return;
        }
        let of_member = |&i: &usize| {
            let mut logs = vec![0.0; row.probs.len()];
            self.views[i].log_row(self.image, &mut logs);
            logs
        };
        let logs: Vec<Vec<f64>> = members.iter().map(of_member).collect();
        for class in (0..row.probs.len()).filter(|&class| row.probs[class] < SMALLEST_PROBABILITY) {
            row.logs[class] = log_sum_exp(logs.iter().map(|logs| logs[class])) - (logs.len() as f64).ln();
        }
    }
}

/// The results for one ensemble so far in the pass.
struct Seen {
    figures: Figures,
    logs: Vec<f64>,
    kl: Vec<Vec<f64>>,
}

/// Computes several ensembles of these members, and KL(ensemble || student) for each student and image, in one pass over the images,
/// because reading the members takes much of the time. There is at least one member, each ensemble has one, and all are plain.
pub(super) fn views(
    members: &[Rc<View>],
    ensembles: &[Vec<usize>],
    labels: &[u8],
    students: &[Rc<View>],
) -> Vec<(View, Vec<Vec<f64>>)> {
    let (n_images, n_classes) = (labels.len(), members[0].n_classes());
    let mut row = Row::new(n_classes);
    let mut rows = StudentRows::new(students);
    let mut found = Vec::from_iter(ensembles.iter().map(|_| Seen {
        figures: Figures::with_capacity(n_images),
        logs: Vec::with_capacity(n_images * n_classes),
        kl: rows.no_kl(n_images),
    }));
    let mut of_image = Members::new(members);
    for (image, &label) in labels.iter().enumerate() {
        of_image.look_at(image);
        rows.look_at(image);
        for (ensemble, seen) in ensembles.iter().zip(&mut found) {
            of_image.mean(ensemble, &mut row);
            seen.figures.push(&row, label);
            seen.logs.extend_from_slice(&row.logs);
            rows.push_kl(&row, &mut seen.kl);
        }
    }
    let view = |(ensemble, seen): (&Vec<usize>, Seen)| {
        let members = ensemble.iter().map(|&i| Rc::clone(&members[i])).collect();
        (View::of_ensemble(members, seen.logs, seen.figures), seen.kl)
    };
    ensembles.iter().zip(found).map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LABELS, close, logits};
    use super::*;
    use crate::metrics::{ensemble_log_probs, kl_divergence, log_softmax};

    #[test]
    fn networks_and_ensembles_are_those_of_fidelity() {
        let members = [logits(0), logits(1), logits(2)];
        let views: Vec<_> = members
            .iter()
            .map(|logits| Rc::new(View::of_logits(logits, 100, &LABELS)))
            .collect();
        let row: Vec<f64> = members[0]
            .chunks_exact(100)
            .flat_map(|row| log_softmax(row, 1.0))
            .collect();
        close(&views[0].logs(), &row);
        let slices: Vec<&[f32]> = members.iter().map(|logits| logits.as_slice()).collect();
        let expected = ensemble_log_probs(&slices, 100).unwrap();
        let found = super::views(&views, &[vec![0, 2], vec![0, 1, 2]], &LABELS, &views[..1]);
        let (ensemble, fresh) = &found[1];
        close(&ensemble.logs(), &expected);
        let kl: Vec<f64> = (0..3)
            .map(|i| kl_divergence(&expected[i * 100..(i + 1) * 100], &row[i * 100..(i + 1) * 100]))
            .collect();
        close(&fresh[0], &kl);
        assert_eq!(ensemble.kl(&views[..1]), *fresh);
        let expected = ensemble_log_probs(&[slices[0], slices[2]], 100).unwrap();
        close(&found[0].0.logs(), &expected);
    }
}
