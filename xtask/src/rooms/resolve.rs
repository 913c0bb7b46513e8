//! Finds the module that defines what a path names, through re-exports, globs and local names.

use super::modules::{Kind, ModuleId, Tree};

/// The name of the library, by which the programs import it.
const LIBRARY: &str = "fidelity_lab";

/// What a path may name. With conditional compilation one path may name several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An item of this module.
    Item(ModuleId),
    Module(ModuleId),
}

/// Imports and globs that are being followed, so that circles of re-exports end.
type Followed = Vec<(ModuleId, String, usize)>;

impl Tree {
    /// What `path` names in `module`. Empty for other crates, for variables and for the standard library.
    pub fn resolve(&self, module: ModuleId, path: &[String]) -> Vec<Target> {
        let mut targets = self.follow(module, path, &mut Vec::new());
        // A name may stand for a module and for an item. Who names it without going on means the item.
        if targets.iter().any(|target| matches!(target, Target::Item(_))) {
            targets.retain(|target| matches!(target, Target::Item(_)));
        }
        targets
    }

    /// Whether `module` is `ancestor` or lies within it.
    pub fn is_within(&self, module: ModuleId, ancestor: ModuleId) -> bool {
        self.ancestors(module).any(|module| module == ancestor)
    }

    /// The root of a module's crate.
    pub fn root(&self, module: ModuleId) -> ModuleId {
        self.ancestors(module).last().unwrap_or(module)
    }

    fn ancestors(&self, module: ModuleId) -> impl Iterator<Item = ModuleId> {
        std::iter::successors(Some(module), |module| self.modules[*module].parent)
    }

    /// The module that `self` means: blocks are none.
    fn enclosing(&self, module: ModuleId) -> ModuleId {
        let mut modules = self.ancestors(module);
        modules.find(|module| !self.modules[*module].is_block).unwrap_or(module)
    }

    fn follow(&self, module: ModuleId, path: &[String], followed: &mut Followed) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else {
            return Vec::new();
        };
        let mut targets = match first.as_str() {
            "crate" => vec![Target::Module(self.root(module))],
            "self" => vec![Target::Module(self.enclosing(module))],
            "super" => {
                let parent = self.modules[self.enclosing(module)].parent;
                parent.map(Target::Module).into_iter().collect()
            }
            _ => self.look_up_outwards(module, first, followed),
        };
        if targets.is_empty() && first == LIBRARY {
            targets.extend(self.library.map(Target::Module));
        }
        for name in rest {
            targets = self.step(module, &targets, name, followed);
        }
        targets
    }

    /// Goes from the targets of a path's beginning to its next name.
    fn step(&self, from: ModuleId, targets: &[Target], name: &str, followed: &mut Followed) -> Vec<Target> {
        let mut next = Vec::new();
        for target in targets {
            let Target::Module(module) = *target else { continue };
            match (name, self.modules[module].parent) {
                ("super", Some(parent)) => next.push(Target::Module(parent)),
                _ => next.extend(self.look_up(module, name, from, followed)),
            }
        }
        if next.is_empty() {
            // A variant or function of a type counts as the type. What a module has from a macro counts as the module's.
            next.extend(targets.iter().map(|target| match *target {
                Target::Item(module) | Target::Module(module) => Target::Item(module),
            }));
        }
        next
    }

    /// Looks a path's first name up in a module and, from a block, in what surrounds it.
    fn look_up_outwards(&self, module: ModuleId, name: &str, followed: &mut Followed) -> Vec<Target> {
        let found = self.look_up(module, name, module, followed);
        match self.modules[module].parent {
            Some(parent) if found.is_empty() && self.modules[module].is_block => {
                self.look_up_outwards(parent, name, followed)
            }
            _ => found,
        }
    }

    /// Looks a name up in a module, as code in the module `from` sees it.
    fn look_up(&self, module: ModuleId, name: &str, from: ModuleId, followed: &mut Followed) -> Vec<Target> {
        let sees_private = self.is_within(from, module);
        let mut found = Vec::new();
        let names = self.modules[module].names.get(name).map_or(&[][..], Vec::as_slice);
        for (i, entry) in names.iter().enumerate() {
            if !entry.is_public && !sees_private {
                continue;
            }
            match &entry.kind {
                Kind::Item(owner) => found.push(Target::Item(*owner)),
                Kind::Module(child) => found.push(Target::Module(*child)),
                Kind::Import(path) => {
                    let key = (module, name.to_owned(), i);
                    found.extend(once(key, followed, |followed| self.follow(module, path, followed)));
                }
            }
        }
        if !found.is_empty() {
            return found;
        }
        for (i, glob) in self.modules[module].globs.iter().enumerate() {
            if !glob.is_public && !sees_private {
                continue;
            }
            let key = (module, name.to_owned(), names.len() + i);
            found.extend(once(key, followed, |followed| {
                let sources = self.follow(module, &glob.path, followed);
                let modules = sources.into_iter().filter_map(|source| match source {
                    Target::Module(source) => Some(source),
                    Target::Item(_) => None,
                });
                let modules: Vec<_> = modules.collect();
                let found = modules
                    .into_iter()
                    .map(|source| self.look_up(source, name, module, followed));
                found.flatten().collect()
            }));
        }
        found
    }
}

/// Follows an import unless it is being followed already.
fn once(
    key: (ModuleId, String, usize),
    followed: &mut Followed,
    follow: impl FnOnce(&mut Followed) -> Vec<Target>,
) -> Vec<Target> {
    if followed.contains(&key) {
        return Vec::new();
    }
    followed.push(key);
    let found = follow(followed);
    followed.pop();
    found
}
