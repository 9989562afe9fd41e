//! Keeps the sources as ARCHITECTURE says they are: layers, one door, modules that say what they
//! are, files that can be read in one sitting, links that lead somewhere.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

type Outcome = Result<(), Box<dyn Error>>;

/// Most lines of a file before its tests begin.
const MAX_LINES: usize = 400;

/// Layers of `ambit`: a module may use those of its own number and of lower ones. `config` knows
/// what an agent is (identity); `app` puts a data directory and its search engine together, and use
/// cases are given it.
/// `lib.rs` only lists modules.
const AMBIT: &[(u8, &[&str])] = &[
    (20, &["identity"]),
    (25, &["config"]),
    (30, &["audit", "usage", "door", "search"]),
    (35, &["app"]),
    (
        40,
        &[
            "context",
            "answers",
            "release",
            "documents",
            "administration",
            "leaktest",
        ],
    ),
    (50, &["http", "mcp", "console", "cli", "main"]),
];

/// Modules that nothing below the given number may use although it could by the layers: the
/// configuration reaches lower layers as values.
const CONFIG_FROM: u8 = 35;

/// Layers of `ambit-indexer`.
const INDEXER: &[(u8, &[&str])] = &[
    // The model: pure.
    (
        10,
        &["principal", "label", "document", "clock", "acl", "guarded"],
    ),
    // Stages of the pipeline that know nothing of storage.
    (20, &["parse", "chunk", "directory", "source"]),
    (30, &["catalog", "index"]),
    (40, &["store"]),
    (50, &["pipeline"]),
];

/// What may stand in production code of certain files only. White space does not count.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (
        ".open(|",
        &["src/door.rs"],
        "guarded content is opened by the door",
    ),
    (
        ".open(move|",
        &["src/door.rs"],
        "guarded content is opened by the door",
    ),
    (
        "Guarded::open",
        &["src/door.rs"],
        "guarded content is opened by the door",
    ),
    (
        ".select(",
        &["src/door.rs"],
        "the access table is opened by the door",
    ),
    (
        "AccessTable::select",
        &["src/door.rs"],
        "the access table is opened by the door",
    ),
    (
        ".reselect(",
        &["src/door.rs"],
        "the access table is opened by the door",
    ),
    (
        "AccessTable::reselect",
        &["src/door.rs"],
        "the access table is opened by the door",
    ),
    (
        "AccessScope::new(",
        &["src/identity.rs", "src/identity/"],
        "scopes are made in identity",
    ),
    (
        "tantivy",
        &[
            "src/search.rs",
            "src/search/",
            "indexer/src/index.rs",
            "indexer/src/index/",
        ],
        "the engine is known to search and index only",
    ),
];

/// The one route that is not registered together with its description.
const RAW_ROUTE: &str = r#".route("/openapi.json","#;

