//! What one predictor, a network or an ensemble, says of every image.

use std::cell::OnceCell;
use std::rc::Rc;

use super::elementary::{SMALLEST_PROBABILITY, exp_in_place, ln_into};
use super::lens::{Lens, Level};

/// Log-probabilities and probabilities `[n, n_classes]`.
pub(super) struct View {
    n_classes: usize,
    probs: Vec<f64>,
    logs: Logs,
    /// Once they were asked for.
    figures: OnceCell<Rc<Figures>>,
}

/// Those of a network follow from its logits, so that 8 MB of 10,000 images need not be held.
enum Logs {
    OfLogits { logits: Rc<Vec<f32>>, log_sums: Vec<f64> },
    Values(Vec<f64>),
}

impl View {
    /// A network as it is, from its finite logits.
    pub fn of_logits(logits: &Rc<Vec<f32>>, n_classes: usize) -> Self {
        let mut probs: Vec<f64> = logits.iter().map(|&z| f64::from(z)).collect();
        let log_sums = probs.chunks_exact_mut(n_classes).map(softmax).collect();
        Self {
            n_classes,
            probs,
            logs: Logs::OfLogits {
                logits: Rc::clone(logits),
                log_sums,
            },
            figures: OnceCell::new(),
        }
    }

    /// The mean of the members' probabilities. There is at least one, all of the same size.
    pub fn of_ensemble(members: &[Rc<View>]) -> Self {
        let n_classes = members[0].n_classes;
        let mut probs = members[0].probs.clone();
        for member in &members[1..] {
            add(&mut probs, &member.probs);
        }
        let share = 1.0 / members.len() as f64;
        probs.iter_mut().for_each(|p| *p *= share);
        let mut logs = vec![0.0; probs.len()];
        for (image, (p, log)) in probs
            .chunks_exact(n_classes)
            .zip(logs.chunks_exact_mut(n_classes))
            .enumerate()
        {
            mean_logs(p, log, members, image);
        }
        Self {
            n_classes,
            probs,
            logs: Logs::Values(logs),
            figures: OnceCell::new(),
        }
    }

    /// A plain view through a lens.
    pub fn through(plain: &Self, lens: Lens) -> Self {
        let (n_images, n_fine) = (plain.n_images(), plain.n_classes);
        let n_classes = lens.n_classes(n_fine);
        let mut probs = vec![0.0; n_images * n_classes];
        let mut logs = vec![0.0; n_images * n_classes];
        let mut row = vec![0.0; n_fine];
        let mut seen = Row::new(lens, n_fine);
        for image in 0..n_images {
            plain.log_row(image, &mut row);
            seen.set(lens, plain.row(image), &row);
            let at = image * n_classes..(image + 1) * n_classes;
            probs[at.clone()].copy_from_slice(&seen.probs);
            logs[at].copy_from_slice(&seen.logs);
        }
        Self {
            n_classes,
            probs,
            logs: Logs::Values(logs),
            figures: OnceCell::new(),
        }
    }

    pub fn n_images(&self) -> usize {
        self.probs.len() / self.n_classes
    }

    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    pub fn bytes(&self) -> usize {
        match &self.logs {
            Logs::OfLogits { log_sums, .. } => 8 * (self.probs.len() + log_sums.len()),
            Logs::Values(logs) => 8 * (self.probs.len() + logs.len()),
        }
    }

    /// Against the labels of its level, which are the same at every call.
    pub fn figures(&self, labels: &[u8]) -> Rc<Figures> {
        Rc::clone(self.figures.get_or_init(|| Rc::new(Figures::of_view(self, labels))))
    }

    /// An image's probabilities.
    pub fn row(&self, image: usize) -> &[f64] {
        &self.probs[image * self.n_classes..(image + 1) * self.n_classes]
    }

