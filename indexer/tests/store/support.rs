//! A scratch source folder with a data directory, and what can be asked of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambit_indexer::acl::{Decision, EffectiveAcl, decide};
use ambit_indexer::catalog::Ord;
use ambit_indexer::clock::{Clock, Timestamp};
use ambit_indexer::directory::Directory;
use ambit_indexer::document::DocumentId;
use ambit_indexer::label::Labels;
use ambit_indexer::parse::SecretPolicy;
use ambit_indexer::pipeline::{Progress, RunError, RunOptions, RunReport, index_folders};
use ambit_indexer::principal::{PrincipalSet, TenantId};
use ambit_indexer::store::{Store, StoreError, StoredContent};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const COLLECTION: &str = "ops";

/// A source folder, a data directory and the clock of both.
pub(crate) struct World {
    pub(crate) scratch: TempDir,
    pub(crate) clock: Arc<Clock>,
    pub(crate) directory: Directory,
    pub(crate) labels: Labels,
    pub(crate) allow_mass_removal: bool,
    store: Option<Store>,
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(0xa))
}

pub(crate) fn start() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join("source")).unwrap();
        Self {
            clock: Arc::new(Clock::manual(start())),
            directory: Directory::embedded(tenant()),
            labels: Labels::default(),
            allow_mass_removal: false,
            store: None,
            scratch,
        }
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.scratch.path().join("source")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let file = self.source().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        std::fs::remove_file(self.source().join(path)).unwrap();
    }

    pub(crate) fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.data(), self.labels.clone(), Arc::clone(&self.clock))
    }

    pub(crate) fn store(&mut self) -> &Store {
        if self.store.is_none() {
            self.store = Some(self.open().unwrap());
        }
        self.store.as_ref().unwrap()
    }

    pub(crate) fn close(&mut self) {
        self.store = None;
    }

    pub(crate) fn try_run_on(&mut self, roots: &[PathBuf]) -> Result<RunReport, RunError> {
        self.try_run_with(roots, &mut |_| {})
    }

    /// Runs, and does something whenever the run reports its progress.
    pub(crate) fn try_run_while(
        &mut self,
        meanwhile: &mut dyn FnMut(Progress),
    ) -> Result<RunReport, RunError> {
        let roots = [self.source()];
        self.try_run_with(&roots, meanwhile)
    }

    fn try_run_with(
        &mut self,
        roots: &[PathBuf],
        meanwhile: &mut dyn FnMut(Progress),
    ) -> Result<RunReport, RunError> {
        self.clock
            .advance_to(self.clock.now() + jiff::SignedDuration::from_secs(1));
        let directory = self.directory.clone();
        let allow_mass_removal = self.allow_mass_removal;
        let options = RunOptions {
            collection: COLLECTION,
            roots,
            directory: &directory,
            secrets: SecretPolicy::Redact,
            allow_mass_removal,
            who: "test",
        };
        index_folders(self.store(), &options, meanwhile)
    }

    pub(crate) fn try_run(&mut self) -> Result<RunReport, RunError> {
        let roots = [self.source()];
        self.try_run_on(&roots)
    }

    /// Runs, and checks that everything fits together afterwards.
    pub(crate) fn run(&mut self) -> RunReport {
        let report = self.try_run().unwrap();
        check(self.store());
        report
    }

    /// Runs and reduces the report to indexed, unchanged, new policy, removed, quarantined.
    pub(crate) fn counts(&mut self) -> [usize; 5] {
        let report = self.run();
        [
            report.indexed,
            report.unchanged,
            report.new_policy,
            report.removed,
            report.quarantined.len(),
        ]
    }

    pub(crate) fn live(&mut self) -> BTreeMap<String, Live> {
        live(self.store())
    }

    pub(crate) fn paths(&mut self) -> Vec<String> {
        self.live().into_keys().collect()
    }

    pub(crate) fn ord(&mut self, path: &str) -> Ord {
        self.live()[path].ord
    }

    /// Whether somebody may read a document now.
    pub(crate) fn reads(&mut self, path: &str, who: &[&str]) -> bool {
        let set = self.callers(who);
        let now = self.clock.now();
        let live = self.live();
        live.get(path)
            .is_some_and(|live| decide(&live.acl.entries, &set, now).decision == Decision::Allow)
    }

    pub(crate) fn callers(&self, who: &[&str]) -> PrincipalSet {
        let resolve = |name: &&str| self.directory.resolve(&name.parse().unwrap()).unwrap();
        PrincipalSet::complete(who.iter().map(resolve))
    }

    pub(crate) fn quarantine(&mut self) -> Vec<String> {
        let files = self.store().quarantined().unwrap();
        files.into_iter().map(|(_, file)| file.path).collect()
    }

    pub(crate) fn outbox(&mut self) -> Vec<(String, String)> {
        outbox(self.store())
    }
}

