//! What the search engine does most, piece by piece: counting bits, making a caller's view,
//! searching with one. `cargo bench --bench kernels`.

#![expect(
    clippy::unwrap_used,
    reason = "a measurement that ends at the first surprise"
)]

use std::hint::black_box;
use std::sync::Arc;

use ambit::config::DEFAULT_VIEW_BYTES;
use ambit::identity::{Caller, DEVELOPMENT_TENANT, Identity, LocalCaller};
use ambit::search::bitmap::Bitmap;
use ambit::search::{Engine, Filters, Limits, WeightedQuery, reference};
use ambit_indexer::acl::{Access, EffectiveAcl, EffectiveEntry, Entry};
use ambit_indexer::catalog::{AccessTable, DocumentFacts, LiveDocument};
use ambit_indexer::clock::Timestamp;
use ambit_indexer::document::{DocumentId, Kind};
use ambit_indexer::guarded::PolicyClass;
use ambit_indexer::index::{IndexView, SidecarFolder, schema_builder};
use ambit_indexer::label::Labels;
use ambit_indexer::principal::{ObjectId, Principal, PrincipalKind};
use ambit_indexer::store::Snapshot;
use criterion::{Criterion, criterion_group, criterion_main};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tantivy::{IndexReader, IndexWriter};

/// Chunks of the bit kernels, as in a large segment.
const BITS: u32 = 1_000_000;
/// Documents, of five chunks each, of the search kernels.
const DOCUMENTS: u32 = 10_000;
const WORDS: usize = 5_000;
const LIMITS: Limits = Limits {
    top_k: 10,
    per_document: 3,
};

fn bits(criterion: &mut Criterion) {
    let mut random = StdRng::seed_from_u64(1);
    let mut draw = |share: f64| {
        let mut bitmap = Bitmap::new(BITS);
        for chunk in (0..BITS).filter(|_| random.gen_bool(share)) {
            bitmap.insert_range(chunk, chunk + 1);
        }
        bitmap
    };
    let (half, tenth) = (draw(0.5), draw(0.1));
    let mut group = criterion.benchmark_group("a million bits");
    group.bench_function("common ones, by words", |bencher| {
        bencher.iter(|| black_box(&half).count_common(black_box(&tenth).words()));
    });
    group.bench_function("common ones, one by one", |bencher| {
        bencher.iter(|| {
            let both = |chunk: &u32| black_box(&half).contains(*chunk) && tenth.contains(*chunk);
            (0..BITS).filter(both).count()
        });
    });
    group.bench_function("ranges of five", |bencher| {
        bencher.iter(|| {
            let mut bitmap = Bitmap::new(BITS);
            for start in (0..BITS).step_by(10) {
                bitmap.insert_range(start, start + 5);
            }
            bitmap
        });
    });
    group.finish();
}

fn searches(criterion: &mut Criterion) {
    let snapshot = snapshot();
    let caller = caller();
    let filters = Filters::default();
    let query = WeightedQuery::parse("w3 w40 w700 w2500").unwrap();
    let nothing = WeightedQuery::parse("absent").unwrap();
    let engine = Engine::new(DEFAULT_VIEW_BYTES);
    let mut group = criterion.benchmark_group("fifty thousand chunks, half of them permitted");
    group.bench_function("a view", |bencher| {
        bencher.iter(|| {
            let engine = Engine::new(DEFAULT_VIEW_BYTES);
            engine.rank(caller.scope(), &snapshot, &nothing, &filters, LIMITS)
        });
    });
    group.bench_function("a search", |bencher| {
        bencher.iter(|| engine.rank(caller.scope(), &snapshot, &query, &filters, LIMITS));
    });
    group.bench_function("the reference's search", |bencher| {
        bencher.iter(|| reference::rank(caller.scope(), &snapshot, &query, &filters, LIMITS));
    });
    group.finish();
}

fn snapshot() -> Snapshot {
    let (builder, fields) = schema_builder();
    let index = tantivy::Index::create_in_ram(builder.build());
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 200_000_000).unwrap();
    let mut random = StdRng::seed_from_u64(2);
    for ord in 0..DOCUMENTS {
        for number in 0..5 {
            let words: Vec<String> = (0..80).map(|_| word(&mut random)).collect();
            let chunk = fields.chunk(ord, number, &words.join(" "));
            writer.add_document(chunk).unwrap();
        }
    }
    writer.commit().unwrap();
    let reader: IndexReader = index.reader().unwrap();
    let view = IndexView::load(reader.searcher(), fields, SidecarFolder::None, None);
    let policies = [policy("readers"), policy("others")];
    let documents = (0..DOCUMENTS).zip(policies.iter().cycle());
    let table = AccessTable::new(documents.map(|(ord, policy)| LiveDocument {
        ord,
        policy: Arc::clone(policy),
        facts: DocumentFacts {
            id: DocumentId::new("bench", &format!("{ord}.md")).unwrap(),
            kind: Kind::default(),
            service: None,
            tags: Box::default(),
            updated: instant(),
        },
    }));
    Snapshot {
        table: Arc::new(table),
        index: Arc::new(view.unwrap()),
    }
}

fn word(random: &mut StdRng) -> String {
    let skewed = random.gen_range(0.0f64..1.0).powi(3);
    format!("w{}", (skewed * WORDS as f64) as usize)
}

fn instant() -> Timestamp {
    Timestamp::from_microsecond(1_800_000_000_000_000).unwrap()
}

fn group(name: &str) -> Principal {
    Principal::Object {
        kind: PrincipalKind::Group,
        tenant: DEVELOPMENT_TENANT,
        object: ObjectId::from_name(PrincipalKind::Group, name),
    }
}

fn policy(name: &str) -> Arc<PolicyClass> {
    let entry = Entry {
        access: Access::Grant,
        principal: group(name),
        until: None,
    };
    Arc::new(PolicyClass {
        acl: EffectiveAcl {
            entries: vec![EffectiveEntry {
                entry,
                folder: None,
            }],
            owners: Vec::new(),
            label: Labels::default().get("general").unwrap(),
            stated: true,
        },
        version: String::new(),
        collection: "bench".to_owned(),
    })
}

fn caller() -> Caller {
    let asserted = LocalCaller {
        tenant: DEVELOPMENT_TENANT,
        principals: vec![group("readers")],
        highest_label: Labels::default().highest(),
        reason: "bench",
    };
    Identity::assert_local(asserted, instant()).unwrap()
}

criterion_group!(kernels, bits, searches);
criterion_main!(kernels);
