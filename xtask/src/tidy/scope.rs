//! What one Rust file names: the modules it declares, what it imports, what it defines and which paths it uses.
//!
//! Read from the syntax tree, so comments and strings do not count. Paths inside a macro's arguments are read from
//! its tokens. Types are not resolved: a method call says nothing about where the method stands.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Whether code that is only compiled for tests is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestCode {
    Skipped,
    Read,
}

/// A path as written, `super::tree::Tree` or `fs::read`, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathUse {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// One name brought in by `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// The name it has here; none for a glob.
    pub(crate) name: Option<String>,
    pub(crate) path: PathUse,
    /// `pub use` of any reach: a facade, rather than something that this module needs.
    pub(crate) is_reexport: bool,
}

/// A file's text, or an inline module's.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) name: String,
    /// Modules that stand in files of their own.
    pub(crate) declared: Vec<String>,
    pub(crate) inline: Vec<Scope>,
    pub(crate) imports: Vec<Import>,
    pub(crate) items: BTreeSet<String>,
    pub(crate) uses: Vec<PathUse>,
}

impl Scope {
    /// Reads a file's text.
    pub(crate) fn parse(text: &str, test_code: TestCode) -> syn::Result<Self> {
        let file = syn::parse_file(text)?;
        let mut reader = Reader { scope: Self::default(), test_code };
        reader.visit_file(&file);
        Ok(reader.scope)
    }

    /// Every path that this scope and those within it name, by `use` or in code.
    pub(crate) fn all_paths(&self) -> Vec<&PathUse> {
        let own = self.imports.iter().map(|import| &import.path).chain(&self.uses);
        own.chain(self.inline.iter().flat_map(Self::all_paths)).collect()
    }
}

struct Reader {
    scope: Scope,
    test_code: TestCode,
}

impl Reader {
    fn skips(&self, attributes: &[syn::Attribute]) -> bool {
        self.test_code == TestCode::Skipped && attributes.iter().any(is_for_tests_only)
    }

    fn read_use_tree(&mut self, tree: &syn::UseTree, prefix: &[String], is_reexport: bool) {
        let with = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        let mut import = |name: Option<String>, segments: Vec<String>, at: proc_macro2::Span| {
            let path = PathUse { segments, line: at.start().line };
            self.scope.imports.push(Import { name, path, is_reexport });
        };
        match tree {
            syn::UseTree::Path(path) => self.read_use_tree(&path.tree, &with(&path.ident), is_reexport),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.read_use_tree(tree, prefix, is_reexport);
                }
            }
            syn::UseTree::Glob(glob) => import(None, prefix.to_vec(), glob.star_token.span),
            syn::UseTree::Rename(rename) => {
                import(
                    Some(rename.rename.to_string()),
                    without_self(with(&rename.ident)),
                    rename.ident.span(),
                );
            }
            syn::UseTree::Name(name) => {
                let segments = without_self(with(&name.ident));
                import(segments.last().cloned(), segments, name.ident.span());
            }
        }
    }

    fn read_module(&mut self, module: &syn::ItemMod) {
        let name = module.ident.to_string();
        let Some((_, items)) = &module.content else {
            return self.scope.declared.push(name);
        };
        let outer = std::mem::replace(&mut self.scope, Scope { name, ..Scope::default() });
        for item in items {
            self.visit_item(item);
        }
        let inner = std::mem::replace(&mut self.scope, outer);
        self.scope.inline.push(inner);
    }

    /// Finds `a::b::c` in a macro's arguments.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let mut path = PathUse { segments: Vec::new(), line: 0 };
        let mut colons = 0;
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.finish_path(&mut path);
                        path.line = ident.span().start().line;
                    }
                    path.segments.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.finish_path(&mut path);
                    self.read_tokens(group.stream());
                }
                _ => self.finish_path(&mut path),
            }
        }
        self.finish_path(&mut path);
    }

    fn finish_path(&mut self, path: &mut PathUse) {
        if !path.segments.is_empty() {
            self.scope.uses.push(PathUse { segments: std::mem::take(&mut path.segments), line: path.line });
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if self.skips(attributes(item)) {
            return;
        }
        self.scope.items.extend(defined_name(item));
        match item {
            syn::Item::Mod(module) => self.read_module(module),
            syn::Item::Use(item) => {
                let is_reexport = !matches!(item.vis, syn::Visibility::Inherited);
                self.read_use_tree(&item.tree, &[], is_reexport);
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !self.skips(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(1, |first| first.ident.span().start().line);
        self.scope.uses.push(PathUse { segments, line });
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.read_tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

/// `use a::{self}` names `a`.
fn without_self(mut segments: Vec<String>) -> Vec<String> {
    segments.pop_if(|last| last == "self");
    segments
}

/// Whether the attribute is `#[cfg(test)]`, alone or with more conditions.
fn is_for_tests_only(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let words: Vec<String> = list.tokens.clone().into_iter().flat_map(words).collect();
    list.path.is_ident("cfg")
        && words.iter().any(|word| word == "test")
        && !words.iter().any(|word| word == "not" || word == "any")
}

fn words(token: TokenTree) -> Vec<String> {
    match token {
        TokenTree::Ident(ident) => vec![ident.to_string()],
        TokenTree::Group(group) => group.stream().into_iter().flat_map(words).collect(),
        _ => Vec::new(),
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined_name(item: &syn::Item) -> Option<String> {
    let ident = match item {
        syn::Item::Const(item) => &item.ident,
        syn::Item::Enum(item) => &item.ident,
        syn::Item::Fn(item) => &item.sig.ident,
        syn::Item::Macro(item) => item.ident.as_ref()?,
        syn::Item::Static(item) => &item.ident,
        syn::Item::Struct(item) => &item.ident,
        syn::Item::Trait(item) => &item.ident,
        syn::Item::Type(item) => &item.ident,
        syn::Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str, test_code: TestCode) -> Vec<(String, usize)> {
        let scope = Scope::parse(text, test_code).unwrap();
        scope.all_paths().into_iter().map(|path| (path.segments.join("::"), path.line)).collect()
    }

    #[test]
    fn imports_types_calls_and_macro_arguments_are_read_with_their_lines() {
        let text = "use a::{b as c, d::{self, *}};\nfn f(x: e::E) {\n    assert_eq!(g::h(1), [i::J]);\n}\n";
        let expected = [("a::b", 1), ("a::d", 1), ("a::d", 1), ("e::E", 2), ("g::h", 3), ("i::J", 3)];
        let found = paths(text, TestCode::Skipped);
        for (path, line) in expected {
            assert!(found.contains(&(path.to_owned(), line)), "{path} is not in {found:?}");
        }
    }

    #[test]
    fn test_code_is_read_only_on_request() {
        let text = "#[cfg(test)]\nmod tests { use std::fs; }\n#[cfg(all(test, unix))]\nfn g() { std::fs::read(\"\"); }\nimpl A { #[cfg(test)] fn h() { std::x() } }\n";
        let with_std =
            |test_code| paths(text, test_code).iter().filter(|(path, _)| path.starts_with("std")).count();
        assert_eq!((with_std(TestCode::Skipped), with_std(TestCode::Read)), (0, 3));
        assert_eq!(paths("#[cfg(not(test))]\nuse std::fs;", TestCode::Skipped).len(), 1);
    }

    #[test]
    fn comments_and_strings_name_nothing() {
        assert_eq!(
            paths("//! std::fs\nconst A: &str = \"std::fs\";\n/* std::fs */\n", TestCode::Read),
            [("str".to_owned(), 2)]
        );
    }
}
