//! Reference values for an agreement: chance, an independent student, other teachers and disjoint ensembles.

use serde::{Deserialize, Serialize};

use super::lens::{Lens, Level};
use super::pair::{Chance, CopiedErrors, PairArgs, chance};
use super::pairs::{agreement, agreements};
use super::stored_logits::{StoredLogits, StoredNetwork};
use crate::error::LabResult;
use crate::weights::Role;

/// Options of `baselines`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct BaselinesArgs {
    pub teachers: Vec<String>,
    pub student: String,
    /// An independent student. Default: the first by name of those that qualify.
    #[serde(default)]
    pub control: Option<String>,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
    /// Softens every network and the ensemble: softmax(log p / temperature). Default 1.
    #[serde(default)]
    pub temperature: Option<f64>,
}

/// Reference values for an agreement.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null))]
#[serde(rename_all = "camelCase")]
pub struct Baselines {
    pub n_images: u32,
    /// Agreement of the student with the ensemble.
    pub agreement: f64,
    /// Agreement expected of two predictors that are independent given the true class and have the class-wise confusion of these two:
    /// sum over classes c of n_c / n * sum_k p_T(k | c) p_S(k | c).
    pub chance: f64,
    /// A student of the teachers' family that shares no teacher with the chosen ones; null if there is none.
    #[cfg_attr(feature = "browser", tsify(type = "Control | null"))]
    pub control: Option<Control>,
    /// Why `control` is null: the requested network does not qualify, or no network does.
    #[cfg_attr(feature = "browser", tsify(type = "NoControl | null"))]
    pub no_control: Option<NoControl>,
    /// The names of all students that qualify as a control.
    pub controls: Vec<String>,
    /// Agreement of each chosen teacher with each other one; null if there is only one teacher.
    #[cfg_attr(feature = "browser", tsify(type = "PairSummary | null"))]
    pub teacher_pairs: Option<PairSummary>,
    /// Agreement of the chosen ensemble with ensembles of as many other teachers of the family, in disjoint groups, formed in order of
    /// name; null if there are too few other teachers, or if the chosen ones belong to several families.
    #[cfg_attr(feature = "browser", tsify(type = "Ceiling | null"))]
    pub ceiling: Option<Ceiling>,
    pub copied_errors: CopiedErrors,
}

/// Why there is no control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum NoControl {
    NoneFits,
    SharesTeachers,
    TeachersUnknown,
    OtherFamily,
    IsTheStudent,
    IsNoStudent,
}

/// An independent student, compared with the ensemble as the chosen student is.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct Control {
    pub name: String,
    pub agreement: f64,
    pub chance: f64,
    pub copied_errors: CopiedErrors,
}

/// Agreement of pairs of networks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct PairSummary {
    pub n_pairs: u32,
    pub mean: f64,
    pub lowest: f64,
    pub highest: f64,
}

/// Agreement of the chosen ensemble with ensembles of other teachers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct Ceiling {
    /// The mean over the groups.
    pub agreement: f64,
    pub groups: Vec<CeilingGroup>,
}

/// An ensemble of other teachers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct CeilingGroup {
    pub teachers: Vec<String>,
    pub agreement: f64,
}