/// One Rust source file.
struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// Code up to the tests, without comments.
    fn production(&self) -> String {
        let (before, _) = split_tests(&self.text);
        let lines = before.lines().map(|line| match line.trim_start() {
            comment if comment.starts_with("//") => "",
            _ => line.split(" // ").next().unwrap_or_default(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The path of the module below its crate: `["http", "wire"]`.
    fn module(&self, root: &str) -> Vec<&str> {
        let inner = self.path.strip_prefix(root).unwrap_or(&self.path);
        let inner = inner.strip_suffix(".rs").unwrap_or(inner);
        inner.split('/').filter(|part| *part != "lib").collect()
    }
}

fn split_tests(text: &str) -> (&str, &str) {
    let at = text.find("#[cfg(test)]").unwrap_or(text.len());
    text.split_at(at)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder of the repository with this ending.
fn files(folder: &str, ending: &str) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // The bundled documents are data, and their links are meant to be odd.
            let passed_over = matches!(
                name.as_str(),
                "target" | ".git" | "fixtures" | "node_modules"
            );
            if entry.file_type()?.is_dir() && !passed_over {
                folders.push(entry.path());
            } else if name.ends_with(ending) && entry.file_type()?.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

fn sources(folder: &str) -> Result<Vec<Source>, Box<dyn Error>> {
    let found = files(folder, ".rs")?.into_iter().map(|path| {
        let inner = path.strip_prefix(root())?.to_string_lossy().into_owned();
        Ok(Source {
            path: inner,
            text: fs::read_to_string(&path)?,
        })
    });
    let found: Result<Vec<Source>, Box<dyn Error>> = found.collect();
    let found = found?;
    assert!(!found.is_empty(), "{folder} has sources");
    Ok(found)
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// The top-level modules that code names, through `crate::`, `super::…` or the crate's own name.
fn imports(code: &str, depth: usize, crate_name: &str) -> BTreeSet<String> {
    let upwards = "super::".repeat(depth);
    let mut found = BTreeSet::new();
    for prefix in ["crate::", upwards.as_str(), crate_name] {
        for (at, _) in code.match_indices(prefix) {
            let before = code.get(..at).unwrap_or_default();
            let continues = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if continues || before.ends_with("::") && prefix != "crate::" {
                continue;
            }
            let after = code.get(at + prefix.len()..).unwrap_or_default();
            if after.starts_with("super::") {
                continue;
            }
            found.extend(named(after));
        }
    }
    found
}

/// The first name after a prefix, or the first names of a group in braces.
fn named(after: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        text.trim_start().chars().take_while(plain).collect()
    };
    let Some(group) = after.strip_prefix('{') else {
        return vec![name(after)];
    };
    let (mut depth, mut names, mut current) = (1_usize, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(std::mem::take(&mut current)),
            c if depth == 1 => current.push(c),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.push(current);
    names.iter().map(|text| name(text)).collect()
}

fn layer(layers: &[(u8, &[&str])], module: &str) -> Option<u8> {
    let of = layers.iter().find(|(_, modules)| modules.contains(&module));
    of.map(|(number, _)| *number)
}

fn check_layers(
    folder: &str,
    crate_name: &str,
    layers: &[(u8, &[&str])],
) -> Result<Vec<String>, Box<dyn Error>> {
    let mut problems = Vec::new();
    for source in sources(folder)?.iter().filter(|source| !source.is_test()) {
        let module = source.module(&format!("{folder}/"));
        let Some(top) = module.first().filter(|top| !top.is_empty()) else {
            continue;
        };
        let Some(own) = layer(layers, top) else {
            problems.push(format!(
                "{}: `{top}` is in no layer; add it to the table",
                source.path
            ));
            continue;
        };
        for used in imports(&source.production(), module.len(), crate_name) {
            // What is no module in the table is an item of the crate root or of the file itself.
            let Some(of_used) = layer(layers, &used) else {
                continue;
            };
            let config = used == "config" && own < CONFIG_FROM && *top != "config";
            if of_used > own || config {
                problems.push(format!("{}: {top} must not use {used}", source.path));
            }
        }
    }
    Ok(problems)
}

#[test]
fn imports_go_down_only() -> Outcome {
    let mut problems = check_layers("src", "ambit::", AMBIT)?;
    problems.extend(check_layers("indexer/src", "ambit_indexer::", INDEXER)?);
    for source in sources("indexer/src")? {
        let code = source.production();
        if code.contains("ambit::") {
            problems.push(format!("{}: the indexer uses ambit", source.path));
        }
        let model = source.module("indexer/src/");
        let pure = model
            .first()
            .is_some_and(|top| layer(INDEXER, top) == Some(10));
        for outside in [
            "std::fs",
            "std::net",
            "std::process",
            "async fn",
            "rusqlite",
        ] {
            if pure && code.contains(outside) {
                problems.push(format!("{}: the model is pure, no {outside}", source.path));
            }
        }
    }
    let manifest: toml::Table = fs::read_to_string(root().join("indexer/Cargo.toml"))?.parse()?;
    let depends = |table: &str| {
        let table = manifest.get(table).and_then(toml::Value::as_table);
        table.is_some_and(|table| table.contains_key("ambit"))
    };
    assert!(!depends("dependencies") && !depends("dev-dependencies"));
    report(&problems);
    Ok(())
}

#[test]
fn the_check_of_imports_sees_what_it_should() {
    let code = "use crate::{door, search::{self, http}, identity};\nfn f() { crate::audit::g(); \
                super::super::config::h(); super::near(); xcrate::no(); }";
    let found = imports(code, 2, "ambit::");
    let expected = ["audit", "config", "door", "identity", "search"];
    assert_eq!(Vec::from_iter(found), expected);
}

#[test]
fn what_is_reserved_to_a_file_stands_nowhere_else() -> Outcome {
    let mut problems = Vec::new();
    let all = sources("src")?.into_iter().chain(sources("indexer/src")?);
    let mut at_home = 0;
    for source in all.filter(|source| !source.is_test()) {
        let code: String = source.production().split_whitespace().collect();
        for (text, homes, why) in RESERVED.iter().filter(|(text, ..)| code.contains(text)) {
            let home = homes.iter().any(|home| match home.strip_suffix('/') {
                Some(_) => source.path.starts_with(home),
                None => source.path == *home,
            });
            at_home += usize::from(home);
            if !home {
                problems.push(format!("{}: `{text}`: {why}", source.path));
            }
        }
        let raw = code.matches(".route(").count();
        let known = match source.path.as_str() {
            "src/http.rs" => code.matches(RAW_ROUTE).count(),
            _ => 0,
        };
        if raw != known {
            problems.push(format!(
                "{}: a route without a description; register it with routes!",
                source.path
            ));
        }
    }
    assert!(at_home >= 6, "the check finds the places that it protects");
    report(&problems);
    Ok(())
}

#[test]
fn every_module_says_what_it_is() -> Outcome {
    let mut problems = Vec::new();
    for folder in ["src", "indexer", "tests", "benches"] {
        for source in sources(folder)? {
            let first = source.text.lines().next().unwrap_or_default();
            if !(first.starts_with("//! ") || first.starts_with("#![doc = include_str!")) {
                problems.push(format!("{}: begins without //!", source.path));
            }
        }
    }
    report(&problems);
    Ok(())
}

#[test]
fn no_file_is_too_long() -> Outcome {
    let mut problems = Vec::new();
    for source in sources("src")?.into_iter().chain(sources("indexer/src")?) {
        let lines = split_tests(&source.text).0.lines().count();
        if lines > MAX_LINES && !source.is_test() {
            problems.push(format!(
                "{}: {lines} lines; at most {MAX_LINES}",
                source.path
            ));
        }
    }
    report(&problems);
    Ok(())
}

#[test]
fn no_relative_link_is_dead() -> Outcome {
    let mut problems = Vec::new();
    let pages = files("", ".md")?;
    assert!(!pages.is_empty());
    for page in pages {
        let text = fs::read_to_string(&page)?;
        let folder = page.parent().unwrap_or(root());
        for link in links(&text) {
            let path = link.split('#').next().unwrap_or_default();
            let elsewhere = link.contains("://") || link.starts_with("mailto:") || path.is_empty();
            if !elsewhere && !folder.join(path).exists() {
                problems.push(format!("{}: {link} leads nowhere", page.display()));
            }
        }
    }
    report(&problems);
    Ok(())
}

/// Targets of links outside code: `](target)` and `[name]: target`.
fn links(markdown: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Text between backticks is code: every second stretch.
        let stretches = line.split('`').step_by(2);
        for stretch in stretches {
            let inline = stretch.split("](").skip(1);
            let targets = inline.filter_map(|rest| rest.split([')', ' ']).next());
            found.extend(targets.filter(|target| !target.is_empty()));
        }
        let definition = line
            .strip_prefix('[')
            .and_then(|line| line.split_once("]: "));
        found.extend(definition.and_then(|(_, target)| target.split_whitespace().next()));
    }
    found
}