pub(crate) fn id(path: &str) -> DocumentId {
    DocumentId::new(COLLECTION, path).unwrap()
}

/// One live document, as the store gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) ord: Ord,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) acl: EffectiveAcl,
}

/// Everything live, by path.
pub(crate) fn live(store: &Store) -> BTreeMap<String, Live> {
    let everything = store.snapshot().table.select(|_| true);
    let documents = everything.iter().map(|(ord, facts)| {
        let (stored, acl) = content(store, ord);
        let live = Live {
            ord,
            title: stored.content.title,
            body: stored.content.body,
            acl,
        };
        (facts.id.path().to_owned(), live)
    });
    documents.collect()
}

pub(crate) fn content(store: &Store, ord: Ord) -> (StoredContent, EffectiveAcl) {
    let sealed = store.content(ord).unwrap().unwrap();
    sealed.open(|class| Some(class.acl.clone())).unwrap()
}

/// Every ord that the index holds chunks of.
pub(crate) fn indexed(store: &Store) -> BTreeSet<Ord> {
    let snapshot = store.snapshot();
    let searcher = snapshot.index.searcher();
    let mut ords = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let column = segment.fast_fields().u64("ord").unwrap();
        for document in segment.doc_ids_alive() {
            let ord = column.first(document).unwrap();
            ords.insert(Ord::try_from(ord).unwrap());
        }
    }
    ords
}

/// The waiting audit entries: action and document.
pub(crate) fn outbox(store: &Store) -> Vec<(String, String)> {
    let rows = store.outbox().unwrap();
    assert!(rows.is_sorted_by(|a, b| a.id < b.id));
    let entries = rows.iter().map(|row| {
        let entry: serde_json::Value = serde_json::from_str(&row.entry).unwrap();
        let text = |key: &str| entry[key].as_str().unwrap().to_owned();
        (text("action"), text("document"))
    });
    entries.collect()
}

/// What must hold of every open store, whatever happened before.
pub(crate) fn check(store: &Store) {
    let live = live(store);
    let ords: BTreeSet<Ord> = live.values().map(|live| live.ord).collect();
    assert_eq!(ords.len(), live.len(), "one ord a document");
    assert_eq!(
        indexed(store),
        ords,
        "the index holds what is live, no more"
    );
    assert_eq!(store.unindexed().unwrap(), 0);
    let counts = store.counts().unwrap();
    assert_eq!(counts.documents, live.len() as u64);
    assert_eq!(
        store.snapshot().index.searcher().num_docs(),
        counts.chunks,
        "one index document a chunk"
    );
    for (path, live) in &live {
        let id = id(path);
        let (stored, _) = content(store, live.ord);
        assert_eq!(stored.revision, stored.content.revision(), "{path}");
        let view = store.owner_view(&id).unwrap().unwrap();
        assert_eq!(view.acl, live.acl, "table and catalog agree on {path}");
        let history = store.acl_history(&id).unwrap();
        let last = history.last().unwrap();
        assert_eq!((&last.acl, last.valid_to), (&live.acl, None), "{path}");
        check_history(&history);
        let chunks = store.chunks(live.ord).unwrap().unwrap();
        let (chunks, ()) = chunks.open(|_| Some(())).unwrap();
        assert!(!chunks.is_empty(), "{path} can be found");
        assert!(chunks.iter().all(|chunk| chunk.end <= live.body.len()));
    }
}

/// Periods follow each other, and only the last is open.
pub(crate) fn check_history(history: &[ambit_indexer::catalog::HistoryRow]) {
    for pair in history.windows(2) {
        let end = pair[0].valid_to.unwrap();
        assert!(pair[0].valid_from <= end);
        assert!(end <= pair[1].valid_from);
    }
}

/// All that the catalog's file says, as text.
pub(crate) fn dump(data: &Path) -> String {
    let connection = rusqlite::Connection::open(data.join("catalog.sqlite")).unwrap();
    let mut text = String::new();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let mut statement = connection.prepare(names).unwrap();
    let tables = statement.query_map([], |row| row.get::<_, String>(0));
    for table in tables.unwrap() {
        let table = table.unwrap();
        text.push_str(&format!("== {table}\n"));
        let mut rows = connection
            .prepare(&format!("SELECT * FROM {table}"))
            .unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                let value = row.get_ref(column).unwrap();
                text.push_str(&format!("{value:?} | "));
            }
            text.push('\n');
        }
    }
    text
}
