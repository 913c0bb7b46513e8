use std::fs;

use tempfile::TempDir;

use super::*;

const TABLE: &str = "# Architecture

| room | what lives there | may import |
| --- | --- | --- |
| `src/lib.rs` | the modules | nothing |
| `src/ground` | the ground floor | nothing |
| `src/upper` | the upper floor | `src/ground` |
| `src/browser` | the roof | everything |
| `src/bin/fidelity` | the program | `src/upper` |
| `www/api` | not Rust | nothing |
";

/// A house without a breach, in which every way to name an item of another file occurs.
const HOUSE: [(&str, &str); 11] = [
    ("ARCHITECTURE.md", TABLE),
    ("src/lib.rs", "pub mod browser;\npub mod ground;\npub mod upper;\n"),
    (
        "src/ground/mod.rs",
        "mod leaf;\nmod twig;\npub use leaf::{Leaf, LEAVES};\npub use twig::*;\n",
    ),
    ("src/ground/leaf.rs", "pub struct Leaf;\npub const LEAVES: usize = 1;\n"),
    (
        "src/ground/twig.rs",
        "use super::Leaf;\npub fn twig() -> Leaf { Leaf }\n",
    ),
    ("src/upper.rs", "pub mod tree;\npub(crate) use tree::grow;\n"),
    (
        "src/upper/tree.rs",
        "use crate::ground;\npub fn grow() { ground::twig(); }\n#[cfg(test)]\nmod tests {\n    use super::*;\n    #[test]\n    \
         fn grows() { grow() }\n}\n",
    ),
    (
        "src/browser/mod.rs",
        "pub fn show() { crate::upper::grow(); crate::ground::twig(); }\n",
    ),
    ("src/bin/fidelity/main.rs", "mod run;\nfn main() { run::run() }\n"),
    (
        "src/bin/fidelity/run.rs",
        "use fidelity_lab::upper::tree;\npub fn run() { tree::grow() }\n",
    ),
    ("xtask/src/main.rs", "use crate::not::looked::at;\n"),
];

/// The breaches of the house after these files take the place of its own or stand beside them.
fn breaches_with(changes: &[(&str, &str)]) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    for (path, text) in HOUSE.iter().chain(changes) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    breaches(folder.path()).unwrap()
}

#[track_caller]
fn check(changes: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(breaches_with(changes), expected);
}

/// Holds `leaf.rs`, on the ground floor, to be in breach on line 2 by naming `path`, which upper/tree.rs defines.
#[track_caller]
fn check_leaf(code: &str, path: &str) {
    let leaf = format!("pub struct Leaf; pub const LEAVES: usize = 1;\n{code}\n");
    let breach = format!(
        "src/ground/leaf.rs:2: `{path}` is defined in `src/upper` (src/upper/tree.rs), but `src/ground` may import nothing"
    );
    let tree = "pub struct Tree; pub const AGE: usize = 1; pub fn grow() { crate::ground::LEAVES; }\n";
    let circle = "circle of files: src/ground/leaf.rs:2 → src/upper/tree.rs:1 → src/ground/leaf.rs";
    check(
        &[("src/ground/leaf.rs", &leaf), ("src/upper/tree.rs", tree)],
        &[&breach, circle],
    );
}

#[test]
fn a_house_in_order_passes() {
    check(&[], &[]);
}

#[test]
fn a_use_of_a_room_above_is_a_breach() {
    check_leaf("use crate::upper::tree::grow;", "crate::upper::tree::grow");
    check_leaf("use crate::{upper::tree::{Tree as Oak}};", "crate::upper::tree::Tree");
    check_leaf("use super::super::upper::tree::*;", "super::super::upper::tree::*");
    check_leaf(
        "#[cfg(test)] mod tests { use crate::upper::tree::AGE; }",
        "crate::upper::tree::AGE",
    );
    check_leaf("fn f() { use crate::upper::tree::AGE; }", "crate::upper::tree::AGE");
}

#[test]
fn a_qualified_path_to_a_room_above_is_a_breach() {
    check_leaf("fn f() { crate::upper::tree::grow() }", "crate::upper::tree::grow");
    check_leaf(
        "fn f(_: Option<&crate::upper::tree::Tree>) {}",
        "crate::upper::tree::Tree",
    );
    check_leaf(
        "fn f(n: usize) { match n { crate::upper::tree::AGE => (), _ => () } }",
        "crate::upper::tree::AGE",
    );
    check_leaf(
        "fn f() { use crate::upper::tree as oak; oak::Tree::plant() }",
        "oak::Tree::plant",
    );
    check_leaf(
        "fn f() { <crate::upper::tree::Tree>::plant() }",
        "crate::upper::tree::Tree",
    );
}

