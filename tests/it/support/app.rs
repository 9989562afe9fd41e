//! A real server in the process, on a port of its own, with a clock and an audit file that tests
//! hold in their hands.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use ambit::app::{Access, App, World, development_key};
use ambit::audit::file::{DiskFile, LogFile};
use ambit::audit::{AuditKey, AuditPaths, Entry, Event, HexHash, PublicKey, tail, verify};
use ambit::config::Config;
use ambit::identity::{DevelopmentIssuer, TokenRequest};
use ambit_indexer::clock::{Clock, Timestamp};
use ambit_indexer::pipeline::{self, RunOptions, RunReport};
use ambit_indexer::principal::{ObjectId, PrincipalKind, hyphenated_guid};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::client::{Answer, Call, Client, marks};
use super::corpus::Corpus;
use super::logs;
use super::naive::{Agent, Person, may_read};

/// The instant at which every world begins.
pub(crate) const START: &str = "2026-06-01T00:00:00Z";

/// The instant at which every world begins.
pub(crate) fn start() -> Timestamp {
    START.parse().unwrap()
}

/// What a world's clients and its server share: what is planted, and what has been answered.
pub(crate) struct Facts {
    clock: Arc<Clock>,
    world: Mutex<Planting>,
    /// Answer ids that a client has seen, with the hash of the body where there was one.
    answers: Mutex<Vec<(String, Option<HexHash>)>>,
    file: Arc<Mutex<FileScript>>,
    log_position: usize,
}

#[derive(Default)]
struct Planting {
    corpus: Corpus,
    /// Every mark that was ever planted.
    marks: BTreeSet<String>,
    /// Words that only requests hold: not for the log either.
    asked: BTreeSet<String>,
}

impl Facts {
    /// The marks that must not reach this person now.
    pub(super) fn forbidden(&self, person: Option<&Person>) -> BTreeSet<String> {
        let world = self.world.lock().unwrap();
        let now = self.clock.now();
        let mut forbidden = world.marks.clone();
        for planted in &world.corpus.documents {
            if person.is_some_and(|person| may_read(&world.corpus, planted, person, now)) {
                forbidden.remove(&planted.mark);
            }
        }
        forbidden
    }

    /// AUDIT-FIRST: whoever holds an answer finds its id among the bytes that are durable.
    pub(super) fn check_durable(&self, call: &Call, answer: &Answer) {
        let Some(id) = answer.answer_id() else {
            return;
        };
        let synced = &self.file.lock().unwrap().synced;
        let wanted = format!("\"answer\":\"{id}\"");
        let found = String::from_utf8_lossy(synced).contains(&wanted);
        assert!(
            found,
            "the answer to {call:?} was sent before its entry was durable"
        );
        let whole = answer.status == 200 && !answer.body.is_empty();
        let hash = whole.then(|| HexHash::of(&answer.body));
        self.answers.lock().unwrap().push((id.to_owned(), hash));
    }
}

/// How the audit log's file behaves.
#[derive(Default)]
pub(crate) struct FileScript {
    /// What has been appended but not synced: lost if the process ended now.
    pending: Vec<u8>,
    /// The last records that were synced.
    synced: Vec<u8>,
    pub(crate) fail_append: bool,
    pub(crate) fail_sync: bool,
    /// Runs once, during the next sync of answers.
    pub(crate) during_sync: Option<Box<dyn FnOnce() + Send>>,
    /// Makes every sync take this long, so that whoever does not wait is ahead.
    pub(crate) slow: Option<std::time::Duration>,
}

/// How many synced bytes are kept for the check.
const KEPT: usize = 512 * 1024;

/// A file that forgets what has not been synced.
struct ForgetfulFile {
    disk: DiskFile,
    script: Arc<Mutex<FileScript>>,
}

