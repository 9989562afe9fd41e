//! Small worlds: chunks in a tantivy index of any shape, documents in an access table, callers.

use std::collections::BTreeMap;
use std::sync::Arc;

use ambit::identity::{Caller, DEVELOPMENT_TENANT, Identity, LocalCaller};
use ambit::search::{Engine, Filters, Limits, Ranking, WeightedQuery, WeightedTerm, reference};
use ambit_indexer::acl::{Access, EffectiveAcl, EffectiveEntry, Entry};
use ambit_indexer::catalog::{AccessTable, Change, DocumentFacts, LiveDocument};
use ambit_indexer::clock::Timestamp;
use ambit_indexer::document::{DocumentId, Kind};
use ambit_indexer::guarded::PolicyClass;
use ambit_indexer::index::{Fields, IndexView, SidecarFolder, schema_builder};
use ambit_indexer::label::Labels;
use ambit_indexer::principal::{ObjectId, Principal, PrincipalKind};
use ambit_indexer::store::Snapshot;
use tantivy::indexer::NoMergePolicy;
use tantivy::{IndexReader, IndexWriter, ReloadPolicy, Term};

/// An instant of the tests, so many seconds after the first.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_800_000_000_000_000 + seconds * 1_000_000).unwrap()
}

/// A group by name.
pub(crate) fn group(name: &str) -> Principal {
    Principal::Object {
        kind: PrincipalKind::Group,
        tenant: DEVELOPMENT_TENANT,
        object: ObjectId::from_name(PrincipalKind::Group, name),
    }
}

/// An entry for a group.
pub(crate) fn entry(access: Access, name: &str, until: Option<i64>) -> EffectiveEntry {
    EffectiveEntry {
        entry: Entry {
            access,
            principal: group(name),
            until: until.map(at),
        },
        folder: None,
    }
}

/// A policy of a collection.
pub(crate) fn policy(
    collection: &str,
    label: &str,
    entries: Vec<EffectiveEntry>,
) -> Arc<PolicyClass> {
    Arc::new(PolicyClass {
        acl: EffectiveAcl {
            entries,
            owners: Vec::new(),
            label: Labels::default().get(label).unwrap(),
            stated: true,
        },
        version: String::new(),
        collection: collection.to_owned(),
    })
}

/// A policy that lets one group read.
pub(crate) fn readable_by(name: &str) -> Arc<PolicyClass> {
    policy("ops", "general", vec![entry(Access::Grant, name, None)])
}

/// Someone in these groups, at an instant.
pub(crate) fn caller(groups: &[&str], now: i64) -> Caller {
    let asserted = LocalCaller {
        tenant: DEVELOPMENT_TENANT,
        // There is one at least, which no entry names.
        principals: groups
            .iter()
            .chain(&["someone"])
            .map(|name| group(name))
            .collect(),
        highest_label: Labels::default().highest(),
        reason: "test",
    };
    Identity::assert_local(asserted, at(now)).unwrap()
}

/// A document on its way into the table.
pub(crate) fn live(ord: u32, path: &str, policy: &Arc<PolicyClass>) -> LiveDocument {
    LiveDocument {
        ord,
        policy: Arc::clone(policy),
        facts: DocumentFacts {
            id: DocumentId::new(&policy.collection, path).unwrap(),
            kind: Kind::default(),
            service: None,
            tags: Box::default(),
            updated: at(0),
        },
    }
}

/// A document in the collection `ops` that one group may read, with its chunks.
pub(crate) fn page(
    ord: u32,
    path: &str,
    reader: &str,
    chunks: impl IntoIterator<Item = impl Into<String>>,
) -> (LiveDocument, Vec<String>) {
    let chunks = chunks.into_iter().map(Into::into).collect();
    (live(ord, path, &readable_by(reader)), chunks)
}

/// Words with weights.
pub(crate) fn query(terms: &[(&str, f64)]) -> WeightedQuery {
    let terms = terms.iter().map(|(text, weight)| WeightedTerm {
        text: (*text).to_owned(),
        weight: *weight,
    });
    WeightedQuery {
        terms: terms.collect(),
        phrases: Vec::new(),
    }
}

/// A phrase, with its words as terms.
pub(crate) fn phrase(words: &[&str]) -> WeightedQuery {
    let mut terms: Vec<(&str, f64)> = Vec::new();
    for word in words {
        if terms.iter().all(|(known, _)| known != word) {
            terms.push((word, 1.0));
        }
    }
    let mut query = query(&terms);
    query
        .phrases
        .push(words.iter().map(|word| (*word).to_owned()).collect());
    query
}

/// The hits that are usually wanted.
pub(crate) const TEN: Limits = Limits {
    top_k: 10,
    per_document: 3,
};

/// An index in memory with a table beside it.
pub(crate) struct World {
    writer: IndexWriter,
    reader: IndexReader,
    fields: Fields,
    view: Arc<IndexView>,
    pub(crate) table: Arc<AccessTable>,
    pub(crate) engine: Engine,
    /// Live documents by id.
    pub(crate) documents: BTreeMap<DocumentId, LiveDocument>,
}

impl World {
    pub(crate) fn new() -> Self {
        let (builder, fields) = schema_builder();
        let index = tantivy::Index::create_in_ram(builder.build());
        let writer: IndexWriter = index.writer_with_num_threads(1, 50_000_000).unwrap();
        writer.set_merge_policy(Box::new(NoMergePolicy));
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into();
        let reader: IndexReader = reader.unwrap();
        let view = IndexView::load(reader.searcher(), fields, SidecarFolder::None, None).unwrap();
        Self {
            writer,
            reader,
            fields,
            view: Arc::new(view),
            table: Arc::new(AccessTable::new([])),
            engine: Engine::new(1 << 22),
            documents: BTreeMap::new(),
        }
    }