/// # Errors
/// Those of every question to [`StoredLogits`].
pub fn baselines(stored: &StoredLogits, args: &BaselinesArgs) -> LabResult<Baselines> {
    let lens = Lens::new(args.level, args.temperature);
    let members = stored.members(&args.teachers)?;
    let against = |student: &str| {
        let args = PairArgs {
            teachers: args.teachers.clone(),
            student: student.to_owned(),
            level: args.level,
            temperature: args.temperature,
        };
        chance(stored, &args)
    };
    let student = against(&args.student)?;
    let why_not = |network: &StoredNetwork| misfit(network, &members, &args.student);
    let fitting = stored
        .by_name()
        .into_iter()
        .filter(|network| why_not(network).is_none());
    let controls: Vec<String> = fitting.map(|network| network.name.clone()).collect();
    let asked = args.control.as_deref().map(|name| stored.network(name)).transpose()?;
    let no_control = match asked {
        Some(network) => why_not(network),
        None => controls.is_empty().then_some(NoControl::NoneFits),
    };
    let chosen = args
        .control
        .as_ref()
        .or(controls.first())
        .filter(|_| no_control.is_none());
    let control: Option<LabResult<Control>> = chosen.map(|name| {
        let Chance {
            agreement,
            chance,
            copied_errors,
            ..
        } = against(name)?;
        Ok(Control {
            name: name.clone(),
            agreement,
            chance,
            copied_errors,
        })
    });
    Ok(Baselines {
        n_images: student.n_images,
        agreement: student.agreement,
        chance: student.chance,
        control: control.transpose()?,
        no_control,
        controls,
        teacher_pairs: teacher_pairs(stored, &args.teachers, lens)?,
        ceiling: ceiling(stored, &args.teachers, &members, lens)?,
        copied_errors: student.copied_errors,
    })
}

/// Returns why a network cannot serve as a control for these teachers and this student.
fn misfit(network: &StoredNetwork, members: &[&StoredNetwork], student: &str) -> Option<NoControl> {
    let facts = &network.facts;
    if network.name == student {
        return Some(NoControl::IsTheStudent);
    }
    if facts.role != Some(Role::Student) {
        return Some(NoControl::IsNoStudent);
    }
    if members.iter().any(|member| member.facts.family != facts.family) {
        return Some(NoControl::OtherFamily);
    }
    let Some(taught_by) = facts.taught_by.as_ref().filter(|names| !names.is_empty()) else {
        return Some(NoControl::TeachersUnknown);
    };
    let shares = members.iter().any(|member| taught_by.contains(&member.name));
    shares.then_some(NoControl::SharesTeachers)
}

fn teacher_pairs(stored: &StoredLogits, teachers: &[String], lens: Lens) -> LabResult<Option<PairSummary>> {
    // The order is fixed, as for members of an ensemble: the last bits of the mean must not depend on the order of choice.
    let mut teachers = teachers.to_vec();
    teachers.sort_unstable();
    let n = teachers.len();
    let agreement = agreements(stored, &teachers, lens)?;
    let pairs: Vec<f64> = (1..n).flat_map(|i| agreement[i * n..i * n + i].to_vec()).collect();
    Ok((!pairs.is_empty()).then(|| PairSummary {
        n_pairs: pairs.len() as u32,
        mean: pairs.iter().sum::<f64>() / pairs.len() as f64,
        lowest: pairs.iter().copied().fold(f64::INFINITY, f64::min),
        highest: pairs.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }))
}