impl LogFile for ForgetfulFile {
    fn length(&self) -> io::Result<u64> {
        let pending = self.script.lock().unwrap().pending.len() as u64;
        Ok(self.disk.length()? + pending)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut script = self.script.lock().unwrap();
        if script.fail_append {
            return Err(io::Error::other("the disk is full"));
        }
        script.pending.extend_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut script = self.script.lock().unwrap();
        if script.fail_sync {
            return Err(io::Error::other("the disk is gone"));
        }
        let hook = script.during_sync.take();
        let slow = script.slow;
        drop(script);
        if let Some(hook) = hook {
            hook();
        }
        if let Some(slow) = slow {
            std::thread::sleep(slow);
        }
        let mut script = self.script.lock().unwrap();
        let pending = std::mem::take(&mut script.pending);
        self.disk.append(&pending)?;
        script.synced.extend_from_slice(&pending);
        let surplus = script.synced.len().saturating_sub(KEPT);
        script.synced.drain(..surplus);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let durable = self.disk.length()?;
        let pending = &mut self.script.lock().unwrap().pending;
        pending.truncate(usize::try_from(length.saturating_sub(durable)).unwrap());
        self.disk.truncate(length.min(durable))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(self.script.lock().unwrap().pending.is_empty());
        self.disk.read_at(offset, buffer)
    }
}

/// The text of the process's one development key; making a key is slow.
fn development_pem() -> &'static [u8] {
    static PEM: OnceLock<Vec<u8>> = OnceLock::new();
    PEM.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("key.pem");
        DevelopmentIssuer::open_or_create(&path).unwrap();
        std::fs::read(&path).unwrap()
    })
}

/// Signs tokens that every world accepts.
pub(crate) fn issuer() -> &'static DevelopmentIssuer {
    static ISSUER: OnceLock<DevelopmentIssuer> = OnceLock::new();
    ISSUER.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("key.pem");
        place_key(&path);
        DevelopmentIssuer::open_or_create(&path).unwrap()
    })
}

fn place_key(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, development_pem()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A folder for one world, in memory where there is such a place: what is durable is decided by
/// the scripted file here, and waiting for real disks would take most of the tests' time.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let there = memory.is_dir().then(|| TempDir::new_in(memory).ok());
    there.flatten().unwrap_or_else(|| TempDir::new().unwrap())
}

/// A server with its data directory and its folders of Markdown.
pub(crate) struct TestApp {
    data: TempDir,
    sources: TempDir,
    config: String,
    clock: Arc<Clock>,
    facts: Arc<Facts>,
    indexed: Mutex<BTreeSet<String>>,
    running: Option<Running>,
}

struct Running {
    app: Arc<App>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl TestApp {
    /// A server without documents.
    pub(crate) async fn new() -> Self {
        Self::with(&[], "").await
    }

    /// A server with documents.
    pub(crate) async fn holding(corpus: Corpus) -> Self {
        let app = Self::new().await;
        app.index(corpus);
        app
    }

    /// A server with further agents and further configuration.
    pub(crate) async fn with(agents: &[Agent], config: &str) -> Self {
        Self::at(start(), agents, config).await
    }

    /// A server whose clock begins at an instant.
    pub(crate) async fn at(now: Timestamp, agents: &[Agent], config: &str) -> Self {
        logs::capture();
        let clock = Arc::new(Clock::manual(now));
        let facts = Facts {
            clock: Arc::clone(&clock),
            world: Mutex::default(),
            answers: Mutex::default(),
            file: Arc::default(),
            log_position: logs::position(),
        };
        let mut test = Self {
            data: scratch(),
            sources: scratch(),
            config: configuration(agents, config),
            clock,
            facts: Arc::new(facts),
            indexed: Mutex::default(),
            running: None,
        };
        place_key(&development_key(test.data.path()));
        test.start().await;
        test
    }

    /// Starts the server over what is in the data directory.
    pub(crate) async fn start(&mut self) {
        let paths = AuditPaths::in_data(self.data.path());
        std::fs::create_dir_all(&paths.directory).unwrap();
        let file = ForgetfulFile {
            disk: DiskFile::open_or_create(&paths.log()).unwrap(),
            script: Arc::clone(&self.facts.file),
        };
        let world = World {
            clock: Arc::clone(&self.clock),
            audit_file: Some(Box::new(file)),
        };
        let config = Config::parse(&self.config).unwrap();
        let app = App::open(self.data.path(), config, Access::Write, true, world).unwrap();
        let app = Arc::new(app);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = ambit::http::serve(Arc::clone(&app), listener, async {
            stopped.await.ok();
        });
        let server = tokio::spawn(async { serving.await.unwrap() });
        self.running = Some(Running {
            app,
            address,
            stop,
            server,
        });
    }

    /// Stops the server and lets go of the data directory.
    pub(crate) async fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.stop.send(()).ok();
        running.server.await.unwrap();
        while Arc::strong_count(&running.app) > 1 {
            tokio::task::yield_now().await;
        }
    }