    /// Writes an image's log-probabilities.
    pub fn log_row(&self, image: usize, row: &mut [f64]) {
        let at = image * self.n_classes..(image + 1) * self.n_classes;
        match &self.logs {
            Logs::OfLogits { logits, log_sums } => {
                let log_sum = log_sums[image];
                row.iter_mut()
                    .zip(&logits[at])
                    .for_each(|(log, &z)| *log = f64::from(z) - log_sum);
            }
            Logs::Values(logs) => row.copy_from_slice(&logs[at]),
        }
    }

    /// KL(self || other) of each image, in nats.
    pub fn kl(&self, other: &Self) -> Vec<f64> {
        let (mut teacher, mut student) = (vec![0.0; self.n_classes], vec![0.0; self.n_classes]);
        let of_image = |image| {
            self.log_row(image, &mut teacher);
            other.log_row(image, &mut student);
            divergence(self.row(image), &teacher, &student)
        };
        (0..self.n_images()).map(of_image).collect()
    }
}

/// Replaces logits by probabilities; returns logsumexp.
pub(super) fn softmax(row: &mut [f64]) -> f64 {
    let largest = largest(row);
    row.iter_mut().for_each(|z| *z -= largest);
    exp_in_place(row);
    let sum = sum(row);
    let inverse = 1.0 / sum;
    row.iter_mut().for_each(|p| *p *= inverse);
    largest + sum.ln()
}

/// `log` becomes the logarithms of an image's mean probabilities `p`, also of those that are 0 as numbers.
pub(super) fn mean_logs(p: &[f64], log: &mut [f64], members: &[Rc<View>], image: usize) {
    ln_into(p, log);
    if smallest(p) >= SMALLEST_PROBABILITY {
        return;
    }
    let rows: Vec<Vec<f64>> = members
        .iter()
        .map(|member| {
            let mut row = vec![0.0; p.len()];
            member.log_row(image, &mut row);
            row
        })
        .collect();
    for class in (0..p.len()).filter(|&class| p[class] < SMALLEST_PROBABILITY) {
        log[class] = log_sum_exp(rows.iter().map(|row| row[class])) - (rows.len() as f64).ln();
    }
}

/// One image through a lens.
pub(super) struct Row {
    pub probs: Vec<f64>,
    pub logs: Vec<f64>,
    /// Fine classes, softened.
    soft_probs: Vec<f64>,
    soft_logs: Vec<f64>,
}

impl Row {
    pub fn new(lens: Lens, n_fine: usize) -> Self {
        let n_classes = lens.n_classes(n_fine);
        Self {
            probs: vec![0.0; n_classes],
            logs: vec![0.0; n_classes],
            soft_probs: vec![0.0; n_fine],
            soft_logs: vec![0.0; n_fine],
        }
    }

    /// Takes an image's plain probabilities and log-probabilities.
    pub fn set(&mut self, lens: Lens, probs: &[f64], logs: &[f64]) {
        self.soft_probs.copy_from_slice(probs);
        self.soft_logs.copy_from_slice(logs);
        if lens.temperature != 1.0 {
            let inverse = 1.0 / lens.temperature;
            self.soft_logs.iter_mut().for_each(|log| *log *= inverse);
            self.soft_probs.copy_from_slice(&self.soft_logs);
            let log_sum = softmax(&mut self.soft_probs);
            self.soft_logs.iter_mut().for_each(|log| *log -= log_sum);
        }
        match lens.level {
            Level::Fine => {
                self.probs.copy_from_slice(&self.soft_probs);
                self.logs.copy_from_slice(&self.soft_logs);
            }
            Level::Coarse => self.gather(lens),
        }
    }

    fn gather(&mut self, lens: Lens) {
        self.probs.fill(0.0);
        for (fine, p) in self.soft_probs.iter().enumerate() {
            self.probs[usize::from(lens.class_of(fine as u8))] += p;
        }
        ln_into(&self.probs, &mut self.logs);
        for class in (0..self.probs.len()).filter(|&class| self.probs[class] < SMALLEST_PROBABILITY) {
            let of_class = self.soft_logs.iter().enumerate();
            let of_class = of_class.filter(|&(fine, _)| usize::from(lens.class_of(fine as u8)) == class);
            self.logs[class] = log_sum_exp(of_class.map(|(_, &log)| log));
        }
    }
}