fn ceiling(
    stored: &StoredLogits,
    teachers: &[String],
    members: &[&StoredNetwork],
    lens: Lens,
) -> LabResult<Option<Ceiling>> {
    let family = &members[0].facts.family;
    if members.iter().any(|member| member.facts.family != *family) {
        return Ok(None);
    }
    let is_other = |network: &&StoredNetwork| {
        network.facts.role == Some(Role::Teacher)
            && network.facts.family == *family
            && !teachers.contains(&network.name)
    };
    let others = stored.by_name().into_iter().filter(is_other);
    let others: Vec<String> = others.map(|network| network.name.clone()).collect();
    let chosen = stored.view(teachers, lens)?;
    let group = |names: &[String]| {
        Ok(CeilingGroup {
            teachers: names.to_vec(),
            agreement: agreement(&chosen, &*stored.view(names, lens)?),
        })
    };
    let groups = others
        .chunks_exact(teachers.len())
        .map(group)
        .collect::<LabResult<Vec<_>>>()?;
    Ok((!groups.is_empty()).then(|| Ceiling {
        agreement: groups.iter().map(|group| group.agreement).sum::<f64>() / groups.len() as f64,
        groups,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::NetworkFacts;

    /// Adds a network that predicts `says` for four images of three classes.
    fn add(
        stored: &mut StoredLogits,
        name: &str,
        says: [usize; 4],
        role: Role,
        family: &str,
        taught_by: Option<&[&str]>,
    ) {
        let logits = says
            .iter()
            .flat_map(|&class| (0..3).map(move |k| if k == class { 5.0 } else { 0.0 }));
        let facts = NetworkFacts {
            role: Some(role),
            family: Some(family.to_owned()),
            taught_by: taught_by.map(|names| names.iter().map(|&name| name.to_owned()).collect()),
        };
        stored.add(name, logits.collect(), facts).unwrap();
    }

    fn stored() -> StoredLogits {
        let mut stored = StoredLogits::new(vec![0, 1, 2, 0], 3).unwrap();
        add(&mut stored, "t0", [0, 1, 2, 0], Role::Teacher, "a", None);
        add(&mut stored, "t1", [0, 1, 2, 1], Role::Teacher, "a", None);
        add(&mut stored, "t2", [0, 1, 0, 0], Role::Teacher, "a", None);
        add(&mut stored, "u", [0, 0, 0, 0], Role::Teacher, "b", None);
        add(&mut stored, "s", [0, 1, 1, 0], Role::Student, "a", Some(&["t0"]));
        add(&mut stored, "far", [0, 1, 2, 0], Role::Student, "b", Some(&["u"]));
        add(&mut stored, "who", [0, 1, 2, 0], Role::Student, "a", None);
        add(
            &mut stored,
            "other",
            [1, 1, 1, 0],
            Role::Student,
            "a",
            Some(&["t1", "t2"]),
        );
        stored
    }

    fn ask(teachers: &[&str], control: Option<&str>) -> Baselines {
        let args = BaselinesArgs {
            teachers: teachers.iter().map(|&name| name.to_owned()).collect(),
            student: "s".to_owned(),
            control: control.map(str::to_owned),
            ..Default::default()
        };
        baselines(&stored(), &args).unwrap()
    }

    #[test]
    fn a_control_has_other_teachers_of_the_same_kind() {
        let found = ask(&["t0"], None);
        assert_eq!(found.controls, ["other"]);
        assert_eq!((found.control.unwrap().agreement, found.agreement), (0.5, 0.75));
        for (name, why) in [
            ("s", NoControl::IsTheStudent),
            ("far", NoControl::OtherFamily),
            ("who", NoControl::TeachersUnknown),
            ("t1", NoControl::IsNoStudent),
        ] {
            let found = ask(&["t0"], Some(name));
            assert_eq!((found.no_control, found.control.is_none()), (Some(why), true), "{name}");
        }
        assert_eq!(
            ask(&["t0", "t1"], Some("other")).no_control,
            Some(NoControl::SharesTeachers)
        );
        assert_eq!(ask(&["t0", "t1"], None).no_control, Some(NoControl::NoneFits));
    }

    #[test]
    fn teachers_agree_in_pairs_and_ensembles_in_disjoint_groups() {
        let found = ask(&["t0"], None);
        assert_eq!(found.teacher_pairs, None);
        let ceiling = found.ceiling.unwrap();
        assert_eq!((ceiling.groups.len(), ceiling.agreement), (2, 0.75));
        let found = ask(&["t0", "t1", "t2"], None);
        let pairs = found.teacher_pairs.unwrap();
        assert_eq!((pairs.n_pairs, pairs.lowest, pairs.highest), (3, 0.5, 0.75));
        assert_eq!(found.ceiling, None);
    }

    #[test]
    fn the_order_of_the_teachers_does_not_matter() {
        for (one, other) in [(["t0", "t1"], ["t1", "t0"]), (["t0", "u"], ["u", "t0"])] {
            assert_eq!(format!("{:?}", ask(&one, None)), format!("{:?}", ask(&other, None)));
        }
        assert_eq!(ask(&["t0", "u"], None).ceiling, None, "of several families");
    }
}
