//! Searches while documents are put and permissions change, beside the same searches at rest.
//!
//! A real data directory, filled and changed by indexing runs: a large collection that stays, and
//! a small one of which each run rewrites some files and the ACLs of two folders.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ambit::app::{Access, App, World};
use ambit::config::{Config, DEFAULT_VIEW_BYTES};
use ambit::identity::Caller;
use ambit::search::{Engine, Filters, WeightedQuery};
use ambit_indexer::pipeline::RunOptions;

use crate::ambit_side::{self, LIMITS};
use crate::learn::Model;
use crate::table::percentile;
use crate::text::Writer;
use crate::{Options, queries};

/// How long each phase lasts.
const PHASE: Duration = Duration::from_secs(20);
/// Runs a second, with so many files and folder ACLs each.
const RUNS_A_SECOND: u32 = 5;
const FILES_A_RUN: u64 = 20;
const FOLDERS_A_RUN: u64 = 2;
/// Files and folders of the collection that changes.
const LIVE_FILES: u64 = 400;
const LIVE_FOLDERS: u64 = 20;
/// Access lists of the large collection, one a folder; the caller has every other one.
const FOLDERS: u64 = 200;

pub(crate) fn run(options: &Options) {
    let model = Model::learn(&options.learn);
    let scratch = tempfile::Builder::new()
        .prefix("change-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .unwrap();
    let base = scratch.path().join("base");
    let documents = write_base(&base, &model, options);
    let live = scratch.path().join("live");
    for file in 0..LIVE_FILES {
        write_live(&live, &model, file, 0);
    }
    for folder in 0..LIVE_FOLDERS {
        write_acl(&live.join(folder.to_string()), folder);
    }
    let data = scratch.path().join("data");
    let app = open(&data);
    let start = Instant::now();
    index(&app, "base", &base);
    index(&app, "live", &live);
    let counts = app.store().counts().unwrap();
    println!(
        "indexed: {documents} files, {} chunks, in {:.1} s",
        counts.chunks,
        start.elapsed().as_secs_f64()
    );
    drop(app);
    let start = Instant::now();
    let app = open(&data);
    println!("opened again in {:.2} s", start.elapsed().as_secs_f64());
    let classes: Vec<u64> = (0..FOLDERS).step_by(2).collect();
    let caller = ambit_side::caller(&classes);
    let queries = queries::queries(&model, options.seed, options.queries);
    let engine = Engine::new(DEFAULT_VIEW_BYTES);
    phase("at rest", &app, &engine, &caller, &queries, None);
    let changes = Changes {
        app: &app,
        model: &model,
        folder: &live,
        stop: AtomicBool::new(false),
        puts: AtomicU64::new(0),
        acls: AtomicU64::new(0),
    };
    std::thread::scope(|threads| {
        let writer = threads.spawn(|| changes.make());
        phase(
            "under change",
            &app,
            &engine,
            &caller,
            &queries,
            Some(&changes),
        );
        changes.stop.store(true, Ordering::Relaxed);
        writer.join().unwrap();
    });
    phase("at rest again", &app, &engine, &caller, &queries, None);
}

fn open(data: &Path) -> App {
    App::open(
        data,
        Config::parse("").unwrap(),
        Access::Write,
        false,
        World::real(),
    )
    .unwrap()
}

fn index(app: &App, collection: &str, folder: &Path) {
    let options = RunOptions {
        collection,
        roots: &[folder.to_owned()],
        directory: &app.config().directory,
        secrets: app.config().secrets,
        allow_mass_removal: false,
        who: "bench",
    };
    app.index(&options, &mut |_| {}).unwrap();
}

/// Writes about as many chunks as wanted; gives how many files they are.
fn write_base(folder: &Path, model: &Model, options: &Options) -> u64 {
    for class in 0..FOLDERS {
        write_acl(&folder.join(class.to_string()), class);
    }
    let (mut chunks, mut file) = (0, 0);
    while chunks < options.chunks as usize {
        let text = Writer::new(model, options.seed, file).document();
        chunks += text.len();
        write_document(&folder.join((file % FOLDERS).to_string()), file, &text);
        file += 1;
    }
    file
}

fn write_document(folder: &Path, number: u64, chunks: &[String]) {
    let sections = chunks.iter().zip(1..);
    let sections = sections.map(|(text, part)| format!("## Part {part}\n\n{text}\n\n"));
    let body: String = sections.collect();
    let path = folder.join(format!("{number}.md"));
    std::fs::write(path, format!("# Document {number}\n\n{body}")).unwrap();
}

fn write_live(folder: &Path, model: &Model, file: u64, version: u64) {
    let folder = folder.join((file % LIVE_FOLDERS).to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let text = Writer::new(model, version + 1, file).document();
    // As short as an incident note: what a put costs depends on what is put.
    let text = text.get(..text.len().min(2)).unwrap();
    write_document(&folder, file, text);
}

fn write_acl(folder: &Path, class: u64) {
    std::fs::create_dir_all(folder).unwrap();
    let text = format!("acl:\n  - grant: group:acl-{class}\n");
    std::fs::write(folder.join(".acl.yaml"), text).unwrap();
}

/// What changes the small collection.
struct Changes<'a> {
    app: &'a App,
    model: &'a Model,
    folder: &'a PathBuf,
    stop: AtomicBool,
    puts: AtomicU64,
    acls: AtomicU64,
}

impl Changes<'_> {
    fn make(&self) {
        let mut version = 1;
        let mut due = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            for place in 0..FILES_A_RUN {
                let file = (version * FILES_A_RUN + place) % LIVE_FILES;
                write_live(self.folder, self.model, file, version);
            }
            for place in 0..FOLDERS_A_RUN {
                let folder = (version * FOLDERS_A_RUN + place) % LIVE_FOLDERS;
                // Now the caller may read it, now not.
                write_acl(&self.folder.join(folder.to_string()), folder + version % 2);
            }
            index(self.app, "live", self.folder);
            self.puts.fetch_add(FILES_A_RUN, Ordering::Relaxed);
            self.acls.fetch_add(FOLDERS_A_RUN, Ordering::Relaxed);
            version += 1;
            due += Duration::from_secs(1) / RUNS_A_SECOND;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}

/// Asks for a while, as fast as answers come, each on the snapshot of its moment.
fn phase(
    name: &str,
    app: &App,
    engine: &Engine,
    caller: &Caller,
    queries: &[WeightedQuery],
    changes: Option<&Changes<'_>>,
) {
    let begin = Instant::now();
    let mut micros = Vec::new();
    let filters = Filters::default();
    for query in queries.iter().cycle() {
        if begin.elapsed() > PHASE {
            break;
        }
        let start = Instant::now();
        let snapshot = app.store().snapshot();
        let ranking = engine.rank(caller.scope(), &snapshot, query, &filters, LIMITS);
        ranking.unwrap();
        micros.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let seconds = begin.elapsed().as_secs_f64();
    micros.sort_by(f64::total_cmp);
    let rate = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / seconds;
    let (puts, acls) = changes.map_or((0.0, 0.0), |changes| {
        (rate(&changes.puts), rate(&changes.acls))
    });
    println!(
        "{name:<16} median {:>7.0} us  p99 {:>7.0} us  {} searches  {puts:.0} puts and {acls:.1} folder ACLs a second  {} segments",
        percentile(&micros, 0.5),
        percentile(&micros, 0.99),
        micros.len(),
        app.store().snapshot().index.segments().len()
    );
}