#[test]
fn a_path_in_a_macro_or_an_attribute_counts() {
    check_leaf(
        "fn f() { assert_eq!(crate::upper::tree::AGE, 1) }",
        "crate::upper::tree::AGE",
    );
    check_leaf(
        "fn f() { assert!(vec![0..super::super::upper::tree::AGE].is_empty()) }",
        "super::super::upper::tree::AGE",
    );
    check_leaf(
        "macro_rules! age { () => { $crate::upper::tree::AGE } }",
        "crate::upper::tree::AGE",
    );
    check_leaf(
        "#[serde(default = \"crate::upper::tree::grow\")] struct S;",
        "crate::upper::tree::grow",
    );
    check_leaf(
        "#[derive(crate::upper::tree::Tree)] struct S;",
        "crate::upper::tree::Tree",
    );
}

#[test]
fn a_re_export_hides_nothing() {
    check_leaf("use crate::upper::grow;", "crate::upper::grow");
    check(
        &[
            (
                "src/lib.rs",
                "pub mod browser; pub mod ground; pub mod upper; pub use upper::tree::grow as plant;\n",
            ),
            ("src/ground/twig.rs", "use crate::plant;\npub fn twig() { plant() }\n"),
            ("src/upper/tree.rs", "pub fn grow() { crate::ground::LEAVES; }\n"),
        ],
        &[
            "src/ground/twig.rs:1: `crate::plant` is defined in `src/upper` (src/upper/tree.rs), but `src/ground` may import \
             nothing (more on lines 2)",
        ],
    );
    let breaches = breaches_with(&[("src/ground/twig.rs", "pub use crate::upper::grow;\npub fn twig() {}\n")]);
    let upward = "src/ground/twig.rs:1: `crate::upper::grow` is defined in `src/upper` (src/upper/tree.rs)";
    assert!(breaches[0].starts_with(upward), "{breaches:?}");
}

#[test]
fn names_that_a_glob_brings_in_lead_to_their_files() {
    let twig = "use super::*;\npub fn twig() -> Leaf { Leaf }\n";
    let leaf = "pub struct Leaf;\npub const LEAVES: usize = 1;\nfn back() { super::twig(); }\n";
    check(
        &[("src/ground/leaf.rs", leaf), ("src/ground/twig.rs", twig)],
        &["circle of files: src/ground/leaf.rs:3 → src/ground/twig.rs:2 → src/ground/leaf.rs"],
    );
}

#[test]
fn two_files_that_import_each_other_are_a_circle() {
    let leaf = "use super::twig;\npub struct Leaf;\npub const LEAVES: usize = 1;\nfn back() { twig::twig(); }\n";
    check(
        &[("src/ground/leaf.rs", leaf)],
        &["circle of files: src/ground/leaf.rs:4 → src/ground/twig.rs:1 → src/ground/leaf.rs"],
    );
}

#[test]
fn a_parent_that_uses_its_child_and_is_used_by_it_is_a_circle() {
    let program = "mod run;\nfn main() { run::run() }\nfn help() {}\n";
    let run = "pub fn run() { fidelity_lab::upper::grow(); super::help() }\n";
    check(
        &[("src/bin/fidelity/main.rs", program), ("src/bin/fidelity/run.rs", run)],
        &["circle of files: src/bin/fidelity/main.rs:2 → src/bin/fidelity/run.rs:1 → src/bin/fidelity/main.rs"],
    );
}

#[test]
fn a_variable_is_no_item_of_the_same_name() {
    let ground = "mod leaf;\nmod twig;\npub use leaf::*;\npub use twig::twig;\npub struct Soil;\nfn f(twig: u8) -> u8 { twig }\n";
    let twig = "use super::Soil;\npub fn twig() -> Soil { Soil }\n";
    let changes = [("src/ground/mod.rs", ground), ("src/ground/twig.rs", twig)];
    check(&changes, &[]);
    let ground = ground.replace("twig: u8", "_: u8");
    check(
        &[("src/ground/mod.rs", &ground), changes[1]],
        &["circle of files: src/ground/mod.rs:6 → src/ground/twig.rs:1 → src/ground/mod.rs"],
    );
}

#[test]
fn a_module_may_lie_where_its_path_attribute_says() {
    let ground = "#[cfg(unix)] #[path = \"leaf.rs\"] mod part;\n#[cfg(not(unix))] #[path = \"twig.rs\"] mod part;\n\
                  pub use part::{Leaf, LEAVES, twig};\n";
    let leaf = "use part::one;\nmod part;\npub fn twig() { one() }\npub struct Leaf; pub const LEAVES: usize = 1;\n";
    let part = "pub fn one() { super::twig() }\n";
    check(
        &[
            ("src/ground/mod.rs", ground),
            ("src/ground/leaf.rs", leaf),
            ("src/ground/part.rs", part),
            ("src/ground/twig.rs", "pub fn twig() {}\n"),
        ],
        &["circle of files: src/ground/leaf.rs:1 → src/ground/part.rs:1 → src/ground/leaf.rs"],
    );
}

