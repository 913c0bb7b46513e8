//! Holds the Rust code to the table of rooms in ARCHITECTURE.md: files import only from rooms that their own room's row
//! lists, rows list only rooms that stand above them, and no files import each other in a circle.
//!
//! Tests count like all other code. A method that is called without naming its type or trait is not seen.

mod arrows;
mod circles;
mod modules;
mod resolve;
pub mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};

use crate::repo::{Repo, files_below};
use arrows::Arrow;
use modules::{Tree, relative};
pub use table::{MayImport, Room, Rooms};

use table::FILE;

/// Where the rooms of the Rust code begin.
const RUST: &str = "src/";

/// Prints every breach of the table; an error if there is any.
pub fn check(repo: &Repo) -> Result<()> {
    let breaches = breaches(&repo.root)?;
    for breach in &breaches {
        eprintln!("{breach}");
    }
    if !breaches.is_empty() {
        bail!(
            "the code and the table of rooms in {FILE} differ in {} places",
            breaches.len()
        );
    }
    Ok(())
}

fn breaches(root: &Path) -> Result<Vec<String>> {
    let rooms = Rooms::read(root)?;
    let mut tree = Tree::read(root)?;
    let arrows = arrows::arrows(&mut tree);
    let mut breaches = rooms.faults();
    breaches.extend(absent_rooms(root, &rooms));
    breaches.extend(stray_files(root, &rooms, &tree)?);
    breaches.extend(forbidden_arrows(&rooms, &tree, &arrows));
    breaches.extend(unused_arrows(&rooms, &tree, &arrows));
    breaches.extend(circles::circles(&arrows).iter().map(|circle| {
        let files = circle
            .iter()
            .map(|(file, line)| format!("{}:{line}", tree.files[*file]));
        let files: Vec<_> = files.collect();
        format!("circle of files: {} → {}", files.join(" → "), tree.files[circle[0].0])
    }));
    Ok(breaches)
}

fn rust_rooms(rooms: &Rooms) -> impl Iterator<Item = &Room> {
    rooms.rooms.iter().filter(|room| room.path.starts_with(RUST))
}

fn absent_rooms(root: &Path, rooms: &Rooms) -> Vec<String> {
    let absent = rust_rooms(rooms).filter(|room| !room.exists(root));
    absent
        .map(|room| format!("{FILE}:{}: `{}` does not exist", room.line, room.path))
        .collect()
}

/// Files without a room, and files that are compiled into nothing and so cannot be judged.
fn stray_files(root: &Path, rooms: &Rooms, tree: &Tree) -> Result<Vec<String>> {
    let read: BTreeSet<&str> = tree.files.iter().map(String::as_str).collect();
    let mut strays = Vec::new();
    for file in files_below(&root.join(RUST))? {
        let file = relative(root, &file);
        if !file.ends_with(".rs") {
            continue;
        }
        if rooms.of(&file).is_none() {
            strays.push(format!("{file} belongs to no room of {FILE}"));
        }
        if !read.contains(file.as_str()) {
            strays.push(format!("{file} belongs to no crate: no `mod` names it"));
        }
    }
    Ok(strays)
}

/// One breach for each file that imports another against the table, with all lines where it does.
fn forbidden_arrows(rooms: &Rooms, tree: &Tree, arrows: &[Arrow]) -> Vec<String> {
    let mut places: BTreeMap<(usize, usize), Vec<&Arrow>> = BTreeMap::new();
    for arrow in arrows {
        if let Some((from, to)) = rooms_of(rooms, tree, arrow)
            && from.path != to.path
            && !rooms.allowed(from).contains(&to.path.as_str())
        {
            places.entry((arrow.from, arrow.to)).or_default().push(arrow);
        }
    }
    let breaches = places.into_values().filter_map(|arrows| {
        let first = arrows[0];
        let (from, to) = rooms_of(rooms, tree, first)?;
        let lines: BTreeSet<usize> = arrows.iter().map(|arrow| arrow.line).collect();
        let others: Vec<_> = lines.iter().skip(1).map(usize::to_string).collect();
        let others = match others[..] {
            [] => String::new(),
            _ => format!(" (more on lines {})", others.join(", ")),
        };
        Some(format!(
            "{}:{}: `{}` is defined in {}, but {}{others}",
            tree.files[first.from],
            first.line,
            first.path,
            place(&tree.files[first.to], to),
            permission(rooms, from)
        ))
    });
    breaches.collect()
}

fn unused_arrows(rooms: &Rooms, tree: &Tree, arrows: &[Arrow]) -> Vec<String> {
    let used = arrows.iter().filter_map(|arrow| rooms_of(rooms, tree, arrow));
    let used: BTreeSet<(&str, &str)> = used.map(|(from, to)| (from.path.as_str(), to.path.as_str())).collect();
    let mut unused = Vec::new();
    for room in rust_rooms(rooms) {
        let MayImport::Only(imports) = &room.may_import else {
            continue;
        };
        for import in imports {
            if !used.contains(&(&room.path, import)) {
                unused.push(format!(
                    "{FILE} lets `{}` import `{import}`, but nothing does",
                    room.path
                ));
            }
        }
    }
    unused
}

/// The rooms at both ends of an arrow, if both files have one.
fn rooms_of<'a>(rooms: &'a Rooms, tree: &Tree, arrow: &Arrow) -> Option<(&'a Room, &'a Room)> {
    let room = |file: usize| rooms.of(&tree.files[file]);
    Some((room(arrow.from)?, room(arrow.to)?))
}

fn place(file: &str, room: &Room) -> String {
    if file == room.path {
        return format!("`{file}`");
    }
    format!("`{}` ({file})", room.path)
}

fn permission(rooms: &Rooms, room: &Room) -> String {
    let allowed: Vec<_> = rooms.allowed(room).iter().map(|room| format!("`{room}`")).collect();
    match &allowed[..] {
        [] => format!("`{}` may import nothing", room.path),
        _ => format!("`{}` may import only {}", room.path, allowed.join(", ")),
    }
}

#[cfg(test)]
mod tests;
