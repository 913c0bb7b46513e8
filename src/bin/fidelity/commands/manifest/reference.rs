//! Published figures of such networks, from the paper (Stanton et al. 2021, arXiv 2106.05945v2) and its authors' checkpoints.

use fidelity_lab::distil::PresetName;
use fidelity_lab::weights::manifest::Entry;
use fidelity_lab::weights::provenance::RecordedRecipe;

/// The paper's recipe: epochs, batch size, peak learning rate.
const TEACHER: (u64, u64, f64) = (200, 256, 0.1);
const STUDENT: (u64, u64, f64) = (300, 128, 0.05);
/// The paper's weight decay, which applies to all weights.
const WEIGHT_DECAY: f64 = 1e-4;

/// Returns the published figure that is nearest to the network.
pub fn figure(entry: &Entry) -> &'static str {
    let recipe = entry.recipe.clone().unwrap_or_default();
    let n_teachers = entry.taught_by.as_ref().map_or(0, Vec::len);
    let lambda = recipe.lambda.unwrap_or_default();
    let is_mixup = recipe.policy.as_deref() == Some("mixup");
    let is_baseline = recipe.policy.as_deref().is_none_or(|policy| policy == "baseline");
    let hot = recipe.temperature.is_none_or(|tau| tau > 1.0);
    match (entry.depth, n_teachers) {
        (20, 0) => "65.7 % (authors' checkpoints)",
        (20, 1) if lambda >= 1.0 => "train agreement 100 % (Fig. 6, with LayerNorm)",
        (20, 1) if lambda >= 0.5 => "train agreement 99.6 to 99.8 % (Fig. 6, with LayerNorm)",
        (20, 1) if lambda >= 0.375 => "train agreement 97.3 to 97.8 % (Fig. 6, with LayerNorm)",
        (20, 1) if lambda >= 0.25 => "train agreement 79.8 to 81.1 % (Fig. 6, with LayerNorm)",
        (20, 1) => "agreement 77.2 %, KL 0.84 (Table 1)",
        (20, 3) if is_baseline && hot => "69.7 %, agreement 75.2 %, KL 0.75 (authors' checkpoints)",
        (56, 0) => "about 72 % (read off Fig. 1)",
        (56, 1) => "about 72 %, agreement about 72.5 % (read off Fig. 1)",
        (56, 3) if is_baseline => "agreement about 77 % (read off Fig. 1)",
        (56, 5) if is_mixup && hot => "74.5 %, agreement 85.5 % (read off Fig. 3)",
        (56, 5) if is_mixup => "75.0 %, agreement 83.5 % (read off Fig. 3)",
        (56, 5) if is_baseline && hot => "74.5 %, agreement 83.5 to 84.5 % (read off Fig. 3)",
        (56, 5) if is_baseline => "72.5 %, agreement 79 % (read off Fig. 3)",
        _ => "–",
    }
}

/// Returns the published figure of an ensemble of `n_teachers` teachers.
pub fn ensemble_figure(depth: usize, n_teachers: usize) -> &'static str {
    match (depth, n_teachers) {
        (20, 3) => "71.7 % (authors' checkpoints)",
        (56, 3) => "about 76 % (read off Fig. 1)",
        (56, 5) => "about 77.5 % (read off Fig. 10)",
        _ => "–",
    }
}

/// Lists how the recipe differs from the paper's.
pub fn differences(entry: &Entry) -> String {
    let Some(recipe) = &entry.recipe else {
        return "unknown".into();
    };
    let RecordedRecipe {
        epochs,
        small_epochs,
        batch,
        learning_rate,
        weight_decay,
        split,
        ..
    } = recipe;
    let (paper_epochs, paper_batch, paper_rate) = if entry.taught_by.is_some() { STUDENT } else { TEACHER };
    let mut all = Vec::new();
    if let Some(n) = epochs.filter(|&n| n != paper_epochs) {
        all.push(format!("{} instead of {paper_epochs}", count_epochs(n)));
    }
    if let Some(n) = small_epochs {
        all.push(format!("the first {n} on 24-pixel images"));
    }
    if let Some(n) = batch.filter(|&n| n != paper_batch) {
        all.push(format!("batch {n} instead of {paper_batch}"));
    }
    if let Some(rate) = learning_rate.filter(|rate| (rate - paper_rate).abs() > 1e-9) {
        all.push(format!("peak learning rate {rate} instead of {paper_rate}"));
    }
    if let Some(decay) = weight_decay.filter(|decay| (decay - WEIGHT_DECAY).abs() > 1e-9) {
        all.push(format!("weight decay {decay} instead of {WEIGHT_DECAY}"));
    }
    if let Some(split) = split {
        all.push(format!("only part {split} of the training set"));
    }
    if recipe.trainer.starts_with("PyTorch") {
        all.push("bf16 (f32 if the processor lacks it), warm-up, no weight decay on norms and biases".into());
    }
    if recipe.preset.as_deref().is_some_and(is_fast) {
        all.push("warm-up, no weight decay on norms and biases".into());
    }
    if all.is_empty() { "–".into() } else { all.join("; ") }
}

/// Whether a preset is one of the fast ones. Networks from before they were renamed record `furnace-teacher` or `furnace-student`.
fn is_fast(preset: &str) -> bool {
    matches!(
        serde_json::from_value(preset.into()),
        Ok(PresetName::FastTeacher | PresetName::FastStudent)
    )
}

/// Writes a number of epochs in words.
pub fn count_epochs(n: u64) -> String {
    if n == 1 {
        "1 epoch".into()
    } else {
        format!("{n} epochs")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fast_preset_is_known_under_either_name() {
        for (preset, is_fast) in [
            ("fast-teacher", true),
            ("furnace-student", true),
            ("student", false),
            ("unknown", false),
        ] {
            assert_eq!(super::is_fast(preset), is_fast, "{preset}");
        }
    }
}
