//! Translation of tensor names that follow the paper authors' published code.
//!
//! Their PreResNet computes the same function as ours under other names: `conv1` is our `stem`, `layer2.0.bn1` our
//! `stage2.0.norm1`, `layer2.0.downsample.0` our `stage2.0.shortcut`, `bn` our `norm` and `fc` our `head`.

use std::collections::BTreeSet;

use super::file::Entry;

/// Renames tensors from the authors' names to ours and returns whether the file used the authors' names. A tensor keeps its name
/// if the name is not one of the authors' or our name is taken; validation then reports it as extra.
pub(super) fn rename(entries: &mut [Entry]) -> bool {
    if !has_authors_names(entries.iter().map(|entry| entry.name.as_str())) {
        return false;
    }
    let taken: BTreeSet<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    for entry in entries {
        if let Some(ours) = renamed(&entry.name).filter(|ours| !taken.contains(ours)) {
            entry.name = ours;
        }
    }
    true
}

/// Whether the first and the last layer have the authors' names.
fn has_authors_names<'a>(names: impl IntoIterator<Item = &'a str>) -> bool {
    let (mut stem, mut head) = (false, false);
    for name in names {
        stem |= name == "conv1.weight";
        head |= name.starts_with("fc.");
    }
    stem && head
}

/// Our name for one of the authors' tensors, or `None` if the name is not one of theirs.
fn renamed(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("layer") {
        let mut parts = rest.splitn(4, '.');
        let (stage, index, layer, what) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !matches!(stage, "1" | "2" | "3") || !is_number(index) {
            return None;
        }
        let (layer, what) = match (layer.strip_prefix("bn"), layer.strip_prefix("conv")) {
            (Some(i), _) if matches!(i, "1" | "2" | "3") => (format!("norm{i}"), what),
            (_, Some(i)) if matches!(i, "1" | "2" | "3") => (format!("conv{i}"), what),
            _ if layer == "downsample" => ("shortcut".to_owned(), what.strip_prefix("0.")?),
            _ => return None,
        };
        return Some(format!("stage{stage}.{index}.{layer}.{what}"));
    }
    let (layer, what) = name.split_once('.')?;
    let layer = match layer {
        "conv1" => "stem",
        "bn" => "norm",
        "fc" => "head",
        _ => return None,
    };
    Some(format!("{layer}.{what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn their_names_become_ours() {
        let expect = [
            ("conv1.weight", "stem.weight"),
            ("layer1.0.bn1.running_var", "stage1.0.norm1.running_var"),
            ("layer3.17.conv3.weight", "stage3.17.conv3.weight"),
            ("layer2.0.downsample.0.weight", "stage2.0.shortcut.weight"),
            ("bn.bias", "norm.bias"),
            ("fc.weight", "head.weight"),
        ];
        for (theirs, ours) in expect {
            assert_eq!(renamed(theirs).as_deref(), Some(ours));
        }
        for other in [
            "layer4.0.conv1.weight",
            "layer1.x.bn1.weight",
            "layer1.0.bn4.weight",
            "layer2.0.downsample.1.weight",
            "stem.weight",
            "layer1",
        ] {
            assert_eq!(renamed(other), None, "{other}");
        }
    }

    #[test]
    fn the_first_and_the_last_layer_tell() {
        assert!(has_authors_names(["bn.weight", "fc.bias", "conv1.weight"]));
        assert!(!has_authors_names(["stem.weight", "head.weight"]));
        assert!(!has_authors_names(["conv1.weight"]));
    }
}
