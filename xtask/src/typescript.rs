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
        .args(["ci", "--error-on-warnings"])
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
