//! What one predictor, a network or an ensemble, says of every image.

use std::rc::Rc;

use super::elementary::{SMALLEST_PROBABILITY, exp_in_place, exp_into, ln_into};
use super::lens::Lens;

/// Log-probabilities and probabilities `[n, n_classes]`, and what counts of them.
pub(super) struct View {
    n_classes: usize,
    source: Source,
    pub figures: Figures,
}

/// What an image's row is computed from: as little is held as can be, since 10,000 images take 8 MB.
enum Source {
    /// A network as it is. Its probabilities are held for the ensembles that it is a member of.
    Logits {
        logits: Rc<Vec<f32>>,
        log_sums: Vec<f64>,
        probs: Vec<f64>,
    },
    /// An ensemble as it is: log-probabilities.
    Logs(Vec<f64>),
    /// Another view at a temperature: its log-probabilities times `inverse`, minus `log_sums`.
    Soft {
        plain: Rc<View>,
        inverse: f64,
        log_sums: Vec<f64>,
    },
    /// Superclasses.
    Coarse { probs: Vec<f64>, logs: Vec<f64> },
}

/// One image's probabilities and log-probabilities.
pub(super) struct Row {
    pub probs: Vec<f64>,
    pub logs: Vec<f64>,
}

impl View {
    /// A network as it is, from its finite logits.
    pub fn of_logits(logits: &Rc<Vec<f32>>, n_classes: usize, labels: &[u8]) -> Self {
        let mut figures = Figures::with_capacity(labels.len());
        let mut row = Row::new(n_classes);
        let mut probs = Vec::with_capacity(logits.len());
        let mut log_sums = Vec::with_capacity(labels.len());
        for (logits, &label) in logits.chunks_exact(n_classes).zip(labels) {
            row.logs
                .iter_mut()
                .zip(logits)
                .for_each(|(log, &z)| *log = f64::from(z));
            log_sums.push(row.normalise());
            figures.push(&row, label);
            probs.extend_from_slice(&row.probs);
        }
        Self {
            n_classes,
            source: Source::Logits {
                logits: Rc::clone(logits),
                log_sums,
                probs,
            },
            figures,
        }
    }

    /// The mean of the members' probabilities. There is at least one, all of the same size.
    pub fn of_ensemble(members: &[Rc<Self>], labels: &[u8]) -> Self {
        let n_classes = members[0].n_classes;
        let mut figures = Figures::with_capacity(labels.len());
        let (mut row, mut probs) = (Row::new(n_classes), vec![0.0; n_classes]);
        let mut all_logs = Vec::with_capacity(labels.len() * n_classes);
        let share = 1.0 / members.len() as f64;
        for (image, &label) in labels.iter().enumerate() {
            members[0].prob_row(image, &mut row.probs);
            for member in &members[1..] {
                member.prob_row(image, &mut probs);
                add(&mut row.probs, &probs);
            }
            row.probs.iter_mut().for_each(|p| *p *= share);
            mean_logs(&mut row, members, image);
            figures.push(&row, label);
            all_logs.extend_from_slice(&row.logs);
        }
        Self {
            n_classes,
            source: Source::Logs(all_logs),
            figures,
        }
    }

    /// A plain view at a temperature, and KL(view || student) of each student and image: one pass for both, since each exponential
    /// that a report saves is worth milliseconds.
    pub fn soft(plain: &Rc<Self>, temperature: f64, students: &[Rc<Self>]) -> (Self, Vec<Vec<f64>>) {
        let inverse = 1.0 / temperature;
        let (n_images, n_classes) = (plain.n_images(), plain.n_classes);
        let (mut row, mut student) = (Row::new(n_classes), vec![0.0; n_classes]);
        let mut kl = vec![Vec::with_capacity(n_images); students.len()];
        let mut log_sums = Vec::with_capacity(n_images);
        let mut confidence = Vec::with_capacity(n_images);
        for image in 0..n_images {
            plain.log_row(image, &mut row.logs);
            // A temperature changes no order.
            let largest = row.logs[usize::from(plain.figures.top1[image])];
            exp_into(&row.logs, inverse, largest * inverse, &mut row.probs);
            let sum = sum(&row.probs);
            let log_sum = largest * inverse + sum.ln();
            let share = 1.0 / sum;
            log_sums.push(log_sum);
            confidence.push(share);
            if students.is_empty() {
                continue;
            }
            row.probs.iter_mut().for_each(|p| *p *= share);
            row.logs.iter_mut().for_each(|log| *log = *log * inverse - log_sum);
            for (kl, view) in kl.iter_mut().zip(students) {
                view.log_row(image, &mut student);
                kl.push(divergence(&row, &student));
            }
        }
        let figures = plain.figures.soft(inverse, &log_sums, confidence);
        let plain = Rc::clone(plain);
        let source = Source::Soft {
            plain,
            inverse,
            log_sums,
        };
        let view = Self {
            n_classes,
            source,
            figures,
        };
        (view, kl)
    }

