//! The run itself: compare, stage, make findable, publish.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use super::changes::{Changes, Standing};
use super::links::checked_out_commit;
use super::policies::FolderPolicies;
use super::prepare::{Prepared, Preparer, ReadDocument, document_id};
use super::{Progress, QuarantinedFile, RunError, RunOptions, RunReport};
use crate::catalog::{Ord, Publication, SourceKind, StagedRevision, StoredDocument};
use crate::clock::Timestamp;
use crate::document::{Chunk, ContentHash, DocumentId, check_collection};
use crate::principal::Principal;
use crate::source::folder::{self, FolderListing};
use crate::store::Store;

/// How many documents are staged in one transaction.
const BATCH: usize = 256;

/// Makes the folder documents of a collection those of the given folders.
pub fn index_folders(
    store: &Store,
    options: &RunOptions<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<RunReport, RunError> {
    check_collection(options.collection)?;
    let turn = store.run.lock().unwrap_or_else(PoisonError::into_inner);
    store.catch_up()?;
    let listing = folder::list(options.roots)?;
    let labels = store.catalog.labels();
    let policies_before = FolderPolicies::fingerprint(&listing);
    let policies = FolderPolicies::load(&listing, options.directory, labels);
    let mut stored = HashMap::new();
    for document in store.catalog.documents_of(options.collection)? {
        stored.insert(document.id.path().to_owned(), document);
    }
    check_removals(&stored, &listing, options)?;
    let mut run = Run {
        store,
        options,
        now: store.clock.now(),
        policies: &policies,
        report: RunReport {
            skipped: listing.skipped.clone(),
            quarantined: refused_at_sight(&policies, &listing),
            ..RunReport::default()
        },
        batch: Vec::new(),
        changes: Changes::new(store, options, &policies),
        staged: false,
        aliases: policies.aliases.iter().cloned().collect(),
    };
    let outcome = run
        .read_files(&listing, &mut stored, progress)
        .and_then(|()| check_policies(options, policies_before));
    let Run {
        mut report,
        mut changes,
        staged,
        aliases,
        now,
        ..
    } = run;
    report.removed = changes.take_away(stored.into_values(), &report.quarantined);
    report.new_policy = changes.new_policy;
    report.without_acl = changes.without_acl;
    let superseded = changes.superseded;
    let publication = Publication {
        collection: options.collection,
        who: options.who,
        why: "indexing run",
        now,
        documents: changes.documents,
        quarantine: report.quarantined.clone(),
        folders: policies.into_changes(),
        aliases,
    };
    let published = outcome.and_then(|()| publish(store, &publication, &superseded, staged));
    if let Err(error) = published {
        store.abandon_run();
        return Err(error);
    }
    drop(turn);
    Ok(report)
}

/// Whoever tightens a folder and then writes into it must not see the new text under the old
/// policy: policies that changed while documents were read end the run (leak D2).
fn check_policies(options: &RunOptions<'_>, before: ContentHash) -> Result<(), RunError> {
    let now = FolderPolicies::fingerprint(&folder::list(options.roots)?);
    if now == before {
        return Ok(());
    }
    Err(RunError::PoliciesChanged)
}

/// What goes into quarantine before any document is read.
fn refused_at_sight(policies: &FolderPolicies, listing: &FolderListing) -> Vec<QuarantinedFile> {
    let unnameable = listing.unnameable.iter().map(|path| QuarantinedFile {
        path: path.clone(),
        line: None,
        reason: "the name is not UTF-8".to_owned(),
    });
    policies.broken().cloned().chain(unnameable).collect()
}

fn publish(
    store: &Store,
    publication: &Publication<'_>,
    superseded: &[Ord],
    staged: bool,
) -> Result<(), RunError> {
    if staged || !superseded.is_empty() {
        store.index.delete(superseded.iter().copied())?;
        store.commit_index()?;
    }
    store.publish(publication)?;
    Ok(())
}

/// More than a third gone looks like a wrong folder or an empty checkout, not like an edit.
fn check_removals(
    stored: &HashMap<String, StoredDocument>,
    listing: &FolderListing,
    options: &RunOptions<'_>,
) -> Result<(), RunError> {
    let live = stored
        .values()
        .filter(|document| document.source == SourceKind::Folder && document.current.is_some());
    let (mut of, mut gone) = (0, 0);
    for document in live {
        of += 1;
        gone += usize::from(!listing.documents.contains_key(document.id.path()));
    }
    if gone * 3 > of && !options.allow_mass_removal {
        return Err(RunError::MassRemoval { gone, of });
    }
    Ok(())
}

struct Run<'a> {
    store: &'a Store,
    options: &'a RunOptions<'a>,
    now: Timestamp,
    policies: &'a FolderPolicies,
    report: RunReport,
    /// Documents with new content that are not staged yet.
    batch: Vec<(DocumentId, ReadDocument, Option<StoredDocument>)>,
    changes: Changes<'a>,
    staged: bool,
    /// Names that were written, with what they stand for.
    aliases: BTreeMap<String, Principal>,
}

