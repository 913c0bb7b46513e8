//! Checks of TypeScript and CSS: Biome formats and finds circles, oxlint lints with types and keeps to the rooms of
//! ARCHITECTURE.md.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use crate::npm;
use crate::repo::Repo;
use crate::rooms::{MayImport, Room, Rooms};
use crate::step::run;

/// What oxlint reads.
const LINTED: [&str; 2] = ["www", "tests/browser"];
/// What the page's rooms call `www/api`: its compiled form.
const PACKAGE: &str = "www/api";

/// Checks formatting, the rules for CSS and that no two files import each other in a circle.
pub fn biome(repo: &Repo) -> Result<()> {
    biome_in(repo, &repo.root)
}

/// Lints TypeScript with its types.
pub fn lint(repo: &Repo) -> Result<()> {
    let mut oxlint = npm::tool(repo, "oxlint");
    run(oxlint.args(["--type-aware", "--deny-warnings"]).args(LINTED))
}

/// Checks that every import keeps to the table of rooms.
pub fn rooms(repo: &Repo) -> Result<()> {
    rooms_in(repo, &repo.root)
}

fn biome_in(repo: &Repo, root: &Path) -> Result<()> {
    run(npm::tool(repo, "biome")
        .current_dir(root)
        .args(["ci", "--error-on-warnings", "--colors=off"])
        .arg(root))
}

fn rooms_in(repo: &Repo, root: &Path) -> Result<()> {
    let rooms = Rooms::read(root)?;
    let config = repo.work.join(format!("rooms-{}.json", std::process::id()));
    fs::create_dir_all(&repo.work)?;
    fs::write(&config, serde_json::to_vec_pretty(&restrictions(&rooms))?)?;
    let mut oxlint: Command = npm::tool(repo, "oxlint");
    let result = run(oxlint.current_dir(root).arg("--config").arg(&config).arg("www"));
    fs::remove_file(&config)?;
    result
}

/// oxlint's configuration that forbids each room what its row does not list. Imports are told by their text, which names the
/// last folder of another room, so no two rooms may end alike.
fn restrictions(rooms: &Rooms) -> Value {
    let rooms: Vec<&Room> = rooms
        .rooms
        .iter()
        .filter(|room| room.path.starts_with("www/"))
        .collect();
    let overrides: Vec<Value> = rooms
        .iter()
        .filter_map(|room| match &room.may_import {
            MayImport::Only(listed) => Some((room, listed)),
            MayImport::Everything => None,
        })
        .map(|(room, listed)| {
            let listing = if listed.is_empty() {
                "nothing".to_owned()
            } else {
                listed.join(", ")
            };
            let message = format!("ARCHITECTURE.md lets {} import {listing}", room.path);
            let mut patterns: Vec<Value> = rooms
                .iter()
                .filter(|other| other.path != room.path && !listed.contains(&other.path))
                .filter(|other| is_page(other) == is_page(room) || (is_page(room) && other.path == PACKAGE))
                .map(|other| pattern(room, other, &message))
                .collect();
            // The API's sources from the page, and the page from the API.
            let other_side = if is_page(room) { "api" } else { "page" };
            patterns.push(json!({ "group": [format!("**/{other_side}/**")], "message": message }));
            json!({
                "files": [format!("**/{}/*", room.path)],
                "rules": { "no-restricted-imports": ["error", { "patterns": patterns }] },
            })
        })
        .collect();
    json!({ "plugins": [], "categories": { "correctness": "off" }, "overrides": overrides })
}

/// How `room` would name a file of `other`.
fn pattern(room: &Room, other: &Room, message: &str) -> Value {
    if other.path == PACKAGE && is_page(room) {
        return json!({ "group": ["**/pkg/**"], "message": message });
    }
    if room.path.starts_with(&format!("{}/", other.path)) {
        // A file that lies directly in a folder above.
        return json!({ "regex": r"^(\.\./)+[^/]+$", "message": message });
    }
    let folder = other.path.rsplit('/').next().unwrap_or_default();
    // A wasm module's generated files lie in a folder of `pkg` that may have a room's name.
    json!({ "group": [format!("**/{folder}/**"), "!**/fidelity_lab_*.js"], "message": message })
}

fn is_page(room: &Room) -> bool {
    room.path.starts_with("www/page")
}

#[cfg(test)]
mod tests {
    use std::sync::Once;

    use tempfile::TempDir;

    use super::*;
    use crate::repo::Repo;

    const TABLE: &str = "\
| room | what lives there | may import |
| --- | --- | --- |
| `www/api/wasm` | loading | nothing |
| `www/api/lab` | the lab | `www/api/wasm` |
| `www/api` | entries | `www/api/wasm`, `www/api/lab` |
| `www/page/common` | words | nothing |
| `www/page/state` | signals | `www/api`, `www/page/common` |
| `www/page/views/compare` | a view | `www/page/common`, `www/page/state` |
| `www/page/views/distil` | a view | `www/page/common`, `www/page/state` |
| `www/page` | the frame | everything |
";