    /// The service itself.
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.running.as_ref().unwrap().app
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// The world's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The audit file's behaviour.
    pub(crate) fn file(&self) -> MutexGuard<'_, FileScript> {
        self.facts.file.lock().unwrap()
    }

    /// Notes a word of a request's that must not be logged.
    pub(crate) fn watch_for(&self, mark: &str) {
        let mut world = self.facts.world.lock().unwrap();
        world.asked.insert(mark.to_owned());
    }

    /// Makes these the documents, in one indexing run a collection.
    pub(crate) fn index(&self, corpus: Corpus) -> BTreeMap<String, RunReport> {
        let collections = corpus.collections(&self.indexed.lock().unwrap());
        self.indexed.lock().unwrap().extend(collections.clone());
        {
            // Until the run is acknowledged, what both worlds permit may be seen: tests do not
            // ask meanwhile, except those that revoke.
            let mut world = self.facts.world.lock().unwrap();
            let planted = corpus.documents.iter().map(|planted| planted.mark.clone());
            world.marks.extend(planted);
            world.corpus = corpus.clone();
        }
        let run = |collection: String| {
            let root = self.sources.path().join(&collection);
            corpus.write(&collection, &root);
            let report = self.index_folder(&collection, root);
            (collection, report)
        };
        collections.into_iter().map(run).collect()
    }

    /// Lets the clients believe that nobody may read a document, which the service still shows.
    pub(crate) fn index_behind_the_back_of_the_client(&self, planted: &super::corpus::Planted) {
        let mut world = self.facts.world.lock().unwrap();
        world.corpus.documents.retain(|known| known != planted);
    }

    /// Indexes one folder as it is on disk.
    pub(crate) fn index_folder(&self, collection: &str, root: PathBuf) -> RunReport {
        let app = self.app();
        let options = RunOptions {
            collection,
            roots: &[root],
            directory: &app.config().directory,
            secrets: app.config().secrets,
            allow_mass_removal: true,
            who: "test",
        };
        app.index(&options, &mut |_| {}).unwrap()
    }

    /// Prepares a change that can be put in force later from any thread: writes the files now,
    /// and gives back the run. Its audit entries wait in the catalog until the next run.
    pub(crate) fn prepared(&self, corpus: Corpus) -> Box<dyn FnOnce() + Send> {
        let root = self.sources.path().join("ops");
        let (app, facts) = (Arc::clone(self.app()), Arc::clone(&self.facts));
        Box::new(move || {
            corpus.write("ops", &root);
            let options = RunOptions {
                collection: "ops",
                roots: std::slice::from_ref(&root),
                directory: &app.config().directory,
                secrets: app.config().secrets,
                allow_mass_removal: true,
                who: "test",
            };
            pipeline::index_folders(app.store(), &options, &mut |_| {}).unwrap();
            facts.world.lock().unwrap().corpus = corpus;
        })
    }

    /// A client that asks as this person.
    pub(crate) fn client(&self, person: &Person) -> Client {
        let token = token(person, self.clock.now());
        self.raw_client(Some(person.clone()), Some(format!("Bearer {token}")))
    }

    /// A client that sends this as its authorization.
    pub(crate) fn raw_client(
        &self,
        person: Option<Person>,
        authorization: Option<String>,
    ) -> Client {
        Client {
            address: self.running.as_ref().unwrap().address,
            facts: Arc::clone(&self.facts),
            person,
            authorization,
        }
    }

    /// The audit log's entries, oldest first.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let records = tail(&AuditPaths::in_data(self.data.path()), usize::MAX).unwrap();
        records
            .iter()
            .map(|record| record.entry().unwrap())
            .collect()
    }

    /// The public half of the audit key.
    pub(crate) fn audit_key(&self) -> PublicKey {
        let paths = AuditPaths::in_data(self.data.path());
        AuditKey::load(&paths.key).unwrap().public()
    }

    fn check_audit(&self) {
        let paths = AuditPaths::in_data(self.data.path());
        let report = verify(&paths, &self.audit_key()).unwrap();
        assert!(
            report.is_sound(),
            "the audit log is broken: {:?}",
            report.problems
        );
        let mut recorded = BTreeMap::new();
        for entry in self.entries() {
            if let Some(answer) = entry.answer {
                let before = recorded.insert(answer.to_string(), body_hash(&entry.event));
                assert!(before.is_none(), "{answer} is recorded twice");
            }
        }
        for (answer, hash) in self.facts.answers.lock().unwrap().iter() {
            let known = recorded.get(answer);
            let known = known.unwrap_or_else(|| panic!("{answer} is not in the audit log"));
            assert!(hash.is_none() || hash == known, "{answer} has another body");
        }
    }

    /// Logs hold no text, no ids and no queries at any level (leak L1).
    fn check_logs(&self) {
        let logged = logs::since(self.facts.log_position);
        let world = self.facts.world.lock().unwrap();
        let known = |mark: &String| world.marks.contains(mark) || world.asked.contains(mark);
        if let Some(mark) = marks(&logged).find(known) {
            let line = logged
                .lines()
                .find(|line| line.to_lowercase().contains(&mark));
            panic!("LEAK: the log holds the mark {mark}: {line:?}");
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.send(()).ok();
        }
        if !std::thread::panicking() {
            self.check_audit();
            self.check_logs();
        }
    }
}