    /// Superclasses of a view of fine classes; `labels` are superclasses too.
    pub fn coarse(fine: &Self, lens: Lens, labels: &[u8]) -> Self {
        let n_classes = lens.n_classes(fine.n_classes);
        let mut figures = Figures::with_capacity(labels.len());
        let (mut of_fine, mut row) = (Row::new(fine.n_classes), Row::new(n_classes));
        let (mut probs, mut logs) = (Vec::new(), Vec::new());
        for (image, &label) in labels.iter().enumerate() {
            fine.read(image, &mut of_fine);
            row.gather(&of_fine, lens);
            figures.push(&row, label);
            probs.extend_from_slice(&row.probs);
            logs.extend_from_slice(&row.logs);
        }
        Self {
            n_classes,
            source: Source::Coarse { probs, logs },
            figures,
        }
    }

    pub fn n_images(&self) -> usize {
        self.figures.top1.len()
    }

    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Without what it shares with others.
    pub fn bytes(&self) -> usize {
        let values = match &self.source {
            Source::Logits { log_sums, probs, .. } => log_sums.len() + probs.len(),
            Source::Logs(logs) => logs.len(),
            Source::Soft { log_sums, .. } => log_sums.len(),
            Source::Coarse { probs, logs } => probs.len() + logs.len(),
        };
        8 * values + 26 * self.n_images()
    }

    fn at(&self, image: usize) -> std::ops::Range<usize> {
        image * self.n_classes..(image + 1) * self.n_classes
    }

    /// Writes an image's log-probabilities.
    pub fn log_row(&self, image: usize, row: &mut [f64]) {
        match &self.source {
            Source::Logits { logits, log_sums, .. } => {
                let log_sum = log_sums[image];
                let logits = &logits[self.at(image)];
                row.iter_mut()
                    .zip(logits)
                    .for_each(|(log, &z)| *log = f64::from(z) - log_sum);
            }
            Source::Soft {
                plain,
                inverse,
                log_sums,
            } => {
                let log_sum = log_sums[image];
                plain.log_row(image, row);
                row.iter_mut().for_each(|log| *log = *log * inverse - log_sum);
            }
            Source::Logs(logs) | Source::Coarse { logs, .. } => row.copy_from_slice(&logs[self.at(image)]),
        }
    }

    /// Writes an image's probabilities.
    pub fn prob_row(&self, image: usize, row: &mut [f64]) {
        match &self.source {
            Source::Logits { probs, .. } | Source::Coarse { probs, .. } => row.copy_from_slice(&probs[self.at(image)]),
            Source::Logs(_) | Source::Soft { .. } => {
                self.log_row(image, row);
                exp_in_place(row);
            }
        }
    }

    /// Writes both.
    pub fn read(&self, image: usize, row: &mut Row) {
        self.log_row(image, &mut row.logs);
        match &self.source {
            Source::Logits { probs, .. } | Source::Coarse { probs, .. } => {
                row.probs.copy_from_slice(&probs[self.at(image)]);
            }
            Source::Logs(_) | Source::Soft { .. } => {
                exp_into(&row.logs, 1.0, 0.0, &mut row.probs);
            }
        }
    }

