//! Ambit's side of the comparison: its table, callers and engine over the same index.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ambit::config::DEFAULT_VIEW_BYTES;
use ambit::identity::{Caller, DEVELOPMENT_TENANT, Identity, LocalCaller};
use ambit::search::{
    Engine, Filters, Limits, MAX_CHUNKS_PER_DOCUMENT, Ranking, WeightedQuery, WeightedTerm,
    reference,
};
use ambit_indexer::acl::{Access, EffectiveAcl, EffectiveEntry, Entry};
use ambit_indexer::catalog::{AccessTable, DocumentFacts, LiveDocument};
use ambit_indexer::clock::Timestamp;
use ambit_indexer::document::{DocumentId, Kind};
use ambit_indexer::guarded::PolicyClass;
use ambit_indexer::index::{IndexView, SidecarFolder};
use ambit_indexer::label::Labels;
use ambit_indexer::principal::{ObjectId, Principal, PrincipalKind};
use ambit_indexer::store::Snapshot;

use crate::acls::CLASSES;
use crate::designs::TOP_K;
use crate::index::Corpus;

pub(crate) const LIMITS: Limits = Limits {
    top_k: TOP_K,
    per_document: MAX_CHUNKS_PER_DOCUMENT,
};

/// What Ambit holds beside the index.
pub(crate) struct Side {
    snapshot: Snapshot,
    engine: Engine,
    pub(crate) sidecars_made: Duration,
    pub(crate) sidecars_read: Duration,
    pub(crate) table_made: Duration,
}

impl Side {
    pub(crate) fn new(corpus: &Corpus) -> Self {
        let folder = corpus.folder.join("sidecars");
        let load = || {
            let start = Instant::now();
            let kept = SidecarFolder::Write(&folder);
            let searcher = corpus.searcher.clone();
            let view = IndexView::load(searcher, corpus.fields, kept, None).unwrap();
            (view, start.elapsed())
        };
        let (_, sidecars_made) = load();
        let (index, sidecars_read) = load();
        let start = Instant::now();
        let table = AccessTable::new(documents(corpus));
        Self {
            snapshot: Snapshot {
                table: Arc::new(table),
                index: Arc::new(index),
            },
            engine: Engine::new(DEFAULT_VIEW_BYTES),
            sidecars_made,
            sidecars_read,
            table_made: start.elapsed(),
        }
    }

    /// Bytes of the table, and of sidecars and runs.
    pub(crate) fn memory_bytes(&self) -> (usize, usize) {
        let Snapshot { table, index } = &self.snapshot;
        (table.memory_bytes(), index.memory_bytes())
    }

    /// Searches with an engine that knows the caller's view and nothing else of it.
    pub(crate) fn first(&self, caller: &Caller, query: &WeightedQuery) -> Duration {
        let engines = [(); 2].map(|()| Engine::new(DEFAULT_VIEW_BYTES));
        let took = engines.each_ref().map(|engine| {
            self.rank(engine, caller, &nothing());
            self.rank(engine, caller, query).1
        });
        took[0].min(took[1])
    }

    /// Searches with an engine that may have been asked the same before.
    pub(crate) fn again(&self, caller: &Caller, query: &WeightedQuery) -> (Ranking, Duration) {
        self.rank(&self.engine, caller, query)
    }

    /// Makes a caller's view.
    pub(crate) fn miss(&self, caller: &Caller) -> Duration {
        let engine = Engine::new(DEFAULT_VIEW_BYTES);
        self.rank(&engine, caller, &nothing()).1
    }

    fn rank(&self, engine: &Engine, caller: &Caller, query: &WeightedQuery) -> (Ranking, Duration) {
        let filters = Filters::default();
        let start = Instant::now();
        let ranking = engine.rank(caller.scope(), &self.snapshot, query, &filters, LIMITS);
        (ranking.unwrap(), start.elapsed())
    }

    /// Ends the run if the reference ranks otherwise.
    pub(crate) fn check(&self, caller: &Caller, query: &WeightedQuery, ranking: &Ranking) {
        let filters = Filters::default();
        let plain = reference::rank(caller.scope(), &self.snapshot, query, &filters, LIMITS);
        assert_eq!(plain.unwrap(), *ranking);
    }
}

/// A query for a term that no chunk has.
fn nothing() -> WeightedQuery {
    WeightedQuery {
        terms: vec![WeightedTerm {
            text: "no such term".to_owned(),
            weight: 1.0,
        }],
        phrases: Vec::new(),
    }
}

fn group(class: u64) -> Principal {
    let name = format!("acl-{class}");
    Principal::Object {
        kind: PrincipalKind::Group,
        tenant: DEVELOPMENT_TENANT,
        object: ObjectId::from_name(PrincipalKind::Group, &name),
    }
}

/// Someone in the groups of these access lists.
pub(crate) fn caller(classes: &[u64]) -> Caller {
    let asserted = LocalCaller {
        tenant: DEVELOPMENT_TENANT,
        principals: classes.iter().map(|class| group(*class)).collect(),
        highest_label: Labels::default().highest(),
        reason: "bench",
    };
    Identity::assert_local(asserted, instant()).unwrap()
}

fn instant() -> Timestamp {
    Timestamp::from_microsecond(1_800_000_000_000_000).unwrap()
}

fn documents(corpus: &Corpus) -> impl Iterator<Item = LiveDocument> {
    let policies: Vec<Arc<PolicyClass>> = (0..CLASSES as u64).map(policy).collect();
    let classes = corpus.classes.iter().zip(0..);
    classes.map(move |(class, ord)| LiveDocument {
        ord,
        policy: Arc::clone(&policies[*class as usize]),
        facts: DocumentFacts {
            id: DocumentId::new("bench", &format!("runbooks/team/{ord}.md")).unwrap(),
            kind: Kind::Runbook,
            service: None,
            tags: Box::default(),
            updated: instant(),
        },
    })
}

fn policy(class: u64) -> Arc<PolicyClass> {
    let entry = Entry {
        access: Access::Grant,
        principal: group(class),
        until: None,
    };
    let entry = EffectiveEntry {
        entry,
        folder: None,
    };
    Arc::new(PolicyClass {
        acl: EffectiveAcl {
            entries: vec![entry],
            owners: Vec::new(),
            label: Labels::default().get("general").unwrap(),
            stated: true,
        },
        version: String::new(),
        collection: "bench".to_owned(),
    })
}
