//! Compares a teacher ensemble and a student image by image: cells, confusion, and the agreement expected by chance.

use serde::{Deserialize, Serialize};

use super::figures::Figures;
use super::lens::{Lens, Level};
use super::stored_logits::StoredLogits;
use crate::error::{LabError, LabResult};

/// An ensemble and a student, and how they are viewed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct PairArgs {
    pub teachers: Vec<String>,
    pub student: String,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
    /// Softens every network and the ensemble: softmax(log p / temperature). Default 1.
    #[serde(default)]
    pub temperature: Option<f64>,
}

/// Which of the two is right; if both are wrong, whether they predict the same class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub enum Cell {
    BothRight,
    OnlyTeacher,
    OnlyStudent,
    BothWrongSame,
    BothWrongOther,
}

/// Number of images in each cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct Cells {
    pub n_images: u32,
    pub both_right: u32,
    pub only_teacher: u32,
    pub only_student: u32,
    pub both_wrong_same: u32,
    pub both_wrong_other: u32,
}

/// Images that the ensemble gets wrong, and how many of them the student gets wrong with the same class.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null))]
#[serde(rename_all = "camelCase")]
pub struct CopiedErrors {
    pub n_teacher_wrong: u32,
    pub n_copied: u32,
    /// nCopied / nTeacherWrong; null if the ensemble is never wrong.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub share: Option<f64>,
    /// The share expected of predictors that are independent given the true class; null if the ensemble is never wrong.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub chance: Option<f64>,
}

/// Whose classes the rows or columns of a confusion matrix are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Truth,
    Teacher,
    Student,
}

/// Options of `confusion`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct ConfusionArgs {
    /// Needed if a side is "teacher", which is their ensemble.
    #[serde(default)]
    pub teachers: Vec<String>,
    /// Needed if a side is "student".
    #[serde(default)]
    pub student: Option<String>,
    /// Default "teacher".
    #[serde(default)]
    pub rows: Option<Side>,
    /// Default "student".
    #[serde(default)]
    pub columns: Option<Side>,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
    /// Softens every network and the ensemble: softmax(log p / temperature). Default 1.
    #[serde(default)]
    pub temperature: Option<f64>,
}

/// # Errors
/// Those of every question to [`StoredLogits`].
pub fn cells(stored: &StoredLogits, args: &PairArgs) -> LabResult<Cells> {
    let lens = Lens::new(args.level, args.temperature);
    let teacher = stored.view(&args.teachers, lens)?;
    let student = stored.view_of(&args.student, lens)?;
    Ok(count_cells(&teacher.figures, &student.figures))
}

pub(super) fn cell(teacher: &Figures, student: &Figures, image: usize) -> Cell {
    match (teacher.is_right(image), student.is_right(image)) {
        (true, true) => Cell::BothRight,
        (true, false) => Cell::OnlyTeacher,
        (false, true) => Cell::OnlyStudent,
        (false, false) if teacher.top1[image] == student.top1[image] => Cell::BothWrongSame,
        (false, false) => Cell::BothWrongOther,
    }
}

fn count_cells(teacher: &Figures, student: &Figures) -> Cells {
    let mut cells = Cells {
        n_images: teacher.top1.len() as u32,
        ..Cells::default()
    };
    for image in 0..teacher.top1.len() {
        let count = match cell(teacher, student, image) {
            Cell::BothRight => &mut cells.both_right,
            Cell::OnlyTeacher => &mut cells.only_teacher,
            Cell::OnlyStudent => &mut cells.only_student,
            Cell::BothWrongSame => &mut cells.both_wrong_same,
            Cell::BothWrongOther => &mut cells.both_wrong_other,
        };
        *count += 1;
    }
    cells
}

/// Counts images `[n_classes, n_classes]` by the top-1 class, or the true class, of both sides.
///
/// # Errors
/// `bad_argument` if a side needs a network that is not given, and those of every question to [`StoredLogits`].
pub fn confusion(stored: &StoredLogits, args: &ConfusionArgs) -> LabResult<Vec<u32>> {
    let lens = Lens::new(args.level, args.temperature);
    lens.check(stored.n_classes())?;
    let n_classes = lens.n_classes(stored.n_classes());
    let side = |side: Side| match (side, &args.student) {
        (Side::Truth, _) => Ok(stored.labels(lens)),
        (Side::Teacher, _) => Ok(stored.view(&args.teachers, lens)?.figures.top1.clone()),
        (Side::Student, Some(name)) => Ok(stored.view_of(name, lens)?.figures.top1.clone()),
        (Side::Student, None) => Err(LabError::bad_argument("a side is \"student\", but no student is named")),
    };
    let rows = side(args.rows.unwrap_or(Side::Teacher))?;
    let columns = side(args.columns.unwrap_or(Side::Student))?;
    Ok(table(&rows, &columns, n_classes))
}

fn table(rows: &[u8], columns: &[u8], n_classes: usize) -> Vec<u32> {
    let mut counts = vec![0; n_classes * n_classes];
    for (&row, &column) in rows.iter().zip(columns) {
        counts[usize::from(row) * n_classes + usize::from(column)] += 1;
    }
    counts
}

