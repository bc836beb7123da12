//! Circles of files: file A depends on file B if A names an item that B defines, or declares B as its module. Names are
//! followed through `use` and re-exports to the file that defines them. Code compiled only for tests does not count.

use crate::{code, sources};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A module as its path from the crate's root; empty for the root.
type Module = Vec<String>;

/// What one file declares and names.
#[derive(Default)]
struct Source {
    file: String,
    /// Modules that it declares in files of their own.
    children: BTreeSet<String>,
    /// Names that `use` brings into its scope, and the path of each as written.
    imports: HashMap<String, Vec<String>>,
    /// Every path that it names, as written.
    paths: BTreeSet<Vec<String>>,
}

/// Words and punctuation of Rust code without comments and literals; `::` is one token.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = at(i);
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            i += 2;
            while i < chars.len() && !(at(i) == '*' && at(i + 1) == '/') {
                i += 1;
            }
            i += 2;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            // A character; a lifetime has no quote behind it.
            i += if at(i + 1) == '\\' { 3 } else { 2 };
            while i < chars.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
        } else if is_word(c) {
            let start = i;
            while is_word(at(i)) {
                i += 1;
            }
            let word: String = chars[start..i].iter().collect();
            let raw = matches!(word.as_str(), "r" | "br") && matches!(at(i), '"' | '#');
            let hashes = (i..).take_while(|&index| at(index) == '#').count();
            if raw && at(i + hashes) == '"' {
                let is_end = |index: usize| at(index) == '"' && (1..=hashes).all(|n| at(index + n) == '#');
                i += hashes + 1;
                while i < chars.len() && !is_end(i) {
                    i += 1;
                }
                i += hashes + 1;
            } else {
                found.push(word);
            }
        } else if c == ':' && at(i + 1) == ':' {
            found.push("::".to_owned());
            i += 2;
        } else {
            if !c.is_whitespace() {
                found.push(c.to_string());
            }
            i += 1;
        }
    }
    found
}

fn is_name(token: &str) -> bool {
    token.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}

/// Reads a `use` tree from `tokens`, which start behind `use`; returns each path with the name that it gets.
fn use_tree(tokens: &[String], at: &mut usize, prefix: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(*at) {
        match token.as_str() {
            "::" => *at += 1,
            "{" => {
                *at += 1;
                while tokens.get(*at).is_some_and(|token| token != "}") {
                    use_tree(tokens, at, &path, found);
                    if tokens.get(*at).is_some_and(|token| token == ",") {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "*" => {
                *at += 1;
                found.push((path, "*".to_owned()));
                return;
            }
            "as" => {
                let name = tokens.get(*at + 1).cloned().unwrap_or_default();
                *at += 2;
                found.push((path, name));
                return;
            }
            name if is_name(name) => {
                // `a::{self}` names `a`.
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                *at += 1;
            }
            _ => break,
        }
    }
    if let Some(name) = path.last().cloned() {
        found.push((path, name));
    }
}

fn read(file: &str, code: &str) -> Source {
    let tokens = tokens(code);
    let mut source = Source { file: file.to_owned(), ..Source::default() };
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = |offset: usize| tokens.get(at + offset).map_or("", String::as_str);
        match token.as_str() {
            "use" if next(1) != "<" => {
                let mut found = Vec::new();
                at += 1;
                use_tree(&tokens, &mut at, &[], &mut found);
                for (path, name) in found {
                    source.paths.insert(path.clone());
                    source.imports.insert(name, path);
                }
            }
            "mod" if next(2) == ";" => {
                source.children.insert(next(1).to_owned());
                at += 3;
            }
            name if is_name(name) => {
                let mut path = vec![name.to_owned()];
                at += 1;
                while tokens.get(at).is_some_and(|token| token == "::")
                    && let Some(name) = tokens.get(at + 1).filter(|token| is_name(token))
                {
                    path.push(name.clone());
                    at += 2;
                }
                if path.len() > 1 {
                    source.paths.insert(path);
                }
            }
            _ => at += 1,
        }
    }
    source
}

fn module_of(file: &str) -> Module {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if path == "lib" { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// The crate's modules that are files.
struct Tree(BTreeMap<Module, Source>);

impl Tree {
    fn of(files: &BTreeMap<String, String>) -> Tree {
        let library = files.iter().filter(|(file, _)| *file != "main.rs" && !file.ends_with("tests.rs"));
        Tree(library.map(|(file, text)| (module_of(file), read(file, &code(file, text)))).collect())
    }

    /// The module whose file defines what a path names, as seen from `from`; `None` outside the crate.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => Module::new(),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            _ => {
                rest = path;
                from.clone()
            }
        };
        let rooted = rest.len() < path.len();
        for (index, name) in rest.iter().enumerate() {
            if name == "super" {
                module.pop()?;
                continue;
            }
            let source = self.0.get(&module)?;
            let child: Module = module.iter().cloned().chain([name.clone()]).collect();
            if self.0.contains_key(&child) && source.children.contains(name) {
                module = child;
                continue;
            }
            let import = source.imports.get(name).filter(|import| import[..] != *path && depth < 16);
            return match import {
                Some(import) => {
                    let longer: Vec<String> = import.iter().chain(&rest[index + 1..]).cloned().collect();
                    self.resolve(&module, &longer, depth + 1)
                }
                // Another crate, a generic parameter, an item of this file.
                None if index == 0 && !rooted => None,
                None => Some(module),
            };
        }
        Some(module)
    }

    /// Each file with those that it depends on.
    fn edges(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let file = |module: &Module| self.0.get(module).map(|source| source.file.as_str());
        let edges = self.0.iter().map(|(module, source)| {
            let children =
                source.children.iter().map(|child| [module.as_slice(), std::slice::from_ref(child)].concat());
            let named = source.paths.iter().filter_map(|path| self.resolve(module, path, 0));
            let targets = children.chain(named).filter(|target| target != module);
            (source.file.as_str(), targets.filter_map(|target| file(&target)).collect())
        });
        edges.collect()
    }
}

/// The files that can be reached from one.
fn reachable<'f>(edges: &BTreeMap<&'f str, BTreeSet<&'f str>>, from: &str) -> BTreeSet<&'f str> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = edges[from].iter().copied().collect();
    while let Some(file) = open.pop() {
        if seen.insert(file) {
            open.extend(&edges[file]);
        }
    }
    seen
}

