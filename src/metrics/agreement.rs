//! Fidelity, how well a student matches its teacher: agreement and KL divergence.

use serde::{Deserialize, Serialize};

use super::probability::{argmax, kl_divergence};
use super::{FidelityError, check_batch, check_length, check_row, share};

/// A student's fidelity to a teacher, usually the ensemble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct Fidelity {
    /// Share of images with the same most probable class (Stanton et al. 2021, Eq. 2). NaN without images.
    pub agreement: f64,
    /// Mean of KL(teacher || student) in nats at temperature 1 (Eq. 3). NaN without images.
    pub kl: f64,
    /// Standard error of `kl` over the images (sample standard deviation / sqrt(n)); null for fewer than two images.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub kl_standard_error: Option<f64>,
    /// Agreement on the images that the teacher classifies correctly; null if there is no such labelled image.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub agreement_teacher_right: Option<f64>,
    /// Agreement on the images that the teacher classifies incorrectly; null if there is no such labelled image.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub agreement_teacher_wrong: Option<f64>,
}

/// Running sums over images, from which [`Self::report`] computes [`Fidelity`] at any time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FidelityAccumulator {
    /// Class count of the images so far; 0 before the first image.
    n_classes: usize,
    n_images: u32,
    n_agreeing: u32,
    kl: f64,
    kl_squares: f64,
    /// Counts over the images that the teacher classifies correctly.
    teacher_right: Count,
    teacher_wrong: Count,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Count {
    n_images: u32,
    n_agreeing: u32,
}

impl FidelityAccumulator {
    /// Adds one image: both networks' log-probabilities `[classes]` at temperature 1, and the label if there is one.
    ///
    /// # Errors
    /// Fails if there are no classes, the class count differs from the other network's or the earlier images', a value is not
    /// finite or the label is out of range.
    pub fn push(&mut self, teacher: &[f64], student: &[f64], label: Option<u8>) -> Result<(), FidelityError> {
        let n_classes = if self.n_images == 0 {
            teacher.len()
        } else {
            self.n_classes
        };
        check_row(0, teacher, n_classes, label)?;
        check_row(0, student, n_classes, label)?;
        self.add(teacher, student, label);
        Ok(())
    }

    /// Adds a batch: log-probabilities `[n, n_classes]` and labels `[n]`. After an error the sums are unchanged.
    ///
    /// # Errors
    /// Fails as [`Self::push`] does, and if lengths do not match.
    pub fn push_batch(
        &mut self,
        teacher: &[f64],
        student: &[f64],
        n_classes: usize,
        labels: Option<&[u8]>,
    ) -> Result<(), FidelityError> {
        check_batch(teacher, n_classes, labels)?;
        check_length("the student's log-probabilities", student.len(), teacher.len())?;
        let known = if self.n_images == 0 { n_classes } else { self.n_classes };
        let label = |i: usize| labels.map(|labels| labels[i]);
        let rows = || {
            teacher
                .chunks_exact(n_classes)
                .zip(student.chunks_exact(n_classes))
                .enumerate()
        };
        for (i, (teacher, student)) in rows() {
            check_row(i, teacher, known, label(i))?;
            check_row(i, student, known, label(i))?;
        }
        rows().for_each(|(i, (teacher, student))| self.add(teacher, student, label(i)));
        Ok(())
    }

    fn add(&mut self, teacher: &[f64], student: &[f64], label: Option<u8>) {
        let answer = argmax(teacher);
        let agreeing = u32::from(answer == argmax(student));
        self.n_classes = teacher.len();
        self.n_images += 1;
        self.n_agreeing += agreeing;
        let kl = kl_divergence(teacher, student);
        self.kl += kl;
        self.kl_squares += kl * kl;
        if let Some(label) = label {
            let is_right = answer == usize::from(label);
            let count = if is_right {
                &mut self.teacher_right
            } else {
                &mut self.teacher_wrong
            };
            count.n_images += 1;
            count.n_agreeing += agreeing;
        }
    }

    /// Number of images so far, labelled or not.
    pub fn n_images(&self) -> u32 {
        self.n_images
    }

    /// Computes sqrt((sum kl^2 - n mean^2) / (n - 1) / n). If kl is constant, rounding may make the difference negative, so it is
    /// clamped at 0.
    fn kl_standard_error(&self) -> Option<f64> {
        let n = f64::from(self.n_images);
        let variance = (self.kl_squares - self.kl * self.kl / n) / (n - 1.0);
        (self.n_images > 1).then(|| (variance.max(0.0) / n).sqrt())
    }

