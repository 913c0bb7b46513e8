//! Lists a pair's images, filtered and sorted, and shows the predictions for one image.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calibration::{Binning, assign, check_bins};
use super::figures::Figures;
use super::lens::{Lens, Level};
use super::pair::{Cell, cell};
use super::predictor::one_or_more;
use super::stored_logits::StoredLogits;
use super::view::View;
use crate::error::{LabError, LabResult};
use crate::weights::Role;

/// What images are ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub enum SortKey {
    #[default]
    Index,
    Kl,
    TeacherConfidence,
    StudentConfidence,
    TeacherMargin,
    StudentMargin,
}

/// One bin of a reliability diagram.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct BinFilter {
    /// Whose diagram it is.
    pub of: Role,
    pub index: usize,
    /// From 1 to 1000; default 10.
    #[serde(default)]
    pub n_bins: Option<usize>,
    /// Default "equal_width".
    #[serde(default)]
    pub binning: Option<Binning>,
}

/// Selects the images that meet all conditions given. Classes are those of the chosen level.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct ImageFilter {
    /// Images in any of these cells.
    #[serde(default)]
    pub cells: Option<Vec<Cell>>,
    /// Whether teacher and student have the same top-1 class.
    #[serde(default)]
    pub agree: Option<bool>,
    #[serde(default)]
    pub true_class: Option<usize>,
    #[serde(default)]
    pub teacher_class: Option<usize>,
    #[serde(default)]
    pub student_class: Option<usize>,
    /// Images in one bin of a reliability diagram.
    #[serde(default)]
    pub bin: Option<BinFilter>,
}

/// Options of `images`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct ImagesArgs {
    pub teachers: Vec<String>,
    pub student: String,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
    /// Softens every network and the ensemble: softmax(log p / temperature). Default 1.
    #[serde(default)]
    pub temperature: Option<f64>,
    #[serde(default)]
    pub filter: Option<ImageFilter>,
    /// Default "index". Images of equal rank are sorted by index.
    #[serde(default)]
    pub sort: Option<SortKey>,
    /// Whether the largest come first; default false.
    #[serde(default)]
    pub descending: Option<bool>,
}

/// Images in order. Each array is `[n]` and has one element per image of `indices`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Images {
    pub indices: Vec<u32>,
    pub true_class: Vec<u8>,
    pub teacher_class: Vec<u8>,
    pub student_class: Vec<u8>,
    /// Positions in [`Cell`].
    pub cell: Vec<u8>,
    /// KL(teacher || student) in nats.
    pub kl: Vec<f32>,
    /// Probability of the top-1 class.
    pub teacher_confidence: Vec<f32>,
    pub student_confidence: Vec<f32>,
    /// Probability of the most probable class minus that of the second.
    pub teacher_margin: Vec<f32>,
    pub student_margin: Vec<f32>,
}

