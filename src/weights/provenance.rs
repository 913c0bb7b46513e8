//! What a file says of its origin: JSON of the trainer that made it, in the words of either trainer.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a network was trained, as far as its file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordedRecipe {
    /// For example "PyTorch 2.15.0+cu132".
    pub trainer: String,
    /// Of the program `fidelity`, where one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// The first epochs, on pictures of 24 pixels a side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small_epochs: Option<u64>,
    /// Images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u64>,
    /// The highest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Of augmentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Of distillation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Weight of the labels in a distillation's loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The teacher's share in the student's first weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
    /// The part of the training set, in thousandths, as FROM:TO.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Of training, on whatever machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// What of a provenance is understood here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    pub recipe: RecordedRecipe,
    /// Names of the teachers of a student; empty for a teacher.
    pub taught_by: Vec<String>,
    /// Test accuracy before rounding.
    pub accuracy: Option<f64>,
    /// Share of training images on which a student agrees with its teachers.
    pub train_agreement: Option<f64>,
}

impl Provenance {
    /// Reads what a file says; none where it is no JSON object with a recipe.
    pub fn parse(text: &str) -> Option<Self> {
        let all: Value = serde_json::from_str(text).ok()?;
        let said = all.get("recipe").filter(|recipe| recipe.is_object())?;
        // The program `fidelity` says beside the recipe what is not of a training's steps.
        let find = |names: &[&str]| {
            let mut places = [said, &all].into_iter();
            places.find_map(|place| {
                let mut known = names.iter().filter_map(|name| place.get(name));
                known.find(|value| !value.is_null())
            })
        };
        let whole = |names: &[&str]| find(names).and_then(Value::as_u64);
        let number = |names: &[&str]| find(names).and_then(Value::as_f64);
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let taught_by: Vec<String> = match find(&["teachers", "taughtBy", "taught_by"]).and_then(Value::as_array) {
            Some(names) => names.iter().filter_map(|name| text(Some(name))).collect(),
            None => Vec::new(),
        };
        let is_student = !taught_by.is_empty();
        let test = |name: &str| all.get("test").and_then(|test| test.get(name)).and_then(Value::as_f64);
        let recipe = RecordedRecipe {
            trainer: text(all.get("trainer")).unwrap_or_else(|| "unknown".into()),
            preset: text(all.get("preset")),
            device: text(all.get("device")),
            seed: whole(&["seed"]),
            epochs: whole(&["epochs"]),
            small_epochs: whole(&["small_epochs", "smallEpochs"]).filter(|&n| n > 0),
            batch: whole(&["batch", "batch_size", "batchSize"]),
            learning_rate: number(&["lr", "learning_rate", "learningRate"]).map(without_noise),
            weight_decay: number(&["weight_decay", "weightDecay"]),
            policy: text(find(&["policy", "augmentation"])).map(|name| match name.as_str() {
                "flip_crop" => "baseline".to_owned(),
                _ => name,
            }),
            temperature: number(&["tau", "temperature"]).filter(|_| is_student),
            alpha: number(&["alpha"]).filter(|_| is_student),
            lambda: number(&["init_teacher", "initTeacher", "lambda"])
                .or_else(|| all.pointer("/start/nearTeacher").and_then(Value::as_f64)),
            split: text(find(&["split"]).or_else(|| all.pointer("/trainingImages/split"))),
            seconds: number(&["seconds"]),
        };
        Some(Self {
            recipe,
            taught_by,
            accuracy: test("acc").or_else(|| test("accuracy")),
            train_agreement: test("train_agreement").or_else(|| test("trainAgreement")),
        })
    }
}

/// Without what a multiplication leaves in the last digits: 0.1 * 0.75 is 0.07500000000000001.
fn without_noise(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

/// The same text without a path: of each one its last part stays, since the rest is of a machine and not of the network.
pub fn without_paths(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(mut value) if value.is_object() => {
            // What has no path is left as its trainer wrote it.
            let before = value.clone();
            strip(&mut value);
            if value == before {
                text.to_owned()
            } else {
                value.to_string()
            }
        }
        _ => text.split(' ').map(last_part).collect::<Vec<_>>().join(" "),
    }
}

fn strip(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.split(' ').map(last_part).collect::<Vec<_>>().join(" "),
        Value::Array(values) => values.iter_mut().for_each(strip),
        Value::Object(values) => values.values_mut().for_each(strip),
        _ => {}
    }
}

