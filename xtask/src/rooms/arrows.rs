//! The arrows between files: every place where one file names what another defines.

use std::collections::HashSet;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ExprClosure, ExprLit, ImplItemFn, ItemFn, ItemUse, Lit, Macro, Meta, Pat, PatIdent, Stmt};
use syn::{Expr, TraitItemFn, Visibility};

use super::modules::{Kind, Leaf, ModuleId, Tree, is_public, leaves};
use super::resolve::Target;

/// A place in the file `from` that names what the file `to` defines.
pub struct Arrow {
    /// Index into [`Tree::files`].
    pub from: usize,
    pub to: usize,
    pub line: usize,
    /// The path as it is written.
    pub path: String,
}

/// Finds all arrows of the tree, in the order of its files and lines.
pub fn arrows(tree: &mut Tree) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for (module, items) in std::mem::take(&mut tree.bodies) {
        let mut reader = Reader {
            tree: &mut *tree,
            module,
            variables: Vec::new(),
            arrows: &mut arrows,
        };
        for item in &items {
            reader.visit_item(item);
        }
    }
    arrows.sort_by_key(|arrow| (arrow.from, arrow.line));
    arrows
}

struct Reader<'a> {
    tree: &'a mut Tree,
    module: ModuleId,
    /// Names that the functions around this place bind, which hide items of the same name.
    variables: Vec<HashSet<String>>,
    arrows: &'a mut Vec<Arrow>,
}

/// Whether a single name may be an item's. In macros and attributes small names are mostly variables, fields or keywords.
#[derive(Clone, Copy, PartialEq)]
enum Single {
    Code,
    Macro { is_called: bool },
    Attribute,
}

impl Reader<'_> {
    /// Adds the arrows of a path in code.
    fn path(&mut self, path: &[String], line: usize, single: Single) {
        if path.first().is_some_and(|first| first == "Self") {
            return;
        }
        if let [name] = path {
            let is_item = is_capitalised(name) || matches!(single, Single::Code | Single::Macro { is_called: true });
            if !is_item || name == "self" || self.variables.iter().any(|variables| variables.contains(name)) {
                return;
            }
        }
        for target in self.tree.resolve(self.module, path) {
            match target {
                // A lone name that only a module has is an attribute's or another crate's.
                Target::Module(_) if path.len() == 1 => {}
                Target::Item(module) | Target::Module(module) => self.add(module, path, line),
            }
        }
    }

    /// Adds the arrows of an import. Modules are let in without one: what is named through them counts. So does a
    /// façade, that is a `pub use` of what lies within the module.
    fn import(&mut self, leaf: &Leaf, is_public: bool) {
        for target in self.tree.resolve(self.module, &leaf.path) {
            let (Target::Item(module) | Target::Module(module)) = target;
            let is_facade = is_public && self.tree.is_within(module, self.module);
            let counts = match target {
                Target::Item(_) => true,
                Target::Module(_) => leaf.is_glob && (is_public || self.defines_items(module)),
            };
            if counts && !is_facade {
                let glob = leaf.is_glob.then(|| "*".to_owned());
                let path: Vec<_> = leaf.path.iter().cloned().chain(glob).collect();
                self.add(module, &path, leaf.line);
            }
        }
    }

    fn defines_items(&self, module: ModuleId) -> bool {
        let mut names = self.tree.modules[module].names.values().flatten();
        names.any(|name| matches!(name.kind, Kind::Item(_)))
    }

    fn add(&mut self, module: ModuleId, path: &[String], line: usize) {
        let from = self.tree.modules[self.module].file;
        let to = self.tree.modules[module].file;
        if from != to {
            let path = path.join("::");
            self.arrows.push(Arrow { from, to, line, path });
        }
    }

    /// Adds the arrows of all paths among tokens that syn leaves unread.
    fn tokens(&mut self, tokens: TokenStream, is_attribute: bool) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream(), is_attribute),
                TokenTree::Literal(literal) if is_attribute => self.quoted(literal),
                TokenTree::Ident(first) if !goes_on(&tokens[..at]) => {
                    let (path, end) = path_at(&tokens, at, first);
                    let single = if is_attribute {
                        Single::Attribute
                    } else {
                        Single::Macro {
                            is_called: is_call(tokens.get(end)),
                        }
                    };
                    self.path(&path, first.span().start().line, single);
                    at = end;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// A path in the quotes of an attribute, such as serde's `default = "super::largest"`.
    fn quoted(&mut self, literal: &proc_macro2::Literal) {
        if let Lit::Str(text) = Lit::new(literal.clone())
            && let Ok(path) = text.parse::<syn::Path>()
            && path.segments.len() > 1
        {
            self.path(&names(&path), text.span().start().line, Single::Attribute);
        }
    }

    fn within_function(&mut self, variables: Variables, visit: impl FnOnce(&mut Self)) {
        self.variables.push(variables.0);
        visit(self);
        self.variables.pop();
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for leaf in leaves(item) {
            self.import(&leaf, is_public(&item.vis));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // A leading `::` names another crate.
        if path.leading_colon.is_none()
            && let Some(first) = path.segments.first()
        {
            self.path(&names(path), first.ident.span().start().line, Single::Code);
        }
        visit::visit_path(self, path);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast PatIdent) {
        // A capitalised name in a pattern is a constant or a variant.
        let name = pattern.ident.to_string();
        if is_capitalised(&name) {
            self.path(&[name], pattern.ident.span().start().line, Single::Code);
        }
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let path = attribute.path();
        if path.is_ident("doc") || path.is_ident("cfg") {
            return;
        }
        if let Some(first) = path.segments.first() {
            self.path(&names(path), first.ident.span().start().line, Single::Attribute);
        }
        match &attribute.meta {
            Meta::List(list) => self.tokens(list.tokens.clone(), true),
            Meta::NameValue(pair) => {
                if let Expr::Lit(ExprLit {
                    lit: Lit::Str(text), ..
                }) = &pair.value
                {
                    self.quoted(&text.token());
                }
            }
            Meta::Path(_) => {}
        }
    }

    /// `pub(in crate::a)` uses nothing of `a`.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_block(&mut self, block: &'ast Block) {
        let items = block.stmts.iter().filter_map(|statement| match statement {
            Stmt::Item(item) => Some(item),
            _ => None,
        });
        let items: Vec<_> = items.collect();
        let outside = self.module;
        if !items.is_empty() {
            self.module = self.tree.add_block(outside, &items);
        }
        visit::visit_block(self, block);
        self.module = outside;
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        let mut variables = Variables::default();
        variables.visit_item_fn(function);
        self.within_function(variables, |reader| visit::visit_item_fn(reader, function));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        let mut variables = Variables::default();
        variables.visit_impl_item_fn(function);
        self.within_function(variables, |reader| visit::visit_impl_item_fn(reader, function));
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        let mut variables = Variables::default();
        variables.visit_trait_item_fn(function);
        self.within_function(variables, |reader| visit::visit_trait_item_fn(reader, function));
    }

    /// Constants hold closures too.
    fn visit_expr_closure(&mut self, closure: &'ast ExprClosure) {
        let mut variables = Variables::default();
        variables.visit_expr_closure(closure);
        self.within_function(variables, |reader| visit::visit_expr_closure(reader, closure));
    }
}