    /// KL(self || student) of each student and image, in nats.
    pub fn kl(&self, students: &[Rc<Self>]) -> Vec<Vec<f64>> {
        if students.is_empty() {
            return Vec::new();
        }
        let (mut row, mut student) = (Row::new(self.n_classes), vec![0.0; self.n_classes]);
        let mut kl = vec![Vec::with_capacity(self.n_images()); students.len()];
        for image in 0..self.n_images() {
            self.read(image, &mut row);
            for (kl, view) in kl.iter_mut().zip(students) {
                view.log_row(image, &mut student);
                kl.push(divergence(&row, &student));
            }
        }
        kl
    }
}

impl Row {
    pub fn new(n_classes: usize) -> Self {
        Self {
            probs: vec![0.0; n_classes],
            logs: vec![0.0; n_classes],
        }
    }

    /// Where `logs` are logits: makes them log-probabilities, and fills in the probabilities. Returns logsumexp.
    pub fn normalise(&mut self) -> f64 {
        let largest = two_largest(&self.logs).0;
        exp_into(&self.logs, 1.0, largest, &mut self.probs);
        let sum = sum(&self.probs);
        let (inverse, log_sum) = (1.0 / sum, largest + sum.ln());
        self.probs.iter_mut().for_each(|p| *p *= inverse);
        self.logs.iter_mut().for_each(|log| *log -= log_sum);
        log_sum
    }

    /// Superclasses of a row of fine classes.
    fn gather(&mut self, fine: &Self, lens: Lens) {
        self.probs.fill(0.0);
        for (fine, p) in fine.probs.iter().enumerate() {
            self.probs[usize::from(lens.class_of(fine as u8))] += p;
        }
        ln_into(&self.probs, &mut self.logs);
        for class in (0..self.probs.len()).filter(|&class| self.probs[class] < SMALLEST_PROBABILITY) {
            let of_class = fine.logs.iter().enumerate();
            let of_class = of_class.filter(|&(fine, _)| usize::from(lens.class_of(fine as u8)) == class);
            self.logs[class] = log_sum_exp(of_class.map(|(_, &log)| log));
        }
    }
}

/// The logarithms of an image's mean probabilities, also of those that are 0 as numbers.
fn mean_logs(row: &mut Row, members: &[Rc<View>], image: usize) {
    ln_into(&row.probs, &mut row.logs);
    if smallest(&row.probs) >= SMALLEST_PROBABILITY {
        return;
    }
    let of_member = |member: &Rc<View>| {
        let mut logs = vec![0.0; row.probs.len()];
        member.log_row(image, &mut logs);
        logs
    };
    let logs: Vec<Vec<f64>> = members.iter().map(of_member).collect();
    for class in (0..row.probs.len()).filter(|&class| row.probs[class] < SMALLEST_PROBABILITY) {
        row.logs[class] = log_sum_exp(logs.iter().map(|logs| logs[class])) - (logs.len() as f64).ln();
    }
}

/// What counts of each image for accuracy, likelihood, calibration and margin.
#[derive(Clone, Default)]
pub(super) struct Figures {
    /// Most probable class, of equal ones the first.
    pub top1: Vec<u8>,
    pub confidence: Vec<f64>,
    /// Log-probability of the most probable class minus that of the second; infinite where there is one class.
    pub lead: Vec<f64>,
    /// Log-probability of the true class.
    pub likelihood: Vec<f64>,
    /// Classes before the true one.
    pub rank: Vec<u8>,
}

impl Figures {
    fn with_capacity(n: usize) -> Self {
        Self {
            top1: Vec::with_capacity(n),
            confidence: Vec::with_capacity(n),
            lead: Vec::with_capacity(n),
            likelihood: Vec::with_capacity(n),
            rank: Vec::with_capacity(n),
        }
    }

    pub fn push(&mut self, Row { probs, logs }: &Row, label: u8) {
        let at = usize::from(label);
        let likelihood = logs[at];
        let (largest, second) = two_largest(logs);
        let top1 = logs.iter().position(|&log| log == largest).unwrap_or(0);
        let (before, after) = if top1 == at {
            (0, 0)
        } else {
            let before = logs[..at].iter().filter(|&&log| log >= likelihood).count();
            (before, logs[at..].iter().filter(|&&log| log > likelihood).count())
        };
        self.top1.push(top1 as u8);
        self.confidence.push(probs[top1]);
        self.lead.push(largest - second);
        self.likelihood.push(likelihood);
        self.rank.push((before + after) as u8);
    }

