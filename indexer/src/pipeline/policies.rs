//! Folder policies of a run: read, resolved, and applied to documents.
//!
//! Upholds FAIL-CLOSED: a policy that cannot be read breaks every document below it, since its
//! denies would be lost otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use crate::acl::inherit::{EffectiveAcl, FolderPolicy, effective};
use crate::acl::{StatedPolicy, WrittenEntry};
use crate::catalog::{FolderChange, QuarantinedFile};
use crate::directory::Directory;
use crate::document::{ContentHash, Kind};
use crate::label::Labels;
use crate::parse;
use crate::principal::{Principal, PrincipalSpelling};
use crate::source::folder::{self, FolderListing, POLICY_FILE};

/// One folder that states something.
struct Folder {
    stated: StatedPolicy,
    kind: Option<Kind>,
    uri: Option<String>,
}

/// All folder policies of a run.
pub(super) struct FolderPolicies {
    folders: BTreeMap<String, Folder>,
    /// Folders whose policy cannot be read, with the reason.
    broken: BTreeMap<String, QuarantinedFile>,
    /// Names that the policies wrote, with what they stand for.
    pub(super) aliases: Vec<(String, Principal)>,
}

/// What a document takes from the folders above it, besides access.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FolderDefaults {
    pub(super) kind: Option<Kind>,
    pub(super) uri: Option<String>,
}

impl FolderPolicies {
    /// Reads and resolves every policy file of the listing.
    pub(super) fn load(listing: &FolderListing, directory: &Directory, labels: &Labels) -> Self {
        let mut policies = Self {
            folders: BTreeMap::new(),
            broken: BTreeMap::new(),
            aliases: Vec::new(),
        };
        for (path, file) in &listing.policies {
            let read = read_policy(file).and_then(|bytes| read_folder(&bytes, directory, labels));
            match read {
                Ok((folder, aliases)) => {
                    policies.aliases.extend(aliases);
                    policies.folders.insert(path.clone(), folder);
                }
                Err(rejected) => policies.refuse(path, POLICY_FILE, rejected),
            }
        }
        for (path, name) in &listing.misspelt {
            let reason = format!("a folder policy is named {POLICY_FILE}, not {name}");
            policies.refuse(path, name, parse::Rejected { line: None, reason });
        }
        policies
    }

    /// Names all that the policy files of a listing say at this moment.
    pub(super) fn fingerprint(listing: &FolderListing) -> ContentHash {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for (path, file) in &listing.policies {
            parts.push(path.as_bytes().to_vec());
            parts.push(match read_policy(file) {
                Ok(bytes) => bytes,
                Err(rejected) => rejected.reason.into_bytes(),
            });
        }
        for (path, name) in &listing.misspelt {
            parts.push(path.as_bytes().to_vec());
            parts.push(name.as_bytes().to_vec());
        }
        ContentHash::of_parts(parts.iter().map(Vec::as_slice))
    }

    fn refuse(&mut self, folder: &str, name: &str, rejected: parse::Rejected) {
        let path = match folder {
            "" => name.to_owned(),
            _ => format!("{folder}/{name}"),
        };
        let file = QuarantinedFile {
            path,
            line: rejected.line,
            reason: rejected.reason,
        };
        self.broken.insert(folder.to_owned(), file);
    }

    /// The policy files that cannot be read.
    pub(super) fn broken(&self) -> impl Iterator<Item = &QuarantinedFile> {
        self.broken.values()
    }

    /// The broken policy above a document, if there is one.
    pub(super) fn broken_above(&self, document: &str) -> Option<&QuarantinedFile> {
        folder::enclosing(document).find_map(|folder| self.broken.get(folder))
    }

    /// The policy in force for a document.
    pub(super) fn effective(
        &self,
        document: &str,
        stated: &StatedPolicy,
        labels: &Labels,
    ) -> EffectiveAcl {
        let above: Vec<FolderPolicy<'_>> = folder::enclosing(document)
            .filter_map(|path| {
                let folder = self.folders.get(path)?;
                Some(FolderPolicy {
                    path,
                    policy: &folder.stated,
                })
            })
            .collect();
        effective(&above, stated, labels.unlabelled())
    }

