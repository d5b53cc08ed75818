//! Imports of a crate: which file names something that another file defines.
//!
//! A path leads through modules and re-exports to the file that defines the item. Code that only
//! tests see, or only another system, is left out. Calls of methods name no path, and are not seen.

use proc_macro2::{Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, UseTree, Visibility};

/// The text of files, by their paths.
pub(crate) type Sources = BTreeMap<String, String>;

/// Where one file first names something of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    pub(crate) path: String,
}

/// What files import, by the importing and the imported file.
pub(crate) type Imports = BTreeMap<(String, String), Import>;

/// The systems that a crate is built for, with their families.
pub(crate) const SYSTEMS: [System; 2] =
    [System { name: "linux", family: "unix" }, System { name: "windows", family: "windows" }];

/// A system, by the words that `cfg` has for it.
#[derive(Clone, Copy)]
pub(crate) struct System {
    name: &'static str,
    family: &'static str,
}

/// Reads a crate as it is on a system, from its root file on.
///
/// # Panics
/// Where a file is missing or is not Rust.
pub(crate) fn imports(sources: &Sources, root: &str, system: System) -> Imports {
    let mut reader = Reader { sources, system, modules: Vec::new(), mentions: Vec::new() };
    let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    reader.file(root, &folder, None);
    let Reader { modules, mentions, .. } = reader;
    let mut imports = Imports::new();
    for mention in mentions {
        let from = &modules[mention.module].file;
        let mut seen = BTreeSet::new();
        for found in resolve(&modules, mention.module, &mention.path, &mut seen) {
            let Found::Item(to) = found else { continue };
            if to != *from {
                let import = || Import { line: mention.line, path: mention.path.join("::") };
                let known = imports.entry((from.clone(), to)).or_insert_with(import);
                if mention.line < known.line {
                    *known = import();
                }
            }
        }
    }
    imports
}

/// A module: its file, what it defines, and what it brings into its scope.
#[derive(Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, Vec<usize>>,
    items: BTreeSet<String>,
    /// A name can stand for several things, each under a `cfg` of its own.
    names: BTreeMap<String, Vec<Vec<String>>>,
    globs: Vec<Vec<String>>,
}

/// A path that a module names.
struct Mention {
    module: usize,
    line: usize,
    path: Vec<String>,
}

/// What a path leads to: a module, or an item that this file defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Module(usize),
    Item(String),
}

/// Names that were looked up in modules on the way, so that circles of re-exports come to an end.
type Seen = BTreeSet<(usize, String)>;

fn resolve(modules: &[Module], from: usize, path: &[String], seen: &mut Seen) -> Vec<Found> {
    let Some((first, mut rest)) = path.split_first() else { return vec![Found::Module(from)] };
    let root = |mut module: usize| {
        while let Some(parent) = modules[module].parent {
            module = parent;
        }
        module
    };
    let mut found = match first.as_str() {
        "crate" => vec![Found::Module(root(from))],
        "self" => vec![Found::Module(from)],
        "super" => {
            let mut module = modules[from].parent.unwrap_or(from);
            while let Some((_, more)) = rest.split_first().filter(|(next, _)| *next == "super") {
                module = modules[module].parent.unwrap_or(module);
                rest = more;
            }
            vec![Found::Module(module)]
        }
        name => look_up(modules, from, name, seen),
    };
    for name in rest {
        let mut next = Vec::new();
        for found in found {
            match found {
                // What follows is of the item itself: a variant, an associated function.
                Found::Item(file) => next.push(Found::Item(file)),
                Found::Module(module) => {
                    let here = look_up(modules, module, name, seen);
                    // Macros define what cannot be seen here.
                    let made = here.is_empty().then(|| Found::Item(modules[module].file.clone()));
                    next.extend(here.into_iter().chain(made));
                }
            }
        }
        found = next;
    }
    found.sort();
    found.dedup();
    found
}

fn look_up(modules: &[Module], module: usize, name: &str, seen: &mut Seen) -> Vec<Found> {
    if !seen.insert((module, name.to_owned())) {
        return Vec::new();
    }
    let here = &modules[module];
    let mut found: Vec<_> = here.children.get(name).into_iter().flatten().copied().map(Found::Module).collect();
    if here.items.contains(name) {
        found.push(Found::Item(here.file.clone()));
    }
    for path in here.names.get(name).into_iter().flatten() {
        found.extend(resolve(modules, module, path, seen));
    }
    if found.is_empty() {
        for glob in &here.globs {
            for target in resolve(modules, module, glob, seen) {
                if let Found::Module(target) = target {
                    found.extend(look_up(modules, target, name, seen));
                }
            }
        }
    }
    seen.remove(&(module, name.to_owned()));
    found
}

