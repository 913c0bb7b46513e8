//! What an agreement has to be compared with: chance, an independent student, other teachers, disjoint ensembles.

use serde::{Deserialize, Serialize};

use super::lens::{Lens, Level};
use super::pair::{Chance, CopiedErrors, PairArgs, chance};
use super::pairs::{agreement, agreements};
use super::stored_logits::{StoredLogits, StoredNetwork};
use crate::error::LabResult;
use crate::weights::Role;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct BaselinesArgs {
    pub teachers: Vec<String>,
    pub student: String,
    /// Default: of those that fit, the first by name.
    #[serde(default)]
    pub control: Option<String>,
    #[serde(default)]
    pub level: Option<Level>,
    #[serde(default)]
    pub temperature: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null))]
#[serde(rename_all = "camelCase")]
pub struct Baselines {
    pub n_images: u32,
    /// Of the student with the ensemble.
    pub agreement: f64,
    /// See [`Chance`].
    pub chance: f64,
    /// A student of the teachers' family whose teachers are all others than the chosen ones; null where there is none.
    #[cfg_attr(feature = "browser", tsify(type = "Control | null"))]
    pub control: Option<Control>,
    /// Why `control` is null: the network asked for does not fit, or no network does.
    #[cfg_attr(feature = "browser", tsify(type = "NoControl | null"))]
    pub no_control: Option<NoControl>,
    /// All students that would do as control, by name.
    pub controls: Vec<String>,
    /// Agreement of each chosen teacher with each other one; null for one teacher.
    #[cfg_attr(feature = "browser", tsify(type = "PairSummary | null"))]
    pub teacher_pairs: Option<PairSummary>,
    /// Agreement of the chosen ensemble with ensembles of as many other teachers of the family, in groups that share none, made
    /// of the others by name; null where there are too few others, or where the chosen ones are of several families.
    #[cfg_attr(feature = "browser", tsify(type = "Ceiling | null"))]
    pub ceiling: Option<Ceiling>,
    pub copied_errors: CopiedErrors,
}

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

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct Control {
    pub name: String,
    pub agreement: f64,
    pub chance: f64,
    pub copied_errors: CopiedErrors,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct PairSummary {
    pub n_pairs: u32,
    pub mean: f64,
    pub lowest: f64,
    pub highest: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct Ceiling {
    /// Mean over the groups.
    pub agreement: f64,
    pub groups: Vec<CeilingGroup>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct CeilingGroup {
    pub teachers: Vec<String>,
    pub agreement: f64,
}

/// # Errors
/// As for [`StoredLogits::view`].
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

/// Why a network is no control for these teachers and this student.
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
    // As the members of an ensemble: the last bits of the mean must not depend on the order of toggles.
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

    /// StoredLogits `says` to four images of three classes.
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
