//! The predictions of one network or ensemble for every image.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::rc::Rc;

use super::figures::Figures;
use super::lens::Lens;
use super::row::{Row, divergence, mean};

/// Log-probabilities and probabilities `[n, n_classes]`, and the per-image values derived from them.
pub(super) struct View {
    n_classes: usize,
    source: Source,
    pub figures: Figures,
}

/// What an image's row is computed from. It holds as little as possible, because 10,000 images take 8 MB.
enum Source {
    /// A plain network. Its probabilities are held for the ensembles that it belongs to.
    Logits {
        logits: Rc<Vec<f32>>,
        log_sums: Vec<f64>,
        probs: Vec<f64>,
    },
    /// Another view at a temperature: its log-probabilities times `inverse`, minus `log_sums`.
    Soft {
        plain: Rc<View>,
        inverse: f64,
        log_sums: Vec<f64>,
    },
    /// The mean of plain views. It holds its probabilities from the first [`View::kl`] on.
    Ensemble {
        members: Vec<Rc<View>>,
        logs: Vec<f64>,
        probs: OnceCell<Vec<f64>>,
    },
    /// Superclasses.
    Coarse { probs: Vec<f64>, logs: Vec<f64> },
}

impl View {
    /// Makes the view of a plain network from its finite logits.
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

    /// Makes the view of an ensemble from its log-probabilities `[n, n_classes]`. There is at least one member, and all are plain.
    pub fn of_ensemble(members: Vec<Rc<Self>>, logs: Vec<f64>, figures: Figures) -> Self {
        Self {
            n_classes: members[0].n_classes,
            source: Source::Ensemble {
                members,
                logs,
                probs: OnceCell::new(),
            },
            figures,
        }
    }

    /// Returns a plain view at another temperature, and KL(view || student) for each student and image. One pass computes both,
    /// because every exponential that a report saves is worth milliseconds.
    pub fn soft(plain: &Rc<Self>, temperature: f64, students: &[Rc<Self>]) -> (Self, Vec<Vec<f64>>) {
        let inverse = 1.0 / temperature;
        let (n_images, n_classes) = (plain.n_images(), plain.n_classes);
        let mut row = Row::new(n_classes);
        let mut rows = StudentRows::new(students);
        let mut kl = rows.no_kl(n_images);
        let mut log_sums = Vec::with_capacity(n_images);
        let mut confidence = Vec::with_capacity(n_images);
        for image in 0..n_images {
            plain.log_row(image, &mut row.logs);
            let largest = plain.largest(image, &row);
            let (log_sum, share) = match students {
                [] => row.soften_largest(largest, inverse),
                _ => row.soften(largest, inverse),
            };
            log_sums.push(log_sum);
            confidence.push(share);
            rows.look_at(image);
            rows.push_kl(&row, &mut kl);
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

    /// Returns the superclass view of a view of fine classes. `labels` are superclasses too.
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

    /// Returns the size in bytes, without what it shares with other views.
    pub fn bytes(&self) -> usize {
        let values = match &self.source {
            Source::Logits { log_sums, probs, .. } => log_sums.len() + probs.len(),
            Source::Soft { log_sums, .. } => log_sums.len(),
            Source::Ensemble { logs, probs, .. } => logs.len() + probs.get().map_or(0, Vec::len),
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
            Source::Ensemble { logs, .. } | Source::Coarse { logs, .. } => row.copy_from_slice(&logs[self.at(image)]),
        }
    }

    /// Returns an image's probabilities.
    pub fn probs(&self, image: usize) -> Cow<'_, [f64]> {
        match &self.source {
            Source::Logits { probs, .. } | Source::Coarse { probs, .. } => Cow::Borrowed(&probs[self.at(image)]),
            Source::Ensemble { members, probs, .. } => match probs.get() {
                Some(probs) => Cow::Borrowed(&probs[self.at(image)]),
                None => {
                    let of_members = Vec::from_iter(members.iter().map(|member| member.probs(image)));
                    let mut probs = vec![0.0; self.n_classes];
                    mean(of_members.iter().map(|probs| &**probs), &mut probs);
                    Cow::Owned(probs)
                }
            },
            Source::Soft { .. } => {
                let mut row = Row::new(self.n_classes);
                self.read(image, &mut row);
                Cow::Owned(row.probs)
            }
        }
    }

    /// Writes an image's probabilities and log-probabilities.
    pub fn read(&self, image: usize, row: &mut Row) {
        match &self.source {
            Source::Logits { .. } | Source::Ensemble { .. } | Source::Coarse { .. } => {
                self.log_row(image, &mut row.logs);
                row.probs.copy_from_slice(&self.probs(image));
            }
            Source::Soft { plain, inverse, .. } => {
                plain.log_row(image, &mut row.logs);
                row.soften(plain.largest(image, row), *inverse);
            }
        }
    }

    /// Returns the largest log-probability of an image. A temperature keeps the order of classes.
    fn largest(&self, image: usize, row: &Row) -> f64 {
        row.logs[usize::from(self.figures.top1[image])]
    }

    /// A caller that needs one KL of an ensemble needs many, one per temperature, so the members are read only once.
    fn hold_probs(&self) {
        if let Source::Ensemble { logs, probs, .. } = &self.source
            && probs.get().is_none()
        {
            let mut all = Vec::with_capacity(logs.len());
            (0..self.n_images()).for_each(|image| all.extend_from_slice(&self.probs(image)));
            probs.get_or_init(|| all);
        }
    }

    /// Returns KL(self || student) for each student and image, in nats.
    pub fn kl(&self, students: &[Rc<Self>]) -> Vec<Vec<f64>> {
        let mut rows = StudentRows::new(students);
        let mut kl = rows.no_kl(self.n_images());
        if students.is_empty() {
            return kl;
        }
        self.hold_probs();
        let mut row = Row::new(self.n_classes);
        for image in 0..self.n_images() {
            self.read(image, &mut row);
            rows.look_at(image);
            rows.push_kl(&row, &mut kl);
        }
        kl
    }
}

/// The students' predictions for one image.
pub(super) struct StudentRows<'a> {
    students: &'a [Rc<View>],
    logs: Vec<Vec<f64>>,
}