    /// A page that keeps to the table.
    const CLEAN: [(&str, &str); 8] = [
        (
            "www/api/wasm/errors.ts",
            "import type { Code } from \"../lab/fidelity_lab_lab.js\";\nexport type Failure = Code;\n",
        ),
        (
            "www/api/lab/lab.ts",
            "import type { Failure } from \"../wasm/errors.js\";\n\nexport type Answer = Failure | null;\n",
        ),
        ("www/api/client.ts", "export * from \"./lab/lab.js\";\n"),
        ("www/page/common/words.ts", "export const words = \"words\";\n"),
        (
            "www/page/state/networks.ts",
            "import type { Answer } from \"../../../pkg/client.js\";\nimport { words } from \"../common/words.ts\";\n\n\
             export const networks: [Answer, string] = [null, words];\n",
        ),
        (
            "www/page/views/compare/compare.tsx",
            "import { networks } from \"../../state/networks.ts\";\n\nexport const Compare = () => <p>{networks}</p>;\n",
        ),
        (
            "www/page/views/distil/distil.tsx",
            "export const Distil = () => <p />;\n",
        ),
        (
            "www/page/main.tsx",
            "import { Compare } from \"./views/compare/compare.tsx\";\n\nexport const later = () => import(\"./views/distil/distil.tsx\");\n\
             export { Compare };\n",
        ),
    ];

    /// The clean page with `file` added, and this checkout's tools.
    fn planted(file: &str, text: &str) -> (Repo, TempDir) {
        static INSTALLED: Once = Once::new();
        let repo = Repo::locate().unwrap();
        INSTALLED.call_once(|| npm::install(&repo).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (file, text) in CLEAN {
            write(file, text);
        }
        write("ARCHITECTURE.md", TABLE);
        write("biome.jsonc", &fs::read_to_string(repo.path("biome.jsonc")).unwrap());
        write(file, text);
        (repo, folder)
    }

    #[test]
    fn a_page_that_keeps_to_the_table_passes() {
        let (repo, folder) = planted("www/page/common/more.ts", "export const more = 1;\n");
        rooms_in(&repo, folder.path()).unwrap();
        biome_in(&repo, folder.path()).unwrap();
    }

    #[test]
    fn an_import_that_no_row_lists_is_a_breach() {
        for (file, specifier) in [
            ("www/page/common/x.ts", "../state/networks.ts"),
            ("www/page/common/x.ts", "../../../pkg/client.js"),
            ("www/page/state/x.ts", "../views/compare/compare.tsx"),
            ("www/page/views/distil/x.ts", "../compare/compare.tsx"),
            ("www/page/views/distil/x.ts", "../../main.tsx"),
            ("www/page/state/x.ts", "../../api/client.ts"),
            ("www/api/wasm/x.ts", "../lab/lab.js"),
            ("www/api/lab/x.ts", "../client.js"),
        ] {
            for text in [
                format!("export * from \"{specifier}\";\n"),
                format!("import type * as X from \"{specifier}\";\n\nexport type Y = typeof X;\n"),
                format!("export const later = () => import(\"{specifier}\");\n"),
            ] {
                let (repo, folder) = planted(file, &text);
                assert!(rooms_in(&repo, folder.path()).is_err(), "{file}: {text}");
            }
        }
    }

    #[test]
    fn a_circle_is_a_breach_also_of_types_and_of_dynamic_imports() {
        for back in [
            "import { b } from \"./b.ts\";\n\nexport const a: string = b;\n",
            "import type { B } from \"./b.ts\";\n\nexport type A = B;\nexport const a = 1;\n",
            "export const a = () => import(\"./b.ts\");\n",
        ] {
            let (repo, folder) = planted(
                "www/page/state/b.ts",
                "import { a } from \"./a.ts\";\n\nexport const b = String(a);\nexport type B = string;\n",
            );
            let first = folder.path().join("www/page/state/a.ts");
            fs::write(&first, "export const a = 1;\n").unwrap();
            biome_in(&repo, folder.path()).unwrap();
            fs::write(&first, back).unwrap();
            assert!(biome_in(&repo, folder.path()).is_err(), "{back}");
        }
    }

    #[test]
    fn what_is_not_formatted_is_told() {
        let (repo, folder) = planted("www/page/state/x.ts", "export const x = 'single'\n");
        assert!(biome_in(&repo, folder.path()).is_err());
        let (repo, folder) = planted("www/page/state/x.css", "a {\n  colour: red;\n}\n");
        assert!(biome_in(&repo, folder.path()).is_err());
    }
}