#[test]
fn a_file_without_a_room_or_without_a_crate_is_a_breach() {
    check(
        &[
            (
                "src/lib.rs",
                "pub mod attic;\npub mod browser;\npub mod ground;\npub mod upper;\n",
            ),
            ("src/attic.rs", ""),
            ("src/ground/forgotten.rs", ""),
        ],
        &[
            "src/attic.rs belongs to no room of ARCHITECTURE.md",
            "src/ground/forgotten.rs belongs to no crate: no `mod` names it",
        ],
    );
}

#[test]
fn the_longest_path_decides_the_room() {
    let twig = "| `src/ground/twig.rs` | one file | `src/ground` |\n| `src/upper` | the";
    let table = TABLE.replace("| `src/upper` | the", twig);
    let rooms = Rooms::parse(&table).unwrap();
    let room = |file| rooms.of(file).map(|room| room.path.as_str());
    assert_eq!(room("src/ground/leaf.rs"), Some("src/ground"));
    assert_eq!(room("src/ground/twig.rs"), Some("src/ground/twig.rs"));
    assert_eq!(room("src/upper.rs"), Some("src/upper"));
    assert_eq!(room("src/upper_floor.rs"), None);
    check(
        &[("ARCHITECTURE.md", &table)],
        &[
            "src/upper/tree.rs:2: `ground::twig` is defined in `src/ground/twig.rs`, but `src/upper` may import only `src/ground`",
            "ARCHITECTURE.md lets `src/upper` import `src/ground`, but nothing does",
        ],
    );
}

#[test]
fn a_table_out_of_order_is_a_breach() {
    let table = TABLE
        .replace("ground floor | nothing", "ground floor | `src/upper`, `src/cellar`")
        .replace("not Rust | nothing", "not Rust | `www/page`")
        + "| `www/page` | not Rust | nothing |\n| `src/ground` | | nothing |\n";
    let breaches = breaches_with(&[("ARCHITECTURE.md", &table)]);
    let expected = [
        "ARCHITECTURE.md:6: the table is not in order: `src/ground` may import `src/upper`, which does not stand above it",
        "ARCHITECTURE.md:6: `src/ground` may import `src/cellar`, which has no row",
        "ARCHITECTURE.md:10: the table is not in order: `www/api` may import `www/page`, which does not stand above it",
        "ARCHITECTURE.md:12: `src/ground` has a row already",
    ];
    assert_eq!(breaches[..4], expected);
}

#[test]
fn a_room_that_does_not_exist_is_a_breach() {
    let table = format!("{TABLE}| `src/attic` | | nothing |\n");
    check(
        &[("ARCHITECTURE.md", &table)],
        &["ARCHITECTURE.md:11: `src/attic` does not exist"],
    );
}

#[test]
fn an_arrow_that_no_code_uses_is_a_breach() {
    let table = TABLE.replace("the program | `src/upper`", "the program | `src/upper`, `src/ground`");
    check(
        &[("ARCHITECTURE.md", &table)],
        &["ARCHITECTURE.md lets `src/bin/fidelity` import `src/ground`, but nothing does"],
    );
}

#[test]
fn only_a_shell_may_import_everything_and_only_from_above() {
    let table = TABLE.replace("upper floor | `src/ground`", "upper floor | everything");
    check(
        &[("ARCHITECTURE.md", &table)],
        &["ARCHITECTURE.md:7: `src/upper` may not import everything: it is not a shell"],
    );
    let roof = "| `src/browser` | the roof | everything |\n";
    let upper = "| `src/upper` | the";
    let table = TABLE.replace(roof, "").replace(upper, &format!("{roof}{upper}"));
    check(
        &[("ARCHITECTURE.md", &table)],
        &[
            "src/browser/mod.rs:1: `crate::upper::grow` is defined in `src/upper` (src/upper/tree.rs), but `src/browser` may \
             import only `src/lib.rs`, `src/ground`",
        ],
    );
}

#[test]
fn a_table_that_cannot_be_read_says_where() {
    let error = |markdown: &str| Rooms::parse(markdown).err().unwrap().to_string();
    assert!(error("# Architecture\n").contains("has no table with the columns `room | what lives there | may import`"));
    let table = |row: &str| {
        error(&format!(
            "| room | what lives there | may import |\n|---|---|---|\n{row}\n"
        ))
    };
    assert_eq!(
        table("| `a` | | nothing | |"),
        "ARCHITECTURE.md:3: the row has 4 cells, not 3"
    );
    assert_eq!(
        table("| a | | nothing |"),
        "ARCHITECTURE.md:3: the room `a` must be one path in backticks"
    );
    assert!(table("| `a` | | all but `b` |").ends_with("or say nothing or everything; found: all but `b`"));
}
