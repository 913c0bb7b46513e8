//! The table of rooms that opens ARCHITECTURE.md, read as data: which folder or file is a room, and what each may import.
//!
//! The table goes from the ground up. It holds the Rust rooms (`src/...`) and the TypeScript rooms (`www/...`) alike.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// The file that holds the table.
pub const FILE: &str = "ARCHITECTURE.md";

const HEAD: [&str; 3] = ["room", "what lives there", "may import"];

/// Rooms that may say `everything`. Shells put the house together; nothing imports them.
const SHELLS: [&str; 3] = ["src/browser", "src/bin/fidelity", "www/page"];

/// All rooms, from the ground up.
pub struct Rooms {
    pub rooms: Vec<Room>,
}

/// One row of the table.
pub struct Room {
    /// A folder or file, relative to the checkout.
    pub path: String,
    pub may_import: MayImport,
    /// Line of [`FILE`], from 1.
    pub line: usize,
}

#[derive(Debug, PartialEq)]
pub enum MayImport {
    /// Every room that stands above in the table.
    Everything,
    /// Only these; none if the table says `nothing`.
    Only(Vec<String>),
}

impl Rooms {
    /// Reads the table of a checkout.
    pub fn read(root: &Path) -> Result<Self> {
        let markdown = fs::read_to_string(root.join(FILE)).with_context(|| format!("could not read {FILE}"))?;
        Self::parse(&markdown)
    }

    /// Reads the first table whose header is `room | what lives there | may import`.
    pub fn parse(markdown: &str) -> Result<Self> {
        let mut lines = (1..).zip(markdown.lines());
        if !lines.any(|(_, line)| cells(line).is_some_and(|cells| cells == HEAD)) {
            bail!("{FILE} has no table with the columns `{}`", HEAD.join(" | "));
        }
        let mut rooms = Vec::new();
        for (line, text) in lines {
            let Some(cells) = cells(text) else { break };
            let is_rule = |cell: &&str| !cell.is_empty() && cell.chars().all(|c| c == '-' || c == ':');
            if rooms.is_empty() && cells.iter().all(is_rule) {
                continue;
            }
            let [room, _, may_import] = cells[..] else {
                bail!("{FILE}:{line}: the row has {} cells, not 3", cells.len());
            };
            let Some(path) = backticked(room) else {
                bail!("{FILE}:{line}: the room `{room}` must be one path in backticks");
            };
            let Some(may_import) = MayImport::parse(may_import) else {
                bail!(
                    "{FILE}:{line}: `{path}` must list rooms in backticks, separated by commas, or say nothing or \
                     everything; found: {may_import}"
                );
            };
            rooms.push(Room {
                path: path.to_owned(),
                may_import,
                line,
            });
        }
        Ok(Self { rooms })
    }

    /// The room that a file belongs to: the one with the longest path. A module's `x.rs` belongs to the room `x` too.
    pub fn of(&self, file: &str) -> Option<&Room> {
        let owning = self.rooms.iter().filter(|room| room.holds(file));
        owning.max_by_key(|room| room.path.len())
    }

    /// The rooms that `room` may import, besides itself.
    pub fn allowed<'a>(&'a self, room: &'a Room) -> Vec<&'a str> {
        match &room.may_import {
            MayImport::Only(rooms) => rooms.iter().map(String::as_str).collect(),
            MayImport::Everything => self.above(room).map(|above| above.path.as_str()).collect(),
        }
    }

    /// What is wrong with the table itself: its order, unknown or repeated names, rooms that may not import everything.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for room in &self.rooms {
            let Room { path, line, .. } = room;
            let mut fault = |what: String| faults.push(format!("{FILE}:{line}: {what}"));
            if self.above(room).any(|above| above.path == *path) {
                fault(format!("`{path}` has a row already"));
            }
            let imports = match &room.may_import {
                MayImport::Only(imports) => imports.as_slice(),
                MayImport::Everything => {
                    if !SHELLS.contains(&path.as_str()) {
                        fault(format!("`{path}` may not import everything: it is not a shell"));
                    }
                    &[]
                }
            };
            for import in imports {
                if !self.rooms.iter().any(|room| room.path == *import) {
                    fault(format!("`{path}` may import `{import}`, which has no row"));
                } else if !self.above(room).any(|above| above.path == *import) {
                    fault(format!(
                        "the table is not in order: `{path}` may import `{import}`, which does not stand above it"
                    ));
                }
            }
        }
        faults
    }

    fn above(&self, room: &Room) -> impl Iterator<Item = &Room> {
        self.rooms.iter().filter(move |other| other.line < room.line)
    }
}

impl Room {
    pub fn exists(&self, root: &Path) -> bool {
        root.join(&self.path).exists() || root.join(format!("{}.rs", self.path)).exists()
    }

    fn holds(&self, file: &str) -> bool {
        is_within(file, &self.path) || file.strip_suffix(".rs") == Some(&self.path)
    }
}

impl MayImport {
    fn parse(cell: &str) -> Option<Self> {
        match cell {
            "everything" => Some(Self::Everything),
            "nothing" => Some(Self::Only(Vec::new())),
            _ => {
                let rooms = cell.split(',').map(|room| backticked(room.trim()).map(str::to_owned));
                rooms.collect::<Option<_>>().map(Self::Only)
            }
        }
    }
}

/// The trimmed cells of a row of a table, or nothing if the line is not one.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

fn backticked(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('`')?.strip_suffix('`')?;
    (!inner.is_empty() && !inner.contains('`')).then_some(inner)
}

/// Whether a path is `folder` or lies below it.
fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
