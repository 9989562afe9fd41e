//! How well searches find what they should: nDCG@10 of judged queries and MRR@10 of known items.
//!
//! `cargo bench --bench relevance` measures on the bundled fixtures. Another collection:
//! `cargo bench --bench relevance -- --corpus DIR --queries FILE --qrels FILE`, where each folder
//! in DIR becomes a collection, FILE are BEIR-style queries (JSON lines with `_id` and `text`)
//! and judgements (tab-separated query, document, grade). Known items are drawn from the corpus:
//! identifiers that at most three documents hold, asked as written and as separate words.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement that ends at the first surprise"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ambit::app::{Access, App, World, development_key};
use ambit::config::Config;
use ambit::identity::{DevelopmentIssuer, TokenRequest};
use ambit_indexer::clock::Clock;
use ambit_indexer::pipeline::RunOptions;
use ambit_indexer::principal::{ObjectId, PrincipalKind};
use serde_json::{Value, json};

const KNOWN_ITEMS: usize = 200;
const DEPTH: usize = 10;

struct Options {
    corpus: PathBuf,
    queries: PathBuf,
    qrels: Option<PathBuf>,
    verbose: bool,
}

struct Judged {
    text: String,
    grades: HashMap<String, f64>,
}

fn main() {
    let options = options();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(&options));
}

async fn measure(options: &Options) {
    let scratch = tempfile::tempdir().unwrap();
    let texts = copy_corpus(&options.corpus, scratch.path());
    let engine = Engine::start(scratch.path()).await;
    let judged = judged_queries(options, &texts);
    let mut total = 0.0;
    for query in &judged {
        let found = engine.search(&query.text).await;
        let value = ndcg(&found, &query.grades);
        if options.verbose && value < 0.99 {
            println!("{value:.3}  {}\n       {:?}", query.text, found.first());
        }
        total += value;
    }
    println!(
        "judged queries {:>4}  nDCG@10 {:.4}",
        judged.len(),
        total / judged.len() as f64
    );
    let items = known_items(&texts);
    for (name, spell) in [
        ("as written", as_written as fn(&str) -> String),
        ("as words", as_words),
    ] {
        let mut total = 0.0;
        for (identifier, documents) in &items {
            let found = engine.search(&spell(identifier)).await;
            let rank = found
                .iter()
                .position(|document| documents.contains(document));
            let value = rank.map_or(0.0, |rank| 1.0 / (rank + 1) as f64);
            if options.verbose && value < 1.0 {
                println!("{value:.3}  {}  {:?}", spell(identifier), found.first());
            }
            total += value;
        }
        println!(
            "known items    {:>4}  MRR@10  {:.4}  {name}",
            items.len(),
            total / items.len() as f64
        );
    }
}

fn options() -> Options {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut options = Options {
        corpus: root.join("fixtures/corpus"),
        queries: root.join("fixtures/relevance.jsonl"),
        qrels: None,
        verbose: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--corpus" => options.corpus = arguments.next().unwrap().into(),
            "--queries" => options.queries = arguments.next().unwrap().into(),
            "--qrels" => options.qrels = Some(arguments.next().unwrap().into()),
            "--verbose" => options.verbose = true,
            _ => {}
        }
    }
    options
}