    /// Kind and link template of the nearest folders that give one.
    pub(super) fn defaults(&self, document: &str) -> FolderDefaults {
        let mut defaults = FolderDefaults::default();
        for folder in folder::enclosing(document).filter_map(|path| self.folders.get(path)) {
            defaults.kind = folder.kind.or(defaults.kind);
            defaults.uri = folder.uri.clone().or(defaults.uri);
        }
        defaults
    }

    /// The policies as they are stored.
    pub(super) fn into_changes(self) -> Vec<FolderChange> {
        let folders = self.folders.into_iter();
        folders
            .map(|(path, folder)| FolderChange {
                path,
                stated: folder.stated,
                kind: folder.kind,
                uri: folder.uri,
            })
            .collect()
    }
}

impl FolderDefaults {
    /// Names the defaults, so that a change of them makes documents be read again.
    pub(super) fn fingerprint(&self) -> ContentHash {
        let kind = self.kind.map_or("", Kind::as_str);
        let uri = self.uri.as_deref().unwrap_or_default();
        ContentHash::of_parts([kind.as_bytes(), uri.as_bytes()])
    }
}

/// The bytes of a policy file. What is no regular file is refused: opening it could wait for ever.
fn read_policy(file: &Path) -> Result<Vec<u8>, parse::Rejected> {
    let refuse = |reason: String| parse::Rejected { line: None, reason };
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            return Err(refuse(
                "a folder policy has to be a regular file".to_owned(),
            ));
        }
        Err(error) => return Err(refuse(format!("the folder policy cannot be read: {error}"))),
    }
    folder::read(file).map_err(|error| refuse(error.to_string()))
}

fn read_folder(
    bytes: &[u8],
    directory: &Directory,
    labels: &Labels,
) -> Result<(Folder, Vec<(String, Principal)>), parse::Rejected> {
    let written = parse::folder_policy(bytes)?;
    if let Some(uri) = &written.uri {
        super::links::check_uri(uri)?;
    }
    let acl = written.acl.as_deref();
    let label = written.label.as_deref();
    let folder = Folder {
        stated: resolve(acl, &written.owners, label, directory, labels)?,
        kind: written.kind,
        uri: written.uri,
    };
    Ok((folder, aliases(acl, &written.owners, directory)))
}

/// The names that a node wrote, each with the principal it stands for, to be shown to people.
pub(super) fn aliases(
    acl: Option<&[WrittenEntry]>,
    owners: &[PrincipalSpelling],
    directory: &Directory,
) -> Vec<(String, Principal)> {
    let entries = acl.unwrap_or_default().iter().map(|entry| &entry.principal);
    entries
        .chain(owners)
        .filter(|spelling| matches!(spelling, PrincipalSpelling::Alias(..)))
        .filter_map(|spelling| Some((spelling.to_string(), directory.resolve(spelling).ok()?)))
        .collect()
}

/// Resolves what a node wrote: names through the directory, the label through the configuration.
pub(super) fn resolve(
    acl: Option<&[WrittenEntry]>,
    owners: &[PrincipalSpelling],
    label: Option<&str>,
    directory: &Directory,
    labels: &Labels,
) -> Result<StatedPolicy, parse::Rejected> {
    let refuse = |reason: String| parse::Rejected { line: None, reason };
    let acl = acl.map(|written| directory.resolve_acl(written));
    let owners = owners.iter().map(|owner| directory.resolve(owner));
    let label = label.map(|name| {
        let known = labels.names().join(", ");
        let shown: String = name.chars().take(40).collect();
        let unknown = || refuse(format!("label `{shown}` is not one of: {known}"));
        labels.get(name).ok_or_else(unknown)
    });
    Ok(StatedPolicy {
        acl: acl.transpose().map_err(|error| refuse(error.to_string()))?,
        owners: owners
            .collect::<Result<_, _>>()
            .map_err(|error| refuse(error.to_string()))?,
        label: label.transpose()?,
    })
}