/// The hash of the body that an entry about an answer records.
pub(crate) fn body_hash(event: &Event) -> Option<HexHash> {
    match event {
        Event::Search { body_sha256, .. } | Event::Document { body_sha256, .. } => {
            Some(*body_sha256)
        }
        Event::Context(record) => Some(record.body_sha256),
        _ => None,
    }
}

/// A token of a person's, good for six days.
pub(crate) fn token(person: &Person, now: Timestamp) -> String {
    let request = token_request(person, now);
    issuer().mint(request).unwrap()
}

/// What a person's token says.
pub(crate) fn token_request(person: &Person, now: Timestamp) -> TokenRequest {
    let object = |kind, name: &str| match hyphenated_guid(name) {
        Some(guid) => ObjectId::new(guid),
        None => ObjectId::from_name(kind, name),
    };
    let (kind, name) = person.subject.split_once(':').unwrap();
    let app_only = kind == "app";
    // An application on its own is its own client, and has to be registered under its name.
    let client = if app_only { name } else { &person.agent.name };
    TokenRequest {
        user: (!app_only).then(|| object(PrincipalKind::User, name)),
        groups: person
            .groups
            .iter()
            .map(|group| object(PrincipalKind::Group, group))
            .collect(),
        roles: Vec::new(),
        app: object(PrincipalKind::Application, client),
        lifetime: 6 * 24 * 60 * 60,
        app_only,
        now,
    }
}

fn configuration(agents: &[Agent], further: &str) -> String {
    let mut text = format!("public_url = \"https://ambit.example\"\n{further}\n");
    for agent in agents {
        let collections = match &agent.collections {
            None => vec!["*".to_owned()],
            Some(names) => names.clone(),
        };
        text.push_str(&format!(
            "[[agents]]\nname = \"{0}\"\nclient = \"{0}\"\ntier = \"read\"\ncollections = {1:?}\n\
             highest_label = \"{2}\"\n",
            agent.name, collections, agent.highest_label
        ));
    }
    text
}