    /// At a temperature, which changes no order, from the logsumexp of each image's log-probabilities times `inverse`.
    fn soft(&self, inverse: f64, log_sums: &[f64], confidence: Vec<f64>) -> Self {
        let soften = |(log, log_sum): (&f64, &f64)| log * inverse - log_sum;
        Self {
            top1: self.top1.clone(),
            confidence,
            lead: self.lead.iter().map(|lead| lead * inverse).collect(),
            likelihood: self.likelihood.iter().zip(log_sums).map(soften).collect(),
            rank: self.rank.clone(),
        }
    }

    /// Of some images.
    pub fn of(&self, images: &[usize]) -> Self {
        fn pick<T: Copy>(of: &[T], images: &[usize]) -> Vec<T> {
            images.iter().map(|&image| of[image]).collect()
        }
        Self {
            top1: pick(&self.top1, images),
            confidence: pick(&self.confidence, images),
            lead: pick(&self.lead, images),
            likelihood: pick(&self.likelihood, images),
            rank: pick(&self.rank, images),
        }
    }

    pub fn is_right(&self, image: usize) -> bool {
        self.rank[image] == 0
    }

    /// Images that are right.
    pub fn n_right(&self) -> usize {
        self.rank.iter().filter(|&&rank| rank == 0).count()
    }

    /// Probability of the most probable class minus that of the second; 0 of equal ones whatever rounding does.
    pub fn margin(&self, image: usize) -> f64 {
        -self.confidence[image] * (-self.lead[image]).exp_m1()
    }
}

/// Sum of p (log p - log q), never negative; a class of probability 0 counts nothing.
pub(super) fn divergence(row: &Row, log_q: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (p, log_p, log_q) = (
        row.probs.chunks_exact(4),
        row.logs.chunks_exact(4),
        log_q.chunks_exact(4),
    );
    let rest = p.remainder().iter().zip(log_p.remainder()).zip(log_q.remainder());
    let rest: f64 = rest.map(|((p, log_p), log_q)| p * (log_p - log_q)).sum();
    for ((p, log_p), log_q) in p.zip(log_p).zip(log_q) {
        for i in 0..4 {
            lanes[i] += p[i] * (log_p[i] - log_q[i]);
        }
    }
    (lanes.iter().sum::<f64>() + rest).max(0.0)
}