/// What counts of each image for accuracy, likelihood and calibration.
#[derive(Default)]
pub(super) struct Figures {
    /// Most probable class, of equal ones the first.
    pub top1: Vec<u8>,
    pub confidence: Vec<f64>,
    /// Log-probability of the true class.
    pub likelihood: Vec<f64>,
    /// Classes before the true one.
    pub rank: Vec<u8>,
}

impl Figures {
    /// `labels` are of the view's level.
    fn of_view(view: &View, labels: &[u8]) -> Self {
        let mut figures = Self::default();
        let mut logs = vec![0.0; view.n_classes];
        for (image, &label) in labels.iter().enumerate() {
            view.log_row(image, &mut logs);
            figures.push(view.row(image), &logs, label);
        }
        figures
    }

    pub fn push(&mut self, probs: &[f64], logs: &[f64], label: u8) {
        let at = usize::from(label);
        let likelihood = logs[at];
        let largest = largest(logs);
        let top1 = logs.iter().position(|&log| log == largest).unwrap_or(0);
        let (before, after) = if top1 == at {
            (0, 0)
        } else {
            let before = logs[..at].iter().filter(|&&log| log >= likelihood).count();
            (before, logs[at..].iter().filter(|&&log| log > likelihood).count())
        };
        self.top1.push(top1 as u8);
        self.confidence.push(probs[top1]);
        self.likelihood.push(likelihood);
        self.rank.push((before + after) as u8);
    }

    pub fn is_right(&self, image: usize) -> bool {
        self.rank[image] == 0
    }

    /// Images that are right.
    pub fn n_right(&self) -> usize {
        self.rank.iter().filter(|&&rank| rank == 0).count()
    }
}

/// Sum of p (log p - log q), never negative; a class of probability 0 counts nothing.
pub(super) fn divergence(p: &[f64], log_p: &[f64], log_q: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (p, log_p, log_q) = (p.chunks_exact(4), log_p.chunks_exact(4), log_q.chunks_exact(4));
    let rest = p.remainder().iter().zip(log_p.remainder()).zip(log_q.remainder());
    let rest: f64 = rest.map(|((p, log_p), log_q)| p * (log_p - log_q)).sum();
    for ((p, log_p), log_q) in p.zip(log_p).zip(log_q) {
        for i in 0..4 {
            lanes[i] += p[i] * (log_p[i] - log_q[i]);
        }
    }
    (lanes.iter().sum::<f64>() + rest).max(0.0)
}

pub(super) fn add(sums: &mut [f64], values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// In four parts, which a compiler may add side by side.
pub(super) fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let chunks = values.chunks_exact(4);
    let rest: f64 = chunks.remainder().iter().sum();
    chunks.for_each(|chunk| (0..4).for_each(|i| lanes[i] += chunk[i]));
    lanes.iter().sum::<f64>() + rest
}

pub(super) fn largest(values: &[f64]) -> f64 {
    let larger = |a: f64, b: f64| if a > b { a } else { b };
    let mut lanes = [f64::NEG_INFINITY; 4];
    let chunks = values.chunks_exact(4);
    let rest = chunks.remainder().iter().copied().fold(f64::NEG_INFINITY, larger);
    chunks.for_each(|chunk| (0..4).for_each(|i| lanes[i] = larger(lanes[i], chunk[i])));
    lanes.into_iter().fold(rest, larger)
}

fn smallest(values: &[f64]) -> f64 {
    values.iter().fold(f64::INFINITY, |a, &b| if b < a { b } else { a })
}

fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + values.map(|value| (value - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::{ensemble_log_probs, kl_divergence, log_softmax};

    const FAR: Lens = Lens {
        level: Level::Coarse,
        temperature: 1.0,
    };

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() <= 1e-12 * expected.abs().max(1.0),
                "{found} is not {expected}"
            );
        }
    }

    fn logs_of(view: &View) -> Vec<f64> {
        let mut row = vec![0.0; view.n_classes];
        let rows = (0..view.n_images()).flat_map(|image| {
            view.log_row(image, &mut row);
            row.clone()
        });
        rows.collect()
    }

    /// Some of which are 0 as probabilities.
    fn logits(seed: u32) -> Rc<Vec<f32>> {
        let value = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 97) >> 20) as f32 / 100.0 - 20.0;
        let far = |i: u32| if i % 17 == 3 { -900.0 - seed as f32 } else { value(i) };
        Rc::new((0..300).map(far).collect())
    }

    #[test]
    fn networks_and_ensembles_are_those_of_fidelity() {
        let members = [logits(0), logits(1), logits(2)];
        let views: Vec<_> = members
            .iter()
            .map(|logits| Rc::new(View::of_logits(logits, 100)))
            .collect();
        let row: Vec<f64> = members[0]
            .chunks_exact(100)
            .flat_map(|row| log_softmax(row, 1.0))
            .collect();
        close(&logs_of(&views[0]), &row);
        let slices: Vec<&[f32]> = members.iter().map(|logits| logits.as_slice()).collect();
        let expected = ensemble_log_probs(&slices, 100).unwrap();
        let ensemble = View::of_ensemble(&views);
        close(&logs_of(&ensemble), &expected);
        let kl: Vec<f64> = (0..3)
            .map(|i| kl_divergence(&expected[i * 100..(i + 1) * 100], &row[i * 100..(i + 1) * 100]))
            .collect();
        close(&ensemble.kl(&views[0]), &kl);
    }

    #[test]
    fn temperature_softens_as_log_softmax_does() {
        let logits = logits(5);
        let lens = Lens {
            level: Level::Fine,
            temperature: 2.5,
        };
        let view = View::through(&View::of_logits(&logits, 100), lens);
        let expected: Vec<f64> = logits.chunks_exact(100).flat_map(|row| log_softmax(row, 2.5)).collect();
        close(&logs_of(&view), &expected);
        close(
            view.row(1),
            &expected[100..200].iter().map(|log| log.exp()).collect::<Vec<_>>(),
        );
    }

    #[test]
    fn superclasses_sum_their_classes_also_where_these_are_0_as_numbers() {
        // All of a superclass at -1000, the rest equal.
        let fine: Vec<f32> = (0..100)
            .map(|fine| if FAR.class_of(fine) == 4 { -1000.0 } else { 0.0 })
            .collect();
        let view = View::through(&View::of_logits(&Rc::new(fine), 100), FAR);
        let logs = logs_of(&view);
        assert_eq!(logs.len(), 20);
        close(&[logs[4]], &[-1000.0 + 5f64.ln() - 95f64.ln()]);
        close(&[logs[0]], &[(5.0f64 / 95.0).ln()]);
        assert_eq!(view.row(0)[4], 0.0);
    }

    #[test]
    fn figures_of_ties_and_of_zeros() {
        let mut figures = Figures::default();
        let even = [0.25f64; 4];
        figures.push(&even, &even.map(f64::ln), 2);
        figures.push(&[1.0, 0.0, 0.0], &[0.0, -900.0, -800.0], 1);
        assert_eq!((figures.top1, figures.rank), (vec![0, 0], vec![2, 2]));
        assert_eq!(figures.confidence, [0.25, 1.0]);
        assert_eq!(figures.likelihood[1], -900.0);
    }

    #[test]
    fn sums_and_maxima_of_any_length() {
        for n in 0..11 {
            let values: Vec<f64> = (0..n).map(|i| f64::from((i * 7) % 11)).collect();
            assert_eq!(sum(&values), values.iter().sum::<f64>());
            assert_eq!(
                largest(&values),
                values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
            );
        }
    }
}