    /// Adds the chunks of a revision; they are in the index after the next commit.
    pub(crate) fn add(&self, ord: u32, chunks: impl IntoIterator<Item = impl AsRef<str>>) {
        for (chunk, number) in chunks.into_iter().zip(0..) {
            let document = self.fields.chunk(ord, number, chunk.as_ref());
            self.writer.add_document(document).unwrap();
        }
    }

    /// Deletes the chunks of a revision.
    pub(crate) fn delete(&self, ord: u32) {
        let term = Term::from_field_u64(self.fields.ord, u64::from(ord));
        self.writer.delete_term(term);
    }

    /// Ends a segment.
    pub(crate) fn commit(&mut self) {
        self.writer.commit().unwrap();
        self.reader.reload().unwrap();
        let searcher = self.reader.searcher();
        let view = IndexView::load(searcher, self.fields, SidecarFolder::None, Some(&self.view));
        self.view = Arc::new(view.unwrap());
    }

    /// Makes one segment of all.
    pub(crate) fn merge(&mut self) {
        let ids: Vec<_> = self
            .view
            .segments()
            .map(|(segment, _)| segment.id)
            .collect();
        if ids.len() > 1 {
            self.writer.merge(&ids).wait().unwrap();
            self.commit();
        }
    }

    /// Says what documents are now.
    pub(crate) fn publish(&mut self, changes: Vec<Change>) {
        for change in &changes {
            match &change.live {
                Some(live) => self.documents.insert(change.id.clone(), live.clone()),
                None => self.documents.remove(&change.id),
            };
        }
        self.table = Arc::new(self.table.with(changes));
    }

    /// A document that is there from now on.
    pub(crate) fn put(&mut self, live: LiveDocument) {
        self.publish(vec![Change {
            id: live.facts.id.clone(),
            live: Some(live),
        }]);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            table: Arc::clone(&self.table),
            index: Arc::clone(&self.view),
        }
    }

    /// Adds documents with their chunks as one segment, and puts them in force.
    pub(crate) fn segment(
        &mut self,
        documents: impl IntoIterator<Item = (LiveDocument, Vec<String>)>,
    ) {
        let mut changes = Vec::new();
        for (live, chunks) in documents {
            self.add(live.ord, chunks);
            changes.push(Change {
                id: live.facts.id.clone(),
                live: Some(live),
            });
        }
        self.commit();
        self.publish(changes);
    }

    /// Takes documents out of force and out of the index.
    pub(crate) fn remove(&mut self, paths: &[&str]) {
        let mut changes = Vec::new();
        for path in paths {
            let id = DocumentId::new("ops", path).unwrap();
            self.delete(self.documents[&id].ord);
            changes.push(Change { id, live: None });
        }
        self.commit();
        self.publish(changes);
    }

    /// What somebody in these groups finds, at the first instant and without filters.
    pub(crate) fn find(&self, groups: &[&str], query: &WeightedQuery, limits: Limits) -> Ranking {
        self.ask(&caller(groups, 0), query, &Filters::default(), limits)
    }

    /// Asks engine and reference, and insists that they agree to the last bit.
    pub(crate) fn ask(
        &self,
        caller: &Caller,
        query: &WeightedQuery,
        filters: &Filters,
        limits: Limits,
    ) -> Ranking {
        let question = Question {
            caller,
            query,
            filters,
            limits,
        };
        question.ask(&self.engine, &self.snapshot())
    }
}

/// What somebody wants to know.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) query: &'a WeightedQuery,
    pub(crate) filters: &'a Filters,
    pub(crate) limits: Limits,
}

impl Question<'_> {
    /// Asks an engine and the reference about a snapshot, and insists that they agree.
    pub(crate) fn ask(self, engine: &Engine, snapshot: &Snapshot) -> Ranking {
        let (scope, limits) = (self.caller.scope(), self.limits);
        let fast = engine.rank(scope, snapshot, self.query, self.filters, limits);
        let plain = reference::rank(scope, snapshot, self.query, self.filters, limits);
        let (fast, plain) = (fast.unwrap(), plain.unwrap());
        assert_eq!(
            bits(&fast),
            bits(&plain),
            "{:?} {:?} {limits:?}",
            self.query,
            self.filters
        );
        fast
    }
}

/// What a caller can tell from a ranking, scores as bits: the same in worlds that differ only in
/// what the caller may not read.
pub(crate) fn seen(ranking: &Ranking) -> (Vec<(String, u32, u64)>, Vec<u64>) {
    let (chunks, values) = bits(ranking);
    let chunks = chunks
        .into_iter()
        .map(|(document, _, number, score)| (document.to_owned(), number, score));
    (chunks.collect(), values)
}

/// The paths of a ranking's documents.
pub(crate) fn paths(ranking: &Ranking) -> Vec<&str> {
    let chunks = ranking.chunks.iter();
    chunks.map(|chunk| chunk.document.path()).collect()
}

/// Document, revision, chunk and score of each hit; what each term is worth.
type Bits<'a> = (Vec<(&'a str, u32, u32, u64)>, Vec<u64>);

/// A ranking with its numbers as bits: `0.0` is not `-0.0` here.
fn bits(ranking: &Ranking) -> Bits<'_> {
    let chunks = ranking.chunks.iter().map(|chunk| {
        let score = chunk.score.to_bits();
        (chunk.document.as_str(), chunk.ord, chunk.number, score)
    });
    let values = ranking.term_values.iter().map(|value| value.to_bits());
    (chunks.collect(), values.collect())
}