impl Run<'_> {
    /// Reads every file and takes its document out of `stored`; what is left there has no file.
    fn read_files(
        &mut self,
        listing: &FolderListing,
        stored: &mut HashMap<String, StoredDocument>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), RunError> {
        let preparer = Preparer {
            options: self.options,
            labels: self.store.catalog.labels(),
            policies: self.policies,
            directory_fingerprint: self.options.directory.fingerprint(),
        };
        let commits = commits_of(self.options.roots);
        let total = listing.documents.len();
        for (done, (path, file)) in listing.documents.iter().enumerate() {
            progress(Progress { done, total });
            let bytes = folder::read(file)?;
            let commit = commit_for(&commits, file);
            self.place_file(&preparer, path, &bytes, commit, stored)?;
            if self.batch.len() >= BATCH {
                self.stage()?;
            }
        }
        self.stage()?;
        progress(Progress { done: total, total });
        Ok(())
    }

    fn place_file(
        &mut self,
        preparer: &Preparer<'_>,
        path: &str,
        bytes: &[u8],
        commit: &str,
        stored: &mut HashMap<String, StoredDocument>,
    ) -> Result<(), RunError> {
        let id = match document_id(self.options.collection, path) {
            Ok(id) => id,
            Err(file) => {
                self.report.quarantined.push(file);
                return Ok(());
            }
        };
        if let Some(broken) = self.policies.broken_above(path) {
            // The stored document, if any, stays in `stored` and is taken away at the end.
            self.report.quarantined.push(QuarantinedFile {
                path: path.to_owned(),
                line: None,
                reason: format!("the folder policy {} cannot be read", broken.path),
            });
            return Ok(());
        }
        match preparer.prepare(path, bytes, commit, stored.get(path)) {
            Prepared::Unchanged => match stored.remove(path) {
                Some(document) => self.keep(document)?,
                None => return Ok(()),
            },
            Prepared::Read(read) => {
                let before = stored.remove(path);
                self.batch.push((id, *read, before));
            }
            Prepared::Refused(file) => self.report.quarantined.push(file),
        }
        Ok(())
    }

    /// Content stays; the policy may still be another.
    fn keep(&mut self, document: StoredDocument) -> Result<(), RunError> {
        self.report.unchanged += 1;
        let Some((ord, revision)) = document.current else {
            return Ok(());
        };
        let standing = Standing {
            id: document.id.clone(),
            row: document.row,
            source_hash: document.source_hash,
            stated: document.stated.clone(),
            ord,
            revision,
        };
        self.changes.put_in_force(standing, Some(&document))
    }

    /// Stages the batch and notes what its documents become.
    fn stage(&mut self) -> Result<(), RunError> {
        let batch = std::mem::take(&mut self.batch);
        let mut fresh = Vec::new();
        for (id, read, before) in batch {
            self.report.hidden_removed += u64::from(read.hidden_removed);
            self.report.redactions += read.redactions as u64;
            self.aliases.extend(read.aliases.iter().cloned());
            let current = before.as_ref().and_then(|document| document.current);
            match (current, &before) {
                // Only text about access has changed.
                (Some((ord, revision)), Some(document)) if revision == read.revision => {
                    self.report.unchanged += 1;
                    let standing = Standing {
                        id,
                        row: document.row,
                        source_hash: Some(read.source_hash),
                        stated: read.stated,
                        ord,
                        revision,
                    };
                    self.changes.put_in_force(standing, Some(document))?;
                }
                _ => fresh.push((id, read, before)),
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        self.stage_fresh(fresh)
    }

    fn stage_fresh(
        &mut self,
        fresh: Vec<(DocumentId, ReadDocument, Option<StoredDocument>)>,
    ) -> Result<(), RunError> {
        let chunks: Vec<Vec<Chunk>> = fresh
            .iter()
            .map(|(_, read, _)| read.drafts.iter().map(|d| d.chunk.clone()).collect())
            .collect();
        let staged: Vec<StagedRevision<'_>> = fresh
            .iter()
            .zip(&chunks)
            .map(|((id, read, _), chunks)| StagedRevision {
                id,
                source: SourceKind::Folder,
                content: &read.content,
                revision: read.revision,
                chunks,
            })
            .collect();
        let placed = self.store.catalog.stage(&staged, self.now)?;
        self.staged = true;
        for ((id, read, before), (row, ord)) in fresh.into_iter().zip(placed) {
            self.store.index.add(ord, &read.content, &read.drafts)?;
            self.report.indexed += 1;
            self.report.chunks += read.drafts.len();
            let standing = Standing {
                id,
                row,
                source_hash: Some(read.source_hash),
                stated: read.stated,
                ord,
                revision: read.revision,
            };
            self.changes.put_in_force(standing, before.as_ref())?;
        }
        Ok(())
    }
}

fn commits_of(roots: &[PathBuf]) -> BTreeMap<&Path, String> {
    let commits = roots.iter().map(|root| {
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.clone());
        (root.as_path(), checked_out_commit(&absolute))
    });
    commits.collect()
}

fn commit_for<'a>(commits: &'a BTreeMap<&Path, String>, file: &Path) -> &'a str {
    let root = commits.iter().find(|(root, _)| file.starts_with(root));
    root.map_or("HEAD", |(_, commit)| commit)
}