struct Reader<'s> {
    sources: &'s Sources,
    system: System,
    modules: Vec<Module>,
    mentions: Vec<Mention>,
}

impl Reader<'_> {
    /// Reads a file as a module; the files of its own modules are in a folder.
    fn file(&mut self, path: &str, folder: &str, parent: Option<usize>) -> usize {
        let text = self.sources.get(path).unwrap_or_else(|| panic!("{path} is missing"));
        let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{path}:{}: {e}", e.span().start().line));
        self.module(path, folder, parent, &file.items)
    }

    fn module(&mut self, file: &str, folder: &str, parent: Option<usize>, items: &[Item]) -> usize {
        let module = self.modules.len();
        self.modules.push(Module { file: file.to_owned(), parent, ..Module::default() });
        let system = self.system;
        for item in items.iter().filter(|item| system.has(attributes(item))) {
            self.item(module, file, folder, item);
        }
        module
    }

    fn item(&mut self, module: usize, file: &str, folder: &str, item: &Item) {
        match item {
            Item::Mod(inner) => {
                let name = inner.ident.to_string();
                let below = format!("{folder}/{name}");
                let children = match &inner.content {
                    Some((_, items)) => vec![self.module(file, &below, Some(module), items)],
                    None => {
                        let places = self.places(&inner.attrs, file, folder, &name);
                        assert!(!places.is_empty(), "{file}: the file of `mod {name}` is missing");
                        places.iter().map(|path| self.file(path, &below, Some(module))).collect()
                    }
                };
                self.modules[module].children.entry(name).or_default().extend(children);
                return;
            }
            Item::Use(import) => {
                let mut paths = Vec::new();
                let start = if import.leading_colon.is_some() { vec![String::new()] } else { Vec::new() };
                leaves(&import.tree, &start, &mut paths);
                for Leaf { path, name, span } in paths {
                    // A re-export is followed by those that use it, and is no import of its own.
                    if matches!(import.vis, Visibility::Inherited) {
                        self.mentions.push(Mention { module, line: span.start().line, path: path.clone() });
                    }
                    let here = &mut self.modules[module];
                    match name {
                        Some(name) => here.names.entry(name).or_default().push(path),
                        None => here.globs.push(path),
                    }
                }
                return;
            }
            Item::Macro(defined) => self.modules[module].items.extend(defined.ident.as_ref().map(ToString::to_string)),
            Item::ForeignMod(foreign) => {
                for item in &foreign.items {
                    let name = match item {
                        syn::ForeignItem::Fn(f) => &f.sig.ident,
                        syn::ForeignItem::Static(s) => &s.ident,
                        syn::ForeignItem::Type(t) => &t.ident,
                        _ => continue,
                    };
                    self.modules[module].items.insert(name.to_string());
                }
            }
            item => self.modules[module].items.extend(name_of(item)),
        }
        Paths { reader: self, module }.visit_item(item);
    }

    /// Finds the file of a module: `name.rs` or `name/mod.rs` in the folder, or what `#[path]`
    /// names, which `#[cfg_attr(…, path = …)]` can do for each system. Where that depends on more,
    /// there are several.
    fn places(&self, attributes: &[Attribute], file: &str, folder: &str, name: &str) -> Vec<String> {
        let beside = file.rsplit_once('/').map_or("", |(beside, _)| beside);
        let mut places: Vec<_> = attributes
            .iter()
            .filter_map(|attribute| match &attribute.meta {
                Meta::NameValue(pair) if pair.path.is_ident("path") => Some(pair.value.to_token_stream()),
                Meta::List(list) if list.path.is_ident("cfg_attr") => {
                    let mut parts = list.parse_args_with(Punctuated::<Meta, syn::Token![,]>::parse_terminated).ok()?;
                    let path = match parts.pop()? {
                        Meta::NameValue(pair) if pair.path.is_ident("path") => pair.value.to_token_stream(),
                        _ => return None,
                    };
                    (self.system.holds(parts.first()?) != Some(false)).then_some(path)
                }
                _ => None,
            })
            .filter_map(|text| syn::parse2::<syn::LitStr>(text).ok())
            .map(|text| format!("{beside}/{}", text.value()))
            .collect();
        if places.is_empty() {
            places = vec![format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
        }
        places.retain(|place| self.sources.contains_key(place));
        places
    }
}

/// A path that a `use` brings in, under a name, or all that it holds.
struct Leaf {
    path: Vec<String>,
    name: Option<String>,
    span: Span,
}

