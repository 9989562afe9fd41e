//! Scores and order of a search against a naive BM25 over the permitted chunks alone
//! (leaks N1, N2, N4, B16).

use std::collections::BTreeMap;

use ambit::search::WeightedQuery;
use ambit_indexer::index::analyzer::document_terms;
use proptest::prelude::*;
use tantivy::fieldnorm::FieldNormReader;

use crate::support::app::{TestApp, start};
use crate::support::client::Answer;
use crate::support::corpus::{Corpus, Line, Planted, acl, deny, grant};
use crate::support::naive::{Person, may_read, user};
use crate::support::shapes::WORDS;

/// A permitted chunk: its document and its terms.
struct Chunk {
    document: String,
    terms: Vec<String>,
}

/// A document of one chunk is found by its title and its text.
fn chunk(planted: &Planted) -> Chunk {
    let text = format!("{}\n{}", planted.title, planted.body.trim_end());
    let terms = document_terms(&text).into_iter().map(|term| term.text);
    Chunk {
        document: planted.id(),
        terms: terms.collect(),
    }
}

/// The length as the index keeps it: exact up to 40, in steps of tantivy's one-byte table above.
fn kept_length(length: usize) -> f64 {
    let id = FieldNormReader::fieldnorm_to_id(u32::try_from(length).unwrap());
    f64::from(FieldNormReader::id_to_fieldnorm(id))
}

/// BM25 with `k1 = 1.2` and `b = 0.75`, a term's contribution times its weight in the query.
fn naive_bm25(chunks: &[Chunk], query: &str) -> Vec<(String, f64)> {
    let Ok(query) = WeightedQuery::parse(query) else {
        return Vec::new();
    };
    let n = chunks.len() as f64;
    let average = chunks.iter().map(|chunk| chunk.terms.len()).sum::<usize>() as f64 / n;
    let mut scores: BTreeMap<&str, f64> = BTreeMap::new();
    for wanted in &query.terms {
        let count = |chunk: &Chunk| {
            chunk
                .terms
                .iter()
                .filter(|term| **term == wanted.text)
                .count() as f64
        };
        let df = chunks.iter().filter(|chunk| count(chunk) > 0.0).count() as f64;
        let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
        for chunk in chunks.iter().filter(|chunk| count(chunk) > 0.0) {
            let (tf, length) = (count(chunk), kept_length(chunk.terms.len()));
            let saturation = tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / average));
            *scores.entry(&chunk.document).or_default() += wanted.weight * idf * saturation;
        }
    }
    let mut ranked: Vec<_> = scores
        .into_iter()
        .map(|(id, score)| (id.to_owned(), score))
        .collect();
    // Stable, and the map is in order of ids: ties are too.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked
}

fn hits(answer: &Answer) -> Vec<(String, f64)> {
    let body = answer.ok();
    let hits = body["hits"].as_array().unwrap().iter();
    hits.map(|hit| {
        (
            hit["document"].as_str().unwrap().to_owned(),
            hit["score"].as_f64().unwrap(),
        )
    })
    .collect()
}

fn assert_alike(found: &[(String, f64)], expected: &[(String, f64)], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let mut expected_by_id = BTreeMap::new();
    for (id, score) in expected {
        expected_by_id.insert(id, *score);
    }
    for pair in found.windows(2) {
        let ordered = pair[0].1 > pair[1].1 || (pair[0].1 == pair[1].1 && pair[0].0 < pair[1].0);
        assert!(ordered, "{what}: {pair:?}");
    }
    for ((id, score), (_, position_score)) in found.iter().zip(expected) {
        let wanted = expected_by_id[id];
        let near = |other: f64| (score - other).abs() <= 1e-9 * other.abs();
        assert!(near(wanted), "{what}: {id} has {score}, not {wanted}");
        assert!(
            near(*position_score),
            "{what}: {id} stands in another one's place"
        );
    }
}

async fn compare(corpus: &Corpus, people: &[Person], queries: &[String]) {
    let test = TestApp::new().await;
    // In two runs, so that there are several segments.
    let mut half = corpus.clone();
    let middle = half.documents.len() / 2;
    half.documents = half.documents.split_off(middle);
    test.index(half);
    test.index(corpus.clone());
    for person in people {
        let permitted = corpus.documents.iter();
        let permitted = permitted.filter(|planted| may_read(corpus, planted, person, start()));
        let chunks: Vec<Chunk> = permitted.map(chunk).collect();
        let client = test.client(person);
        for query in queries {
            let found = hits(&client.search(query).await);
            let expected = naive_bm25(&chunks, query);
            assert_alike(&found, &expected, &format!("{person:?} {query:?}"));
        }
    }
}