/// Copies every Markdown file, one collection a folder, and lets everyone read them; returns the
/// texts by document id.
fn copy_corpus(corpus: &Path, scratch: &Path) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let mut pending = vec![corpus.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(corpus)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if path.is_dir() {
                pending.push(path);
            } else if name.ends_with(".md") && name.contains('/') {
                let target = scratch.join("corpus").join(&name);
                std::fs::create_dir_all(target.parent().unwrap()).unwrap();
                let bytes = std::fs::read(&path).unwrap();
                std::fs::write(&target, &bytes).unwrap();
                texts.insert(name, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    texts
}

struct Engine {
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Engine {
    async fn start(scratch: &Path) -> Self {
        let data = scratch.join("data");
        let config = Config::parse("").unwrap();
        let app = App::open(&data, config, Access::Write, true, World::real()).unwrap();
        for entry in std::fs::read_dir(scratch.join("corpus")).unwrap() {
            let folder = entry.unwrap().path();
            let everyone = "acl:\n  - grant: everyone\n";
            std::fs::write(folder.join(".acl.yaml"), everyone).unwrap();
            let options = RunOptions {
                collection: folder.file_name().unwrap().to_str().unwrap(),
                roots: std::slice::from_ref(&folder),
                directory: &app.config().directory,
                secrets: app.config().secrets,
                allow_mass_removal: false,
                who: "bench",
            };
            let report = app.index(&options, &mut |_| {}).unwrap();
            println!(
                "{:<32} {:>4} documents {:>5} chunks {:>3} quarantined",
                options.collection,
                report.indexed,
                report.chunks,
                report.quarantined.len()
            );
        }
        let token = token(&data);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/search", listener.local_addr().unwrap());
        tokio::spawn(ambit::http::serve(
            Arc::new(app),
            listener,
            std::future::pending(),
        ));
        Self {
            client: reqwest::Client::new(),
            url,
            token,
        }
    }

    /// The first distinct documents, best first.
    async fn search(&self, query: &str) -> Vec<String> {
        let request = self
            .client
            .post(&self.url)
            .bearer_auth(&self.token)
            .json(&json!({"query": query, "top_k": 100}));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let mut documents = Vec::new();
        for hit in answer["hits"].as_array().expect("hits") {
            let document = hit["document"].as_str().unwrap().to_owned();
            if !documents.contains(&document) {
                documents.push(document);
            }
        }
        documents.truncate(DEPTH);
        documents
    }
}

/// A token of somebody in every group that the fixtures name.
fn token(data: &Path) -> String {
    let issuer = DevelopmentIssuer::open_or_create(&development_key(data)).unwrap();
    let groups = [
        "sre-oncall",
        "dba-leads",
        "platform",
        "payments",
        "security-response",
        "support",
        "network-ops",
    ];
    issuer
        .mint(TokenRequest {
            user: Some(ObjectId::from_name(PrincipalKind::User, "bench")),
            groups: groups
                .iter()
                .map(|name| ObjectId::from_name(PrincipalKind::Group, name))
                .collect(),
            roles: Vec::new(),
            app: ObjectId::from_name(PrincipalKind::Application, "demo"),
            lifetime: 3600,
            app_only: false,
            now: Clock::system().now(),
        })
        .unwrap()
}

fn judged_queries(options: &Options, texts: &BTreeMap<String, String>) -> Vec<Judged> {
    let lines = std::fs::read_to_string(&options.queries).unwrap();
    let rows = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let Some(qrels) = &options.qrels else {
        return rows
            .map(|row| Judged {
                text: row["query"].as_str().unwrap().to_owned(),
                grades: row["relevant"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|id| (id.as_str().unwrap().to_owned(), 1.0))
                    .collect(),
            })
            .collect();
    };
    let mut grades: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for line in std::fs::read_to_string(qrels).unwrap().lines().skip(1) {
        let cells: Vec<&str> = line.split('\t').collect();
        if texts.contains_key(cells[1]) {
            let of_query = grades.entry(cells[0].to_owned()).or_default();
            of_query.insert(cells[1].to_owned(), cells[2].parse().unwrap());
        }
    }
    rows.filter_map(|row| {
        Some(Judged {
            text: row["text"].as_str().unwrap().to_owned(),
            grades: grades.remove(row["_id"].as_str().unwrap())?,
        })
    })
    .collect()
}

fn ndcg(found: &[String], grades: &HashMap<String, f64>) -> f64 {
    let discount = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
    let gain = found
        .iter()
        .enumerate()
        .map(|(rank, document)| grades.get(document).copied().unwrap_or(0.0) * discount(rank));
    let mut ideal: Vec<f64> = grades.values().copied().collect();
    ideal.sort_by(|a, b| b.total_cmp(a));
    let best = ideal
        .iter()
        .take(DEPTH)
        .enumerate()
        .map(|(rank, grade)| grade * discount(rank));
    gain.sum::<f64>() / best.sum::<f64>()
}

/// Identifiers of at least two parts that at most three documents hold, evenly drawn.
fn known_items(texts: &BTreeMap<String, String>) -> Vec<(String, BTreeSet<String>)> {
    let mut holders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, text) in texts {
        let end_of_word = |c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c));
        for word in text.split(end_of_word) {
            let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if (6..=60).contains(&word.len()) && (2..=6).contains(&parts(word).len()) {
                holders
                    .entry(word.to_owned())
                    .or_default()
                    .insert(id.clone());
            }
        }
    }
    let rare: Vec<_> = holders
        .into_iter()
        .filter(|(word, documents)| documents.len() <= 3 && !is_hash_like(word))
        .collect();
    let step = (rare.len() / KNOWN_ITEMS).max(1);
    rare.into_iter().step_by(step).take(KNOWN_ITEMS).collect()
}

/// Mostly digits: nobody types these as words.
fn is_hash_like(word: &str) -> bool {
    word.bytes().filter(u8::is_ascii_digit).count() * 3 > word.len()
}

fn as_written(identifier: &str) -> String {
    identifier.to_owned()
}

fn as_words(identifier: &str) -> String {
    parts(identifier).join(" ")
}

fn parts(identifier: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = ' ';
    for c in identifier.chars() {
        let boundary =
            !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && before.is_ascii_lowercase());
        if boundary && !parts.last().unwrap().is_empty() {
            parts.push(String::new());
        }
        if c.is_ascii_alphanumeric() {
            parts.last_mut().unwrap().push(c.to_ascii_lowercase());
        }
        before = c;
    }
    parts.retain(|part| !part.is_empty());
    parts
}