    /// The metrics over the images so far.
    pub fn report(&self) -> Fidelity {
        Fidelity {
            agreement: share(self.n_agreeing, self.n_images).unwrap_or(f64::NAN),
            kl: self.kl / f64::from(self.n_images),
            kl_standard_error: self.kl_standard_error(),
            agreement_teacher_right: share(self.teacher_right.n_agreeing, self.teacher_right.n_images),
            agreement_teacher_wrong: share(self.teacher_wrong.n_agreeing, self.teacher_wrong.n_images),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(probabilities: &[f64]) -> Vec<f64> {
        probabilities.iter().map(|p| p.ln()).collect()
    }

    #[test]
    fn the_standard_error_of_kl_is_that_of_its_mean() {
        let (teacher, near, far) = (logs(&[0.5, 0.5]), logs(&[0.5, 0.5]), logs(&[0.9, 0.1]));
        let mut sums = FidelityAccumulator::default();
        sums.push(&teacher, &near, None).unwrap();
        assert_eq!(sums.report().kl_standard_error, None);
        sums.push(&teacher, &far, None).unwrap();
        // The values 0 and k have mean k/2, sample variance k^2/2 and standard error k/2.
        let report = sums.report();
        assert!(
            (report.kl_standard_error.unwrap() - report.kl).abs() < 1e-12,
            "{report:?}"
        );
    }

    #[test]
    fn three_images_by_hand() {
        let mut sums = FidelityAccumulator::default();
        // The teacher is right twice; the student agrees on one of these images, and on the one that the teacher gets wrong.
        sums.push(&logs(&[0.75, 0.25]), &logs(&[0.5, 0.5]), Some(0)).unwrap();
        sums.push(&logs(&[0.25, 0.75]), &logs(&[0.75, 0.25]), Some(1)).unwrap();
        sums.push(&logs(&[0.75, 0.25]), &logs(&[0.75, 0.25]), Some(1)).unwrap();
        let report = sums.report();
        assert_eq!(report.agreement, 2.0 / 3.0);
        let kl = (0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln()) + (0.75 - 0.25) * 3f64.ln();
        assert!((report.kl - kl / 3.0).abs() < 1e-15);
        assert_eq!(report.agreement_teacher_right, Some(0.5));
        assert_eq!(report.agreement_teacher_wrong, Some(1.0));
    }

    #[test]
    fn the_divergence_is_the_teacher_s_from_the_student() {
        let mut sums = FidelityAccumulator::default();
        sums.push(&logs(&[0.9, 0.1]), &logs(&[0.5, 0.5]), None).unwrap();
        let forward = 0.9 * 1.8f64.ln() + 0.1 * 0.2f64.ln();
        let reverse = 0.5 * (0.5f64 / 0.9).ln() + 0.5 * 5f64.ln();
        assert!((sums.report().kl - forward).abs() < 1e-15 && (forward - reverse).abs() > 0.1);
    }

    #[test]
    fn nothing_to_count_is_null_or_nan() {
        let mut sums = FidelityAccumulator::default();
        assert!(sums.report().agreement.is_nan() && sums.report().kl.is_nan());
        sums.push(&logs(&[0.75, 0.25]), &logs(&[0.5, 0.5]), None).unwrap();
        let expected = r#""agreementTeacherRight":null,"agreementTeacherWrong":null}"#;
        assert!(serde_json::to_string(&sums.report()).unwrap().ends_with(expected));
        sums.push(&logs(&[0.75, 0.25]), &logs(&[0.5, 0.5]), Some(0)).unwrap();
        let report = sums.report();
        assert_eq!(
            (report.agreement_teacher_right, report.agreement_teacher_wrong),
            (Some(1.0), None)
        );
    }

    #[test]
    fn refuses_what_it_cannot_count_and_keeps_its_sums() {
        let mut sums = FidelityAccumulator::default();
        let half = logs(&[0.5, 0.5]);
        sums.push(&half, &half, None).unwrap();
        let before = sums.clone();
        assert!(matches!(
            sums.push(&half, &[0.0], None),
            Err(FidelityError::Length { .. })
        ));
        assert!(matches!(
            sums.push(&half, &half, Some(9)),
            Err(FidelityError::Label { .. })
        ));
        assert!(matches!(
            sums.push(&half, &[0.0, f64::NAN], None),
            Err(FidelityError::NotFinite { .. })
        ));
        assert!(matches!(
            sums.push_batch(&[0.0; 4], &[0.0; 2], 2, None),
            Err(FidelityError::Length { .. })
        ));
        assert_eq!(sums.push_batch(&[], &[], 0, None), Err(FidelityError::NoClasses));
        assert_eq!(sums, before);
    }
}
