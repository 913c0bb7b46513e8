//! The module tree of the crates below src, read with syn: which file defines which name.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use syn::{Attribute, Expr, ExprLit, ForeignItem, Item, ItemMod, ItemUse, Lit, Meta, UseTree, Visibility};

/// Index into [`Tree::modules`].
pub type ModuleId = usize;

/// The modules of all crates below src.
#[derive(Default)]
pub struct Tree {
    /// The files that some module is read from, relative to the checkout.
    pub files: Vec<String>,
    pub modules: Vec<Module>,
    /// The items of each module; those of an inline module stand apart from those of its parent.
    pub bodies: Vec<(ModuleId, Vec<Item>)>,
    /// The root of the library, which the programs name by its crate's name.
    pub library: Option<ModuleId>,
}

/// A module, or a block whose items only its own statements can name.
pub struct Module {
    /// Index into [`Tree::files`].
    pub file: usize,
    pub parent: Option<ModuleId>,
    pub is_block: bool,
    /// One name may stand for several items: a module and a function, or items for different targets.
    pub names: HashMap<String, Vec<Name>>,
    pub globs: Vec<Glob>,
}

pub struct Name {
    pub is_public: bool,
    pub kind: Kind,
}

pub enum Kind {
    /// An item that this module defines.
    Item(ModuleId),
    Module(ModuleId),
    /// What `use` brings in.
    Import(Vec<String>),
}

pub struct Glob {
    pub is_public: bool,
    pub path: Vec<String>,
}

/// One imported path of a `use`.
pub struct Leaf {
    pub path: Vec<String>,
    /// The name it has from here on; nothing for `_` and for a glob.
    pub name: Option<String>,
    pub is_glob: bool,
    pub line: usize,
}

impl Tree {
    /// Reads the library and the programs below `root`/src.
    pub fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        let library = root.join("src/lib.rs");
        if library.exists() {
            tree.library = Some(tree.read_crate(root, &library)?);
        }
        for program in programs(root)? {
            tree.read_crate(root, &program)?;
        }
        Ok(tree)
    }

    /// Adds a module that only the statements of one block see.
    pub fn add_block(&mut self, parent: ModuleId, items: &[&Item]) -> ModuleId {
        let block = self.add_module(self.modules[parent].file, Some(parent), true);
        for item in items {
            self.declare(block, item);
        }
        block
    }

    fn read_crate(&mut self, root: &Path, file: &Path) -> Result<ModuleId> {
        let folder = file.parent().unwrap_or(root).to_owned();
        self.read_file(root, file, folder, None)
    }

    /// Reads a file as a module whose children lie in `folder`.
    fn read_file(&mut self, root: &Path, file: &Path, folder: PathBuf, parent: Option<ModuleId>) -> Result<ModuleId> {
        let name = relative(root, file);
        let text = fs::read_to_string(file).with_context(|| format!("could not read {name}"))?;
        let parsed = syn::parse_file(&text).map_err(|error| {
            let line = error.span().start().line;
            anyhow::anyhow!("{name}:{line}: {error}")
        })?;
        let module = self.add_module(self.files.len(), parent, false);
        self.files.push(name);
        let place = Place {
            root,
            file,
            folder,
            is_inline: false,
        };
        self.read_items(&place, module, parsed.items)?;
        Ok(module)
    }

    fn read_items(&mut self, place: &Place, module: ModuleId, mut items: Vec<Item>) -> Result<()> {
        for item in &mut items {
            if let Item::Mod(child) = item {
                let id = self.read_child(place, module, child)?;
                self.name(module, child.ident.to_string(), &child.vis, Kind::Module(id));
            } else {
                self.declare(module, item);
            }
        }
        self.bodies.push((module, items));
        Ok(())
    }

    fn read_child(&mut self, place: &Place, parent: ModuleId, child: &mut ItemMod) -> Result<ModuleId> {
        let name = child.ident.to_string();
        if let Some((_, items)) = &mut child.content {
            let module = self.add_module(self.modules[parent].file, Some(parent), false);
            let place = Place {
                folder: place.folder.join(&name),
                is_inline: true,
                ..*place
            };
            self.read_items(&place, module, std::mem::take(items))?;
            return Ok(module);
        }
        // A file that `#[path]` names owns its folder, as `mod.rs` does.
        if let Some(path) = path_attribute(&child.attrs) {
            let folder = if place.is_inline {
                &place.folder
            } else {
                place.file.parent().unwrap_or(place.root)
            };
            let file = folder.join(path);
            let folder = file.parent().unwrap_or(place.root).to_owned();
            return self.read_file(place.root, &file, folder, Some(parent));
        }
        let folder = place.folder.join(&name);
        for file in [place.folder.join(format!("{name}.rs")), folder.join("mod.rs")] {
            if file.exists() {
                return self.read_file(place.root, &file, folder, Some(parent));
            }
        }
        let line = child.ident.span().start().line;
        bail!("{}:{line}: mod {name} has no file", relative(place.root, place.file));
    }

    fn add_module(&mut self, file: usize, parent: Option<ModuleId>, is_block: bool) -> ModuleId {
        self.modules.push(Module {
            file,
            parent,
            is_block,
            names: HashMap::new(),
            globs: Vec::new(),
        });
        self.modules.len() - 1
    }

    /// Enters the names that an item other than a module gives to its module.
    fn declare(&mut self, module: ModuleId, item: &Item) {
        let (ident, vis) = match item {
            Item::Const(item) => (&item.ident, &item.vis),
            Item::Enum(item) => (&item.ident, &item.vis),
            Item::Fn(item) => (&item.sig.ident, &item.vis),
            Item::Static(item) => (&item.ident, &item.vis),
            Item::Struct(item) => (&item.ident, &item.vis),
            Item::Trait(item) => (&item.ident, &item.vis),
            Item::TraitAlias(item) => (&item.ident, &item.vis),
            Item::Type(item) => (&item.ident, &item.vis),
            Item::Union(item) => (&item.ident, &item.vis),
            Item::ForeignMod(foreign) => {
                for item in &foreign.items {
                    let (ident, vis) = match item {
                        ForeignItem::Fn(item) => (&item.sig.ident, &item.vis),
                        ForeignItem::Static(item) => (&item.ident, &item.vis),
                        ForeignItem::Type(item) => (&item.ident, &item.vis),
                        _ => continue,
                    };
                    self.name(module, ident.to_string(), vis, Kind::Item(module));
                }
                return;
            }
            Item::Macro(item) => {
                // An exported macro is an item of its crate's root.
                if let Some(ident) = &item.ident
                    && item
                        .attrs
                        .iter()
                        .any(|attribute| attribute.path().is_ident("macro_export"))
                {
                    let root = self.root(module);
                    let public = Visibility::Public(Default::default());
                    self.name(root, ident.to_string(), &public, Kind::Item(module));
                }
                return;
            }
            Item::Use(item) => return self.declare_use(module, item),
            _ => return,
        };
        self.name(module, ident.to_string(), vis, Kind::Item(module));
    }

    fn declare_use(&mut self, module: ModuleId, item: &ItemUse) {
        let is_public = is_public(&item.vis);
        for leaf in leaves(item) {
            if leaf.is_glob {
                let path = leaf.path;
                self.modules[module].globs.push(Glob { is_public, path });
            } else if let Some(name) = leaf.name {
                self.name(module, name, &item.vis, Kind::Import(leaf.path));
            }
        }
    }

    fn name(&mut self, module: ModuleId, name: String, vis: &Visibility, kind: Kind) {
        let is_public = is_public(vis);
        let names = self.modules[module].names.entry(name).or_default();
        names.push(Name { is_public, kind });
    }
}