/// # Errors
/// `bad_argument` if a class or a bin is out of range, and those of every question to [`StoredLogits`].
pub fn images(stored: &StoredLogits, args: &ImagesArgs) -> LabResult<Images> {
    let lens = Lens::new(args.level, args.temperature);
    let student = stored.view_of(&args.student, lens)?;
    let (teacher, kl) = stored.against(&args.teachers, lens, std::slice::from_ref(&student))?;
    let (teacher, student, kl, labels) = (&teacher.figures, &student.figures, &kl[0], stored.labels(lens));
    let filter = args.filter.clone().unwrap_or_default();
    let n_classes = lens.n_classes(stored.n_classes());
    let classes = [
        ("filter.trueClass", filter.true_class, &labels),
        ("filter.teacherClass", filter.teacher_class, &teacher.top1),
        ("filter.studentClass", filter.student_class, &student.top1),
    ];
    for (what, class, _) in classes {
        check_below(what, class.unwrap_or(0), n_classes)?;
    }
    let of_bin = |bin: &BinFilter| -> LabResult<_> { Ok((bin.index, bins_of(bin, teacher, student)?)) };
    let bins = filter.bin.as_ref().map(of_bin).transpose()?;
    let fits = |&image: &usize| {
        let in_cells = |cells: &Vec<Cell>| cells.contains(&cell(teacher, student, image));
        filter.cells.as_ref().is_none_or(in_cells)
            && filter
                .agree
                .is_none_or(|agree| agree == (teacher.top1[image] == student.top1[image]))
            && classes
                .iter()
                .all(|(_, class, of)| class.is_none_or(|class| class == usize::from(of[image])))
            && bins
                .as_ref()
                .is_none_or(|(index, bins)| *index == usize::from(bins[image]))
    };
    let mut order: Vec<usize> = (0..labels.len()).filter(fits).collect();
    let key = |image: usize| match args.sort.unwrap_or_default() {
        SortKey::Index => image as f64,
        SortKey::Kl => kl[image],
        SortKey::TeacherConfidence => teacher.confidence[image],
        SortKey::StudentConfidence => student.confidence[image],
        SortKey::TeacherMargin => teacher.margin(image),
        SortKey::StudentMargin => student.margin(image),
    };
    let keys: Vec<f64> = (0..labels.len()).map(key).collect();
    let compare = |a: usize, b: usize| keys[a].partial_cmp(&keys[b]).unwrap_or(Ordering::Equal);
    // The sort is stable, so equal images are ordered by index in both directions.
    if args.descending.unwrap_or_default() {
        order.sort_by(|&a, &b| compare(b, a))
    } else {
        order.sort_by(|&a, &b| compare(a, b))
    }
    let classes = |of: &[u8]| order.iter().map(|&image| of[image]).collect();
    let values = |of: &dyn Fn(usize) -> f64| order.iter().map(|&image| of(image) as f32).collect();
    Ok(Images {
        indices: order.iter().map(|&image| image as u32).collect(),
        true_class: classes(&labels),
        teacher_class: classes(&teacher.top1),
        student_class: classes(&student.top1),
        cell: order.iter().map(|&image| cell(teacher, student, image) as u8).collect(),
        kl: values(&|image| kl[image]),
        teacher_confidence: values(&|image| teacher.confidence[image]),
        student_confidence: values(&|image| student.confidence[image]),
        teacher_margin: values(&|image| teacher.margin(image)),
        student_margin: values(&|image| student.margin(image)),
    })
}

/// # Errors
/// `bad_argument`.
fn check_below(what: &str, value: usize, n: usize) -> LabResult<()> {
    if value < n {
        return Ok(());
    }
    let message = format!("{what} is {value}; it must be from 0 to {}", n - 1);
    Err(LabError::bad_argument(message))
}

/// The bin of each image.
fn bins_of(bin: &BinFilter, teacher: &Figures, student: &Figures) -> LabResult<Vec<u16>> {
    let n_bins = check_bins(bin.n_bins)?;
    check_below("filter.bin.index", bin.index, n_bins)?;
    let figures = match bin.of {
        Role::Teacher => teacher,
        Role::Student => student,
    };
    Ok(assign(&figures.confidence, n_bins, bin.binning.unwrap_or_default()))
}

/// Options of `imageAnswers`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct ImageAnswersArgs {
    pub index: usize,
    pub teachers: Vec<String>,
    /// Default: none.
    #[serde(rename = "student", default, deserialize_with = "one_or_more")]
    #[cfg_attr(feature = "browser", tsify(type = "string | string[]"))]
    pub students: Vec<String>,
    /// Default 5.
    #[serde(default)]
    pub n_top: Option<usize>,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
    /// Softens every network and the ensemble: softmax(log p / temperature). Default 1.
    #[serde(default)]
    pub temperature: Option<f64>,
}

/// Predictions for one image: the classes that are among the `nTop` most probable ones of any predictor, in the ensemble's order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(hashmap_as_object))]
#[serde(rename_all = "camelCase")]
pub struct ImageAnswers {
    pub classes: Vec<u8>,
    /// The ensemble's probabilities of `classes`.
    pub ensemble: Vec<f64>,
    /// The probabilities of each teacher and each student, by name.
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, number[]>"))]
    pub models: BTreeMap<String, Vec<f64>>,
}

