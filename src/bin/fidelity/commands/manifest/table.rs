//! Writes `docs/weights.md` from the manifests.

use std::collections::BTreeSet;

use anyhow::Result;
use fidelity_lab::weights::Role;
use fidelity_lab::weights::manifest::Entry;

use super::reference::{count_epochs, differences, ensemble_figure, figure};
use super::store::Store;
use crate::predictions::{self, Predictions};
use crate::stored::{self, N_TEST};

const HEAD: &str = "\
# The networks and their figures

Written by `fidelity manifest` from the manifests in `www/weights`; manual changes are lost.

This program measured all figures over the 10,000 test images of CIFAR-100, with the networks as they ship (weights in half
precision, BatchNorm in f32): accuracy, negative log-likelihood (NLL, nats) and expected calibration error (ECE, ten bins). A
student also has its agreement with the ensemble of its own teachers, and its mean KL divergence from that ensemble (nats).
Ensembles are computed from the stored logits (half precision), both in their own rows and as what students are compared with.
Train agreement is agreement with the teachers on the first 10,000 training images, without augmentation, as the trainer measured
it. Seconds are training time on the machine that trained the network; compare them only with one another.

The last two columns give the nearest figure of the paper (Stanton et al. 2021, with its source; \"read off\" is accurate to half a
point or worse) or of the ResNet-20 checkpoints that its authors published, and how the recipe here differs from the paper's
(teachers: 200 epochs, batch 256, SGD with momentum 0.9, weight decay 1e-4 on all weights, cosine from 0.1; students: 300 epochs,
batch 128, Nesterov, cosine from 0.05; flips and crops). Networks that PyTorch trained come from `tests/golden/train.py`.
";

const COLUMNS: &str = "\
| network | recipe | seconds | accuracy | NLL | ECE | agreement | KL | train agreement | the paper or its authors | differences from the paper |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
";

/// Returns the whole document.
pub fn write(store: &Store) -> Result<String> {
    let mut text = HEAD.to_owned();
    let mut depths: Vec<usize> = store.entries().map(|entry| entry.depth).collect();
    depths.sort_unstable_by(|a, b| b.cmp(a));
    depths.dedup();
    let n_shown = store.counts()[0];
    for depth in depths {
        let of_depth: Vec<(usize, &Entry)> = store
            .entries()
            .enumerate()
            .filter(|(_, entry)| entry.depth == depth)
            .collect();
        let Some((first, entry)) = of_depth.first() else {
            continue;
        };
        text += &format!("\n## {}\n\n", entry.family);
        if *first >= n_shown {
            text += "Not on the page yet: the page shows a family once it has three teachers and a student that they taught.\n\n";
        }
        text += COLUMNS;
        let of = |role| {
            of_depth
                .iter()
                .map(|(_, entry)| *entry)
                .filter(move |entry| entry.role == role)
        };
        of(Role::Teacher).for_each(|entry| text += &row(entry));
        let ensembles: BTreeSet<&[String]> = of(Role::Student)
            .filter_map(|entry| entry.taught_by.as_deref())
            .collect();
        for members in ensembles.into_iter().filter(|members| members.len() > 1) {
            text += &ensemble_row(store, depth, members)?;
        }
        of(Role::Student).for_each(|entry| text += &row(entry));
    }
    Ok(text)
}

fn row(entry: &Entry) -> String {
    let metrics = &entry.metrics;
    let seconds = entry.recipe.as_ref().and_then(|recipe| recipe.seconds);
    cells(&[
        entry.name.clone(),
        recipe(entry),
        seconds.map_or("–".into(), |seconds| format!("{seconds:.0}")),
        percent(Some(metrics.accuracy)),
        format!("{:.3}", metrics.nll),
        format!("{:.3}", metrics.ece),
        percent(metrics.agreement),
        metrics.kl.map_or("–".into(), |kl| format!("{kl:.3}")),
        percent(entry.train_agreement),
        figure(entry).into(),
        differences(entry),
    ])
}

fn ensemble_row(store: &Store, depth: usize, members: &[String]) -> Result<String> {
    let mut predictions = Vec::new();
    for name in members {
        let Some(path) = store.find(name).and_then(|entry| store.logits_path(entry)) else {
            return Ok(String::new());
        };
        predictions.push(Predictions {
            name: name.clone(),
            logits: stored::read(&path)?,
        });
    }
    let Some(general) = predictions::measure(&predictions, &[], N_TEST)?.ensemble else {
        return Ok(String::new());
    };
    let nats = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.3}"));
    Ok(cells(&[
        format!("ensemble of {}", members.join(", ")),
        "mean of their probabilities".into(),
        "–".into(),
        percent(general.accuracy),
        nats(general.nll),
        nats(general.ece),
        "–".into(),
        "–".into(),
        "–".into(),
        ensemble_figure(depth, members.len()).into(),
        "–".into(),
    ]))
}

fn recipe(entry: &Entry) -> String {
    let Some(recipe) = &entry.recipe else {
        return "–".into();
    };
    let mut all: Vec<String> = entry
        .taught_by
        .iter()
        .map(|names| format!("taught by {}", names.join(", ")))
        .collect();
    all.extend(recipe.temperature.map(|tau| format!("tau {tau}")));
    all.extend(
        recipe
            .alpha
            .filter(|&alpha| alpha > 0.0)
            .map(|alpha| format!("alpha {alpha}")),
    );
    all.extend(recipe.lambda.map(|lambda| format!("started at lambda {lambda}")));
    all.extend(recipe.policy.clone());
    all.extend(recipe.epochs.map(count_epochs));
    all.extend(recipe.batch.map(|n| format!("batch {n}")));
    all.extend(recipe.learning_rate.map(|rate| format!("peak learning rate {rate}")));
    all.extend(recipe.seed.map(|seed| format!("seed {seed}")));
    let device = recipe
        .device
        .as_ref()
        .map_or(String::new(), |device| format!(" on {device}"));
    all.push(format!("{}{device}", recipe.trainer));
    all.join(", ")
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".into(), |share| format!("{:.2} %", 100.0 * share))
}

fn cells(cells: &[String]) -> String {
    // An unescaped bar would end the cell.
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}