/// What chance explains of an agreement.
#[derive(Clone, Debug, PartialEq)]
pub struct Chance {
    pub n_images: u32,
    /// Agreement of the student with the ensemble.
    pub agreement: f64,
    /// Agreement expected of two predictors that are independent given the true class and have the class-wise confusion of these
    /// two: sum over classes c of n_c / n * sum_k p_T(k | c) p_S(k | c). A class that never occurs contributes nothing.
    pub chance: f64,
    pub copied_errors: CopiedErrors,
}

/// # Errors
/// Those of every question to [`StoredLogits`].
pub fn chance(stored: &StoredLogits, args: &PairArgs) -> LabResult<Chance> {
    let lens = Lens::new(args.level, args.temperature);
    let teacher = stored.view(&args.teachers, lens)?;
    let student = stored.view_of(&args.student, lens)?;
    let n_classes = lens.n_classes(stored.n_classes());
    Ok(compare(
        &stored.labels(lens),
        &teacher.figures,
        &student.figures,
        n_classes,
    ))
}

fn compare(labels: &[u8], teacher: &Figures, student: &Figures, n_classes: usize) -> Chance {
    let of_teacher = table(labels, &teacher.top1, n_classes);
    let of_student = table(labels, &student.top1, n_classes);
    // Images expected to agree, and those of them that both get wrong.
    let (mut agreeing, mut copied) = (0.0, 0.0);
    let rows = of_teacher
        .chunks_exact(n_classes)
        .zip(of_student.chunks_exact(n_classes));
    for (class, (teacher, student)) in rows.enumerate() {
        let n: u32 = teacher.iter().sum();
        if n == 0 {
            continue;
        }
        for (k, (&t, &s)) in teacher.iter().zip(student).enumerate() {
            let expected = f64::from(t) * f64::from(s) / f64::from(n);
            agreeing += expected;
            copied += if k == class { 0.0 } else { expected };
        }
    }
    let cells = count_cells(teacher, student);
    let n_images = f64::from(cells.n_images);
    let n_wrong = cells.only_student + cells.both_wrong_same + cells.both_wrong_other;
    let of_wrong = |count: f64| (n_wrong > 0).then(|| count / f64::from(n_wrong));
    Chance {
        n_images: cells.n_images,
        agreement: f64::from(cells.both_right + cells.both_wrong_same) / n_images,
        chance: agreeing / n_images,
        copied_errors: CopiedErrors {
            n_teacher_wrong: n_wrong,
            n_copied: cells.both_wrong_same,
            share: of_wrong(f64::from(cells.both_wrong_same)),
            chance: of_wrong(copied),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of these top-1 classes.
    fn figures(top1: &[u8], labels: &[u8]) -> Figures {
        Figures {
            top1: top1.to_vec(),
            rank: top1.iter().zip(labels).map(|(a, b)| u8::from(a != b)).collect(),
            ..Figures::default()
        }
    }

    #[test]
    fn each_cell_by_hand() {
        let labels = [0, 0, 0, 0, 0];
        let (teacher, student) = (figures(&[0, 0, 1, 1, 1], &labels), figures(&[0, 1, 0, 1, 2], &labels));
        let cells = count_cells(&teacher, &student);
        let found = [
            cells.both_right,
            cells.only_teacher,
            cells.only_student,
            cells.both_wrong_same,
            cells.both_wrong_other,
        ];
        assert_eq!((cells.n_images, found), (5, [1; 5]));
    }

    #[test]
    fn chance_by_hand_with_a_class_that_never_occurs() {
        // Class 0: the teacher says 0, 0, 1, 1 and the student 0, 1, 1, 1; class 1 once, both right; class 2 never.
        let labels = [0, 0, 0, 0, 1];
        let (teacher, student) = (figures(&[0, 0, 1, 1, 1], &labels), figures(&[0, 1, 1, 1, 1], &labels));
        let found = compare(&labels, &teacher, &student, 3);
        assert_eq!(found.agreement, 0.8);
        // 4 * (1/2 * 1/4 + 1/2 * 3/4) + 1, of 5.
        assert!((found.chance - 0.6).abs() < 1e-15);
        let copied = found.copied_errors;
        assert_eq!(
            (copied.n_teacher_wrong, copied.n_copied, copied.share),
            (2, 2, Some(1.0))
        );
        assert!((copied.chance.unwrap() - 0.75).abs() < 1e-15);
    }

    #[test]
    fn a_teacher_that_is_never_wrong_has_no_errors_to_copy() {
        let found = compare(&[1], &figures(&[1], &[1]), &figures(&[0], &[1]), 2);
        assert_eq!((found.agreement, found.chance), (0.0, 0.0));
        assert_eq!((found.copied_errors.share, found.copied_errors.chance), (None, None));
    }

    #[test]
    fn rows_are_the_first_side() {
        assert_eq!(table(&[0, 0, 1], &[1, 1, 0], 2), [0, 2, 1, 0]);
    }
}