/// # Errors
/// `bad_argument` if the index is out of range or `nTop` is 0, and those of every question to [`StoredLogits`].
pub fn image_answers(stored: &StoredLogits, args: &ImageAnswersArgs) -> LabResult<ImageAnswers> {
    check_below("index", args.index, stored.n_images())?;
    let n_top = args.n_top.unwrap_or(5);
    if n_top == 0 {
        return Err(LabError::bad_argument("nTop is 0; it must be at least 1"));
    }
    let lens = Lens::new(args.level, args.temperature);
    let probs = |view: &View| view.probs(args.index).into_owned();
    let ensemble = probs(&*stored.view(&args.teachers, lens)?);
    let mut models = BTreeMap::new();
    for name in args.teachers.iter().chain(&args.students) {
        models.insert(name.clone(), probs(&*stored.view_of(name, lens)?));
    }
    let mut is_shown = vec![false; ensemble.len()];
    for probs in models.values().chain([&ensemble]) {
        let top = by_probability(probs).into_iter().take(n_top);
        top.for_each(|class| is_shown[usize::from(class)] = true);
    }
    let mut classes = by_probability(&ensemble);
    classes.retain(|&class| is_shown[usize::from(class)]);
    let of_classes = |probs: &Vec<f64>| classes.iter().map(|&class| probs[usize::from(class)]).collect();
    Ok(ImageAnswers {
        ensemble: of_classes(&ensemble),
        models: models
            .iter()
            .map(|(name, probs)| (name.clone(), of_classes(probs)))
            .collect(),
        classes,
    })
}