fn words(count: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&WORDS[..]), count).prop_map(|words| words.join(" "))
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let one = prop::sample::select(vec![
        grant("everyone"),
        grant("user:alice"),
        grant("group:sre"),
        grant("group:dba"),
        deny("group:dba"),
        deny("user:alice"),
    ]);
    prop::collection::vec(one, 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        max_shrink_iters: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn scores_are_those_of_a_naive_bm25(
        documents in prop::collection::vec((lines(), words(1..4), words(1..120)), 3..30),
        queries in prop::collection::vec(words(1..5), 4),
    ) {
        let documents = documents.into_iter().enumerate().map(|(number, (lines, title, text))| {
            // Of one chunk each, whatever its length: a paragraph on one line is never cut.
            Planted::plain(&format!("d{}/{number:03}.md", number % 4), acl(lines), &title, &format!("{text}\n"))
        });
        let corpus = Corpus::default().with(documents);
        let people = [user("alice", &["sre"]), user("bob", &["dba", "sre"]), user("eve", &[])];
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(compare(&corpus, &people, &queries));
    }
}

/// Equal scores are ordered by document id, whatever was indexed first.
#[tokio::test(flavor = "multi_thread")]
async fn ties_are_ordered_by_document_id() {
    let document = |path: &str| {
        Planted::plain(
            path,
            acl([grant("everyone")]),
            "The title",
            "restart the database\n",
        )
    };
    let test = TestApp::new().await;
    let mut corpus = Corpus::default();
    for path in ["m.md", "z.md", "a.md", "b/a.md", "A.md", "a-.md"] {
        corpus = corpus.with([document(path)]);
        test.index(corpus.clone());
    }
    let found = hits(&test.client(&user("alice", &[])).search("database").await);
    assert!(
        found.windows(2).all(|pair| pair[0].1 == pair[1].1),
        "{found:?}"
    );
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "ops/A.md",
            "ops/a-.md",
            "ops/a.md",
            "ops/b/a.md",
            "ops/m.md",
            "ops/z.md"
        ]
    );
}

/// Many better documents that the caller may not read do not crowd out those that it may (B16).
#[tokio::test(flavor = "multi_thread")]
async fn hidden_documents_do_not_crowd_out_visible_ones() {
    let hidden = (0..300).map(|number| {
        let text = "failover failover failover\n";
        Planted::plain(
            &format!("h{number}.md"),
            acl([grant("group:sre")]),
            "failover",
            text,
        )
    });
    let visible = (0..12).map(|number| {
        let text = format!("{} failover\n", "padding ".repeat(30));
        Planted::plain(
            &format!("v{number}.md"),
            acl([grant("everyone")]),
            "text",
            &text,
        )
    });
    let test = TestApp::holding(Corpus::default().with(hidden).with(visible)).await;
    let client = test.client(&user("mallory", &[]));
    assert_eq!(client.search("failover").await.documents().len(), 12);
}

/// What is remembered of callers makes no difference to answers; room for nothing neither.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_without_room_changes_no_answer() {
    let documents = (0..20).map(|number| {
        let reader = if number % 3 == 0 {
            "group:sre"
        } else {
            "everyone"
        };
        let text = format!("{} database\n", "padding ".repeat(number));
        Planted::plain(
            &format!("{number}.md"),
            acl([grant(reader)]),
            "failover",
            &text,
        )
    });
    let corpus = Corpus::default().with(documents);
    let mut answers = Vec::new();
    for config in ["", "[search]\nview_bytes = 0\n"] {
        let test = TestApp::with(&[], config).await;
        test.index(corpus.clone());
        let client = test.client(&user("mallory", &[]));
        for query in ["database", "failover database", "database"] {
            let found = hits(&client.search(query).await);
            assert!(!found.is_empty());
            answers.push(found);
        }
    }
    let (roomy, tight) = answers.split_at(3);
    assert_eq!(roomy, tight);
}