impl<'a> StudentRows<'a> {
    pub fn new(students: &'a [Rc<View>]) -> Self {
        let logs = students.iter().map(|student| vec![0.0; student.n_classes]).collect();
        Self { students, logs }
    }

    /// Returns an empty list of KLs per student, with room for all images.
    pub fn no_kl(&self, n_images: usize) -> Vec<Vec<f64>> {
        let none = self.students.iter().map(|_| Vec::with_capacity(n_images));
        none.collect()
    }

    pub fn look_at(&mut self, image: usize) {
        for (student, logs) in self.students.iter().zip(&mut self.logs) {
            student.log_row(image, logs);
        }
    }

    /// Appends KL(teacher || student) of each student. The teacher's row is of the same image.
    pub fn push_kl(&self, teacher: &Row, kl: &mut [Vec<f64>]) {
        for (kl, logs) in kl.iter_mut().zip(&self.logs) {
            kl.push(divergence(teacher, logs));
        }
    }
}

#[cfg(test)]
impl View {
    /// Returns all log-probabilities `[n, n_classes]`.
    pub fn logs(&self) -> Vec<f64> {
        let mut row = vec![0.0; self.n_classes()];
        let rows = (0..self.n_images()).flat_map(|image| {
            self.log_row(image, &mut row);
            row.clone()
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{LABELS, close, logits};
    use super::*;
    use crate::metrics::log_softmax;
    use crate::statistics::Level;

    const FAR: Lens = Lens {
        level: Level::Coarse,
        temperature: 1.0,
    };

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
        close(&view.logs(), &expected);
        close(
            &view.probs(1),
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
        let logs = view.logs();
        assert_eq!(logs.len(), 20);
        close(&[logs[4]], &[-1000.0 + 5f64.ln() - 95f64.ln()]);
        close(&[logs[0]], &[(5.0f64 / 95.0).ln()]);
        assert_eq!((view.probs(0)[4], view.figures.rank[0]), (0.0, 19));
    }
}