fn leaves(tree: &UseTree, before: &[String], found: &mut Vec<Leaf>) {
    let with = |name: &syn::Ident| {
        let mut path = before.to_vec();
        // `a::{self}` is `a`.
        if name != "self" || path.is_empty() {
            path.push(name.to_string());
        }
        path
    };
    match tree {
        UseTree::Path(tree) => leaves(&tree.tree, &with(&tree.ident), found),
        UseTree::Name(tree) => {
            let path = with(&tree.ident);
            found.push(Leaf { name: path.last().cloned(), path, span: tree.ident.span() });
        }
        UseTree::Rename(tree) => {
            let name = Some(tree.rename.to_string());
            found.push(Leaf { path: with(&tree.ident), name, span: tree.ident.span() });
        }
        UseTree::Glob(tree) => {
            found.push(Leaf { path: before.to_vec(), name: None, span: tree.star_token.spans[0] });
        }
        UseTree::Group(tree) => tree.items.iter().for_each(|tree| leaves(tree, before, found)),
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}

impl System {
    /// Tells whether what has these attributes can be there on this system, outside of tests.
    fn has(self, attributes: &[Attribute]) -> bool {
        attributes.iter().all(|attribute| match &attribute.meta {
            Meta::Path(path) => !path.is_ident("test"),
            Meta::List(list) if list.path.is_ident("cfg") => {
                list.parse_args().map_or(true, |condition| self.holds(&condition) != Some(false))
            }
            _ => true,
        })
    }

    /// Tells whether a condition of `cfg` holds; `None` where that depends on more than the system.
    fn holds(self, condition: &Meta) -> Option<bool> {
        match condition {
            Meta::Path(path) if path.is_ident("test") => Some(false),
            Meta::Path(path) if path.is_ident("unix") || path.is_ident("windows") => Some(path.is_ident(self.family)),
            Meta::NameValue(pair) => {
                let value = syn::parse2::<syn::LitStr>(pair.value.to_token_stream()).ok()?.value();
                match pair.path.get_ident()?.to_string().as_str() {
                    "target_os" => Some(value == self.name),
                    "target_family" => Some(value == self.family),
                    _ => None,
                }
            }
            Meta::List(list) => {
                let parts = list.parse_args_with(Punctuated::<Meta, syn::Token![,]>::parse_terminated).ok()?;
                let parts: Vec<_> = parts.iter().map(|part| self.holds(part)).collect();
                match list.path.get_ident()?.to_string().as_str() {
                    "not" => parts.first()?.map(|holds| !holds),
                    "all" if parts.contains(&Some(false)) => Some(false),
                    "any" if parts.contains(&Some(true)) => Some(true),
                    word => (!parts.contains(&None)).then_some(word == "all"),
                }
            }
            Meta::Path(_) => None,
        }
    }
}

/// Collects the paths in an item's code.
struct Paths<'r, 's> {
    reader: &'r mut Reader<'s>,
    module: usize,
}

impl Paths<'_, '_> {
    fn mention(&mut self, path: Vec<String>, span: Span) {
        let line = span.start().line;
        self.reader.mentions.push(Mention { module: self.module, line, path });
    }

    /// Paths among a macro's words, which need not be Rust.
    fn words(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
        let joint =
            |at: usize| colon(at) && matches!(&tokens[at], TokenTree::Punct(p) if p.spacing() == Spacing::Joint);
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.words(group.stream()),
                TokenTree::Ident(first) => {
                    let mut path = vec![first.to_string()];
                    let is_member = at > 0 && matches!(&tokens[at - 1], TokenTree::Punct(p) if p.as_char() == '.');
                    while joint(at + 1) && colon(at + 2) {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else { break };
                        path.push(next.to_string());
                        at += 3;
                    }
                    if !is_member {
                        self.mention(path, first.span());
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

impl<'ast> Visit<'ast> for Paths<'_, '_> {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.mention(names, path.segments[0].ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.words(called.tokens.clone());
    }

    /// A `use` within a function.
    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        let mut found = Vec::new();
        leaves(&import.tree, &[], &mut found);
        for leaf in found {
            self.mention(leaf.path.clone(), leaf.span);
            // In scope of the whole module, to be simple: names are rarely used for two things.
            if let Some(name) = leaf.name {
                self.reader.modules[self.module].names.entry(name).or_default().push(leaf.path);
            }
        }
    }

    /// Attributes name macros of others, and documentation imports nothing.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if self.reader.system.has(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if self.reader.system.has(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if self.reader.system.has(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_expr_block(&mut self, block: &'ast syn::ExprBlock) {
        if self.reader.system.has(&block.attrs) {
            visit::visit_expr_block(self, block);
        }
    }
}
