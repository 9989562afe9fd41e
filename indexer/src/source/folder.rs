//! Folders of Markdown files: which files there are, and which folder policies.
//!
//! `.gitignore` files are honoured, symbolic links are not followed (one could lead out of the
//! folder that somebody decided to publish), and whatever is not Markdown is named as skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};
use thiserror::Error;

use crate::parse::MAX_BODY_BYTES;

/// Name of the file that holds a folder's policy.
pub const POLICY_FILE: &str = ".acl.yaml";

/// More than any file that is parsed may hold: a body of the largest size and its front matter.
const MAX_FILE_BYTES: usize = 2 * MAX_BODY_BYTES;
/// Names that were meant to be [`POLICY_FILE`], in lower case.
const MISSPELT_POLICIES: [&str; 3] = [".acl.yml", "acl.yaml", "acl.yml"];

/// Endings of the files that are Markdown.
const MARKDOWN_ENDINGS: [&str; 4] = [".md", ".markdown", ".mdx", ".md.erb"];

/// Why a folder could not be read. Nothing is indexed then: half a folder would look like
/// removed files.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The folder is not there.
    #[error("{0} is not a folder")]
    NotAFolder(PathBuf),
    /// Something below it cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The walk itself failed.
    #[error("cannot walk the folder: {0}")]
    Walk(#[from] ignore::Error),
    /// Two source folders hold the same relative path.
    #[error("{path} is in two of the source folders; one collection needs distinct paths")]
    Twice {
        /// The relative path.
        path: String,
    },
}

/// What the folders hold. Paths are relative to their root, with `/`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FolderListing {
    /// Markdown files by relative path.
    pub documents: BTreeMap<String, PathBuf>,
    /// Folder policies by relative folder path, `""` for the root.
    pub policies: BTreeMap<String, PathBuf>,
    /// Files that were meant to be folder policies but are not named so, by folder.
    pub misspelt: BTreeMap<String, String>,
    /// Markdown files whose names are not UTF-8, with what can be shown of their paths.
    pub unnameable: Vec<String>,
    /// Other files by relative path.
    pub skipped: Vec<String>,
}

/// Lists several folders as one tree.
pub fn list(roots: &[PathBuf]) -> Result<FolderListing, FolderError> {
    let mut listing = FolderListing::default();
    for root in roots {
        if !root.is_dir() {
            return Err(FolderError::NotAFolder(root.clone()));
        }
        list_root(root, &mut listing)?;
    }
    find_policies(roots, &mut listing)?;
    listing.skipped.sort_unstable();
    Ok(listing)
}

/// Reads one file, naming it if that fails. Of a file that no parser takes it reads just enough
/// for the parser to refuse it, so that a huge one cannot exhaust the memory.
pub fn read(path: &Path) -> Result<Vec<u8>, FolderError> {
    let unreadable = |source| FolderError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn list_root(root: &Path, listing: &mut FolderListing) -> Result<(), FolderError> {
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .ignore(false)
        .git_ignore(true)
        .git_global(false)
        .git_exclude(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk {
        let entry = entry?;
        if entry.file_type().is_some_and(|kind| kind.is_dir()) {
            continue;
        }
        place(root, &entry, listing)?;
    }
    Ok(())
}

fn place(root: &Path, entry: &DirEntry, listing: &mut FolderListing) -> Result<(), FolderError> {
    let path = entry.path();
    let inner = path.strip_prefix(root).unwrap_or(path);
    let shown = inner.to_string_lossy();
    let relative = shown.replace(std::path::MAIN_SEPARATOR, "/");
    let (folder, name) = relative.rsplit_once('/').unwrap_or(("", &relative));
    if name == ".gitignore" {
        return Ok(());
    }
    let plain_file = entry.file_type().is_some_and(|kind| kind.is_file());
    let lower = name.to_lowercase();
    let markdown = MARKDOWN_ENDINGS
        .iter()
        .any(|ending| lower.ends_with(ending));
    if is_misspelt_policy(name) {
        // One name a folder is kept, and never a mere copy in place of another.
        let known = listing.misspelt.get(folder);
        if known.is_none_or(|known| known.starts_with(POLICY_FILE)) {
            let shown = name.chars().take(40).collect();
            listing.misspelt.insert(folder.to_owned(), shown);
        }
        return Ok(());
    }
    if name == POLICY_FILE {
        return Ok(());
    }
    if !(plain_file && markdown) {
        listing.skipped.push(relative);
        return Ok(());
    }
    if inner.to_str().is_none() {
        listing.unnameable.push(relative);
        return Ok(());
    }
    match listing.documents.insert(relative.clone(), path.to_owned()) {
        Some(_) => Err(FolderError::Twice { path: relative }),
        None => Ok(()),
    }
}

/// Looks for the policies above every document by name, in every root: the roots are one tree.
/// The walk is not asked, since a `.gitignore` that hides a policy file would lose its denies.
fn find_policies(roots: &[PathBuf], listing: &mut FolderListing) -> Result<(), FolderError> {
    let documents = listing.documents.keys();
    let folders: BTreeSet<&str> = documents.flat_map(|path| enclosing(path)).collect();
    for folder in folders {
        for root in roots {
            let here = root.join(folder);
            let path = here.join(POLICY_FILE);
            let found = path.symlink_metadata();
            // Anything but a clear no is looked at, and refused if it cannot be read.
            if !matches!(&found, Err(error) if is_absence(error)) {
                let previous = listing.policies.insert(folder.to_owned(), path);
                if previous.is_some() {
                    let path = format!("{folder}/{POLICY_FILE}");
                    return Err(FolderError::Twice { path });
                }
            }
            for name in MISSPELT_POLICIES {
                if here.join(name).symlink_metadata().is_ok() {
                    listing.misspelt.insert(folder.to_owned(), name.to_owned());
                }
            }
        }
        // Copies that editors keep beside a policy are no policies.
        let copy = |name: &mut String| name.starts_with(POLICY_FILE);
        let kept = listing.policies.contains_key(folder);
        if kept && listing.misspelt.get_mut(folder).is_some_and(copy) {
            listing.misspelt.remove(folder);
        }
    }
    Ok(())
}

/// Whether an error says that there is no such file. In another root the folder may be missing,
/// or be a file.
fn is_absence(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Whether a name was meant to be that of a policy file. Ignoring one would lose what it says.
fn is_misspelt_policy(name: &str) -> bool {
    let lower = name.to_lowercase();
    let known = lower.starts_with(".acl") || MISSPELT_POLICIES.contains(&lower.as_str());
    known && name != POLICY_FILE
}

/// The folders that enclose a document's path, outermost first, beginning with the root `""`.
pub fn enclosing(document: &str) -> impl Iterator<Item = &str> {
    let inner = document.match_indices('/');
    std::iter::once("").chain(inner.map(|(at, _)| document.split_at(at).0))
}