fn add(sums: &mut [f64], values: &[f64]) {
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

/// The largest value and the one after it, which may be equal; minus infinity where there is none.
fn two_largest(values: &[f64]) -> (f64, f64) {
    let larger = |a: f64, b: f64| if a > b { a } else { b };
    let smaller = |a: f64, b: f64| if a < b { a } else { b };
    let (mut first, mut second) = ([f64::NEG_INFINITY; 4], [f64::NEG_INFINITY; 4]);
    let chunks = values.chunks_exact(4);
    let rest = chunks.remainder();
    for chunk in chunks {
        for i in 0..4 {
            second[i] = larger(second[i], smaller(first[i], chunk[i]));
            first[i] = larger(first[i], chunk[i]);
        }
    }
    let all = first.iter().chain(&second).chain(rest);
    all.fold((f64::NEG_INFINITY, f64::NEG_INFINITY), |(first, second), &value| {
        (larger(first, value), larger(second, smaller(first, value)))
    })
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
    use crate::analysis::Level;
    use crate::fidelity::{ensemble_log_probs, kl_divergence, log_softmax};

    const LABELS: [u8; 3] = [0, 3, 99];
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
            .map(|logits| Rc::new(View::of_logits(logits, 100, &LABELS)))
            .collect();
        let row: Vec<f64> = members[0]
            .chunks_exact(100)
            .flat_map(|row| log_softmax(row, 1.0))
            .collect();
        close(&logs_of(&views[0]), &row);
        let slices: Vec<&[f32]> = members.iter().map(|logits| logits.as_slice()).collect();
        let expected = ensemble_log_probs(&slices, 100).unwrap();
        let ensemble = View::of_ensemble(&views, &LABELS);
        close(&logs_of(&ensemble), &expected);
        let kl: Vec<f64> = (0..3)
            .map(|i| kl_divergence(&expected[i * 100..(i + 1) * 100], &row[i * 100..(i + 1) * 100]))
            .collect();
        close(&ensemble.kl(&views[..1])[0], &kl);
    }

    #[test]
    fn temperature_softens_as_log_softmax_does() {
        let plain = Rc::new(View::of_logits(&logits(5), 100, &LABELS));
        let student = View::soft(&Rc::new(View::of_logits(&logits(6), 100, &LABELS)), 2.5, &[]).0;
        let students = [Rc::new(student)];
        let (view, kl) = View::soft(&plain, 2.5, &students);
        let expected: Vec<f64> = logits(5)
            .chunks_exact(100)
            .flat_map(|row| log_softmax(row, 2.5))
            .collect();
        close(&logs_of(&view), &expected);
        let mut probs = vec![0.0; 100];
        view.prob_row(1, &mut probs);
        close(
            &probs,
            &expected[100..200].iter().map(|log| log.exp()).collect::<Vec<_>>(),
        );
        close(&kl[0], &view.kl(&students)[0]);
        let mut figures = Figures::default();
        let mut row = Row::new(100);
        for (image, label) in LABELS.into_iter().enumerate() {
            view.read(image, &mut row);
            figures.push(&row, label);
        }
        assert_eq!((&view.figures.top1, &view.figures.rank), (&figures.top1, &figures.rank));
        close(&view.figures.confidence, &figures.confidence);
        close(&view.figures.lead, &figures.lead);
        close(&view.figures.likelihood, &figures.likelihood);
    }

    #[test]
    fn superclasses_sum_their_classes_also_where_these_are_0_as_numbers() {
        // All of a superclass at -1000, the rest equal.
        let fine: Vec<f32> = (0..100)
            .map(|fine| if FAR.class_of(fine) == 4 { -1000.0 } else { 0.0 })
            .collect();
        let view = View::coarse(&View::of_logits(&Rc::new(fine), 100, &[0]), FAR, &[4]);
        let logs = logs_of(&view);
        assert_eq!(logs.len(), 20);
        close(&[logs[4]], &[-1000.0 + 5f64.ln() - 95f64.ln()]);
        close(&[logs[0]], &[(5.0f64 / 95.0).ln()]);
        let mut probs = vec![0.0; 20];
        view.prob_row(0, &mut probs);
        assert_eq!((probs[4], view.figures.rank[0]), (0.0, 19));
    }

    #[test]
    fn figures_of_ties_and_of_zeros() {
        let mut figures = Figures::default();
        let row = |probs: &[f64], logs: &[f64]| Row {
            probs: probs.to_vec(),
            logs: logs.to_vec(),
        };
        figures.push(&row(&[0.25; 4], &[0.25f64.ln(); 4]), 2);
        figures.push(&row(&[1.0, 0.0, 0.0], &[0.0, -900.0, -800.0]), 1);
        figures.push(&row(&[1.0], &[0.0]), 0);
        assert_eq!(
            (figures.top1.clone(), figures.rank.clone()),
            (vec![0; 3], vec![2, 2, 0])
        );
        assert_eq!(figures.confidence, [0.25, 1.0, 1.0]);
        assert_eq!(figures.likelihood[1], -900.0);
        assert_eq!(
            (figures.lead[1], [0, 1, 2].map(|i| figures.margin(i))),
            (800.0, [0.0, 1.0, 1.0])
        );
        // What is 0 as a number comes back.
        close(&[figures.soft(0.01, &[0.0; 3], vec![0.0; 3]).lead[1]], &[8.0]);
    }

    #[test]
    fn sums_and_maxima_of_any_length() {
        for n in 0..11 {
            let values: Vec<f64> = (0..n).map(|i| f64::from((i * 7) % 11)).collect();
            assert_eq!(sum(&values), values.iter().sum::<f64>());
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let nth = |i: usize| sorted.iter().rev().nth(i).copied().unwrap_or(f64::NEG_INFINITY);
            assert_eq!(two_largest(&values), (nth(0), nth(1)));
        }
    }
}