/// Where the items of a module stand, and where its children are to be looked for.
struct Place<'a> {
    root: &'a Path,
    file: &'a Path,
    folder: PathBuf,
    is_inline: bool,
}

/// Every path that a `use` imports. A leading `::` means another crate, so such a `use` has none.
pub fn leaves(item: &ItemUse) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    if item.leading_colon.is_none() {
        collect(&item.tree, Vec::new(), &mut leaves);
    }
    leaves
}

pub fn is_public(vis: &Visibility) -> bool {
    !matches!(vis, Visibility::Inherited)
}

fn collect(tree: &UseTree, mut path: Vec<String>, leaves: &mut Vec<Leaf>) {
    let (ident, name) = match tree {
        UseTree::Path(segment) => {
            path.push(segment.ident.to_string());
            return collect(&segment.tree, path, leaves);
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                collect(tree, path.clone(), leaves);
            }
            return;
        }
        UseTree::Glob(glob) => {
            leaves.push(Leaf {
                path,
                name: None,
                is_glob: true,
                line: glob.star_token.spans[0].start().line,
            });
            return;
        }
        UseTree::Name(name) => (&name.ident, name.ident.to_string()),
        UseTree::Rename(rename) => (&rename.ident, rename.rename.to_string()),
    };
    let line = ident.span().start().line;
    // `use a::{self}` imports `a`.
    let mut name = Some(name);
    if ident == "self" && !path.is_empty() {
        name = name.filter(|name| name != "self").or_else(|| path.last().cloned());
    } else {
        path.push(ident.to_string());
    }
    leaves.push(Leaf {
        path,
        name: name.filter(|name| name != "_"),
        is_glob: false,
        line,
    });
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text), ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// The roots of the programs, as Cargo finds them.
fn programs(root: &Path) -> Result<Vec<PathBuf>> {
    let mut programs = vec![root.join("src/main.rs")];
    let folder = root.join("src/bin");
    if folder.exists() {
        for entry in fs::read_dir(&folder).context("could not list src/bin")? {
            let path = entry?.path();
            programs.push(if path.is_dir() { path.join("main.rs") } else { path });
        }
    }
    programs.retain(|path| path.extension().is_some_and(|extension| extension == "rs") && path.exists());
    programs.sort();
    Ok(programs)
}

/// The path of a file from the checkout, with `/` on every system.
pub fn relative(root: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(root).unwrap_or(file);
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