/// Strongly connected components of more than one file.
fn circles<'f>(edges: &BTreeMap<&'f str, BTreeSet<&'f str>>) -> BTreeSet<BTreeSet<&'f str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|file| (*file, reachable(edges, file))).collect();
    let component = |file: &&'f str| -> BTreeSet<&'f str> {
        reached[file].iter().copied().filter(|other| reached[other].contains(file)).collect()
    };
    edges.keys().map(component).filter(|circle| circle.len() > 1).collect()
}

#[test]
fn files_are_in_no_circle() {
    let sources = sources();
    let tree = Tree::of(&sources);
    let edges = tree.edges();
    let mut report = String::new();
    for circle in circles(&edges) {
        report += &format!("a circle of {} files:\n", circle.len());
        for file in &circle {
            let inside: Vec<&str> = edges[file].intersection(&circle).copied().collect();
            report += &format!("    {file} -> {}\n", inside.join(", "));
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn circles_are_found_through_imports_and_re_exports() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let circle_of = |files: &[(String, String)]| {
        let tree = Tree::of(&files.iter().cloned().collect());
        let edges = tree.edges();
        circles(&edges).into_iter().map(|circle| circle.into_iter().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let parent = |text: &str| file("r/mod.rs", &format!("mod a;\nmod b;\n{text}"));
    let root = file("lib.rs", "pub mod r;");
    // Through a re-export in the parent, which is no part of the circle itself.
    let a = file("r/a.rs", "use super::{B as Other};\npub struct A;");
    let b = file("r/b.rs", "fn f(a: crate::r::A) {}\npub struct B;");
    let re_exports = parent("pub use {a::A, b::B};");
    assert_eq!(circle_of(&[root.clone(), re_exports.clone(), a.clone(), b]), ["r/a.rs r/b.rs"]);
    // One way only; comments, strings and tests do not count.
    let b = file(
        "r/b.rs",
        "// super::A\nconst T: &str = \"super::A\";\n#[cfg(test)]\nmod tests {\n use super::super::A;\n}",
    );
    assert_eq!(circle_of(&[root.clone(), re_exports, a, b]), Vec::<String>::new());
    // A child that names an item of its parent's file.
    let a = file("r/a.rs", "use super::P;");
    let b = file("r/b.rs", "");
    assert_eq!(circle_of(&[root.clone(), parent("pub struct P;"), a, b.clone()]), ["r/a.rs r/mod.rs"]);
    // Through an imported module.
    let a = file("r/a.rs", "use super::b;\nfn f() { b::g() }");
    assert_eq!(circle_of(&[root.clone(), parent(""), a.clone(), b]), Vec::<String>::new());
    assert_eq!(circle_of(&[root, parent(""), a, file("r/b.rs", "use super::a::{self};")]), ["r/a.rs r/b.rs"]);
}