/// Of a word that is a path; any other as it is. An address is none, and nor is "n/a" or a lone slash.
fn last_part(word: &str) -> &str {
    let is_path = word.starts_with(['/', '~', '\\'])
        || word.starts_with("./")
        || word.starts_with("../")
        || word.get(1..3) == Some(":\\")
        || word.matches('/').count() > 1;
    if is_path && !word.contains("://") {
        word.trim_end_matches(['/', '\\'])
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or_default()
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDENT: &str = r#"{"trainer": "PyTorch 2.15.0", "device": "cpu", "recipe": {"out": "s", "teachers": ["a", "b"], "seed": 10,
        "epochs": 5, "batch": 128, "lr": 0.1, "weight_decay": 0.0005, "policy": "baseline", "tau": 4.0, "alpha": 0.0,
        "init_teacher": null, "split": null, "small_epochs": 2}, "test": {"acc": 0.5504, "train_agreement": 0.7079}}"#;

    #[test]
    fn reads_the_recipe_of_the_reference_trainer() {
        let said = Provenance::parse(STUDENT).unwrap();
        assert_eq!(
            (said.taught_by.join(" "), said.accuracy, said.train_agreement),
            ("a b".into(), Some(0.5504), Some(0.7079))
        );
        let RecordedRecipe {
            epochs,
            small_epochs,
            learning_rate,
            temperature,
            lambda,
            ..
        } = &said.recipe;
        assert_eq!(
            (*epochs, *small_epochs, *learning_rate, *temperature, *lambda),
            (Some(5), Some(2), Some(0.1), Some(4.0), None)
        );
        let teacher = Provenance::parse(&STUDENT.replace(r#"["a", "b"]"#, "[]")).unwrap();
        assert_eq!(
            (teacher.taught_by.len(), teacher.recipe.temperature),
            (0, None),
            "tau says nothing of a teacher"
        );
        let json = serde_json::to_value(&said.recipe).unwrap();
        assert_eq!(serde_json::from_value::<RecordedRecipe>(json).unwrap(), said.recipe);
        assert!(Provenance::parse("by hand").is_none() && Provenance::parse("{}").is_none());
    }

    #[test]
    fn reads_what_the_program_says_of_its_own_networks() {
        let said = Provenance::parse(
            r#"{"trainer": "fidelity 0.1.0", "device": "cpu", "preset": "furnace-student", "epochs": 4, "smallEpochs": 1,
            "recipe": {"temperature": 4.0, "alpha": 0.0, "lr": null, "learningRate": 0.05000000000000001, "weightDecay": 0.0005, "batchSize": 128,
            "policy": "flip_crop", "seed": 106, "steps": 1560}, "teachers": ["t"], "start": {"nearTeacher": 0.5},
            "trainingImages": {"limit": null, "split": "0:500"}, "test": {"accuracy": 0.6, "trainAgreement": 0.9}}"#,
        )
        .unwrap();
        let expected = RecordedRecipe {
            trainer: "fidelity 0.1.0".into(),
            preset: Some("furnace-student".into()),
            device: Some("cpu".into()),
            seed: Some(106),
            epochs: Some(4),
            small_epochs: Some(1),
            batch: Some(128),
            learning_rate: Some(0.05),
            weight_decay: Some(0.0005),
            policy: Some("baseline".into()),
            temperature: Some(4.0),
            alpha: Some(0.0),
            lambda: Some(0.5),
            split: Some("0:500".into()),
            seconds: None,
        };
        assert_eq!(said.recipe, expected);
        assert_eq!(
            (said.taught_by, said.accuracy, said.train_agreement),
            (vec!["t".to_owned()], Some(0.6), Some(0.9))
        );
    }

    #[test]
    fn paths_lose_what_is_of_a_machine() {
        assert_eq!(without_paths(STUDENT), STUDENT, "as it was");
        let found = without_paths(
            r#"{"out": "/home/somebody/nets/a", "list": ["../b.safetensors", "C:\\nets\\c"], "by": "cpu w/o gpu"}"#,
        );
        let expected = serde_json::json!({"out": "a", "list": ["b.safetensors", "c"], "by": "cpu w/o gpu"});
        assert_eq!(serde_json::from_str::<Value>(&found).unwrap(), expected);
        assert_eq!(
            without_paths("from ~/x/y and https://example.org/z"),
            "from y and https://example.org/z"
        );
    }
}