/// The names that patterns bind somewhere in a function.
#[derive(Default)]
struct Variables(HashSet<String>);

impl<'ast> Visit<'ast> for Variables {
    fn visit_pat(&mut self, pattern: &'ast Pat) {
        if let Pat::Ident(PatIdent { ident, .. }) = pattern {
            let name = ident.to_string();
            if !is_capitalised(&name) {
                self.0.insert(name);
            }
        }
        visit::visit_pat(self, pattern);
    }
}

fn names(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn is_capitalised(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

/// Whether a name goes on from what stands before it: a field, a method, a lifetime or the rest of a path.
fn goes_on(before: &[TokenTree]) -> bool {
    let punctuation = |token: &TokenTree| match token {
        TokenTree::Punct(punctuation) => Some(punctuation.as_char()),
        _ => None,
    };
    let mut before = before.iter().rev().map(punctuation);
    match (before.next().flatten(), before.next().flatten()) {
        // A range, `0..n`, is not a field.
        (Some('.'), second) => second != Some('.'),
        (Some(':'), second) => second == Some(':'),
        (first, _) => first == Some('\''),
    }
}

/// The path that begins at a token, and the index of the first token behind it.
fn path_at(tokens: &[TokenTree], at: usize, first: &Ident) -> (Vec<String>, usize) {
    let mut path = vec![first.to_string()];
    let mut end = at + 1;
    while let [TokenTree::Punct(one), TokenTree::Punct(two), TokenTree::Ident(next), ..] = &tokens[end..]
        && one.as_char() == ':'
        && two.as_char() == ':'
    {
        path.push(next.to_string());
        end += 3;
    }
    (path, end)
}

fn is_call(next: Option<&TokenTree>) -> bool {
    matches!(next, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
}