/// Returns the classes, the most probable first; equal ones are in order of class.
fn by_probability(probs: &[f64]) -> Vec<u8> {
    let mut classes: Vec<u8> = (0..probs.len()).map(|class| class as u8).collect();
    classes.sort_by(|&a, &b| probs[usize::from(b)].total_cmp(&probs[usize::from(a)]));
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::NetworkFacts;

    /// Holds five images of three classes, one per cell in order. The teacher predicts the same for the first two.
    fn stored() -> StoredLogits {
        let mut stored = StoredLogits::new(vec![0; 5], 3).unwrap();
        let mut add = |name: &str, rows: [[f32; 3]; 5]| {
            let logits = rows.concat();
            stored.add(name, logits, NetworkFacts::default()).unwrap();
        };
        add(
            "t",
            [[2., 0., 0.], [2., 0., 0.], [0., 1., 0.], [0., 3., 0.], [0., 4., 0.]],
        );
        add(
            "s",
            [[2., 0., 0.], [0., 2., 0.], [5., 0., 0.], [0., 3., 0.], [0., 0., 4.]],
        );
        stored
    }

    fn args() -> ImagesArgs {
        ImagesArgs {
            teachers: vec!["t".to_owned()],
            student: "s".to_owned(),
            ..Default::default()
        }
    }

    fn order(change: impl FnOnce(&mut ImagesArgs)) -> LabResult<Vec<u32>> {
        let mut args = args();
        change(&mut args);
        Ok(images(&stored(), &args)?.indices)
    }

    fn chosen(filter: ImageFilter) -> LabResult<Vec<u32>> {
        order(|args| args.filter = Some(filter))
    }

    #[test]
    fn what_stands_of_each_image() {
        let found = images(&stored(), &args()).unwrap();
        assert_eq!(found.indices, [0, 1, 2, 3, 4]);
        assert_eq!(found.cell, [0, 1, 2, 3, 4]);
        assert_eq!(
            (found.true_class, found.teacher_class),
            (vec![0; 5], vec![0, 0, 1, 1, 1])
        );
        assert_eq!(found.student_class, [0, 1, 0, 1, 2]);
        let p = (2f64.exp() / (2f64.exp() + 2.0), 1.0 / (2f64.exp() + 2.0));
        assert_eq!((found.kl[0], found.kl[1]), (0.0, (2.0 * (p.0 - p.1)) as f32));
        assert_eq!(
            (found.teacher_confidence[0], found.teacher_margin[0]),
            (p.0 as f32, (p.0 - p.1) as f32)
        );
    }

    #[test]
    fn equal_ones_stand_by_index_in_both_directions() {
        let by = |sort, descending| {
            let change = |args: &mut ImagesArgs| {
                args.sort = Some(sort);
                args.descending = Some(descending);
            };
            order(change).unwrap()
        };
        assert_eq!(by(SortKey::Index, true), [4, 3, 2, 1, 0]);
        assert_eq!(by(SortKey::TeacherConfidence, false), [2, 0, 1, 3, 4]);
        assert_eq!(by(SortKey::TeacherMargin, true), [4, 3, 0, 1, 2]);
        assert_eq!(by(SortKey::StudentConfidence, false), [0, 1, 3, 4, 2]);
        assert_eq!(by(SortKey::StudentMargin, true), [2, 4, 3, 0, 1]);
        assert_eq!(by(SortKey::Kl, false)[..2], [0, 3]);
        assert_eq!(by(SortKey::Kl, true)[3..], [0, 3]);
    }

    #[test]
    fn all_filters_must_hold_and_any_of_the_cells() {
        let filter = ImageFilter::default;
        let cells = Some(vec![Cell::OnlyTeacher, Cell::BothWrongSame]);
        assert_eq!(chosen(ImageFilter { cells, ..filter() }).unwrap(), [1, 3]);
        let none = Some(Vec::new());
        assert!(
            chosen(ImageFilter {
                cells: none,
                ..filter()
            })
            .unwrap()
            .is_empty()
        );
        let agree = |agree| ImageFilter {
            agree: Some(agree),
            ..filter()
        };
        assert_eq!(
            (chosen(agree(true)).unwrap(), chosen(agree(false)).unwrap()),
            (vec![0, 3], vec![1, 2, 4])
        );
        let of_class = ImageFilter {
            teacher_class: Some(1),
            student_class: Some(2),
            ..filter()
        };
        assert_eq!(chosen(of_class).unwrap(), [4]);
        assert!(
            chosen(ImageFilter {
                true_class: Some(2),
                ..filter()
            })
            .unwrap()
            .is_empty()
        );
        let bin = |of, index, binning| ImageFilter {
            bin: Some(BinFilter {
                of,
                index,
                n_bins: Some(2),
                binning,
            }),
            ..filter()
        };
        assert_eq!(chosen(bin(Role::Student, 1, Some(Binning::EqualMass))).unwrap(), [2, 4]);
        assert_eq!(chosen(bin(Role::Teacher, 1, None)).unwrap(), [0, 1, 2, 3, 4]);
        assert!(
            chosen(bin(Role::Student, 2, None))
                .unwrap_err()
                .message
                .contains("filter.bin.index is 2")
        );
        let far = ImageFilter {
            teacher_class: Some(3),
            ..filter()
        };
        assert_eq!(
            chosen(far).unwrap_err().message,
            "filter.teacherClass is 3; it must be from 0 to 2"
        );
    }

    #[test]
    fn an_image_s_answers_hold_the_top_classes_of_all() {
        let ask = |index, n_top| {
            let args = ImageAnswersArgs {
                index,
                teachers: vec!["t".to_owned()],
                students: vec!["s".to_owned()],
                n_top,
                ..Default::default()
            };
            image_answers(&stored(), &args)
        };
        let found = ask(4, Some(1)).unwrap();
        assert_eq!(found.classes, [1, 2]);
        assert!((found.ensemble[0] - 1.0 / (1.0 + 2.0 * (-4f64).exp())).abs() < 1e-15);
        assert_eq!(
            (found.models["t"].clone(), found.models["s"][1]),
            (found.ensemble.clone(), found.ensemble[0])
        );
        // Equal ones by class, and no more than there are.
        assert_eq!(ask(0, None).unwrap().classes, [0, 1, 2]);
        assert!(ask(5, None).unwrap_err().message.contains("index is 5"));
        assert!(ask(0, Some(0)).unwrap_err().message.contains("nTop"));
    }
}
