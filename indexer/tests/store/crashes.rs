//! NOTHING-LOST: a process that indexes is killed at any instant; what is found afterwards is the
//! state before or the state after, wholly.
//!
//! The child is this test binary, started again. `AMBIT_CRASH_ROUNDS` asks for more rounds.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ambit_indexer::clock::Clock;
use ambit_indexer::directory::Directory;
use ambit_indexer::label::Labels;
use ambit_indexer::parse::SecretPolicy;
use ambit_indexer::pipeline::{RunOptions, index_folders};
use ambit_indexer::store::Store;
use uuid::Uuid;

use crate::support::{COLLECTION, check, live, outbox, tenant};

const CHILD: &str = "AMBIT_CRASH_CHILD";
const DOCUMENTS: usize = 40;

/// Ends the child on every way out.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The work of the child; does nothing in an ordinary run of the tests.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD) else {
        return;
    };
    let folder = Path::new(&folder);
    let store = open(folder);
    let directory = Directory::embedded(tenant());
    let options = RunOptions {
        collection: COLLECTION,
        roots: &[folder.join("source")],
        directory: &directory,
        secrets: SecretPolicy::Redact,
        allow_mass_removal: true,
        who: "child",
    };
    index_folders(&store, &options, &mut |_| {}).unwrap();
}

fn open(folder: &Path) -> Store {
    let clock = Arc::new(Clock::system());
    Store::open(&folder.join("data"), Labels::default(), clock).unwrap()
}

fn start(folder: &Path) -> Killed {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crashes::child"])
        .env(CHILD, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Killed(child.unwrap())
}

/// Writes the sources of one state: every body names it, every ACL is its own, and each state
/// lacks some documents and has some in quarantine.
fn write_state(folder: &Path, state: u32) {
    let source = folder.join("source");
    std::fs::remove_dir_all(&source).ok();
    std::fs::create_dir_all(&source).unwrap();
    let group = if state.is_multiple_of(2) {
        "even"
    } else {
        "odd"
    };
    let policy = format!("acl:\n  - grant: group:{group}\n");
    std::fs::write(source.join(".acl.yaml"), policy).unwrap();
    for number in (0..DOCUMENTS).filter(|number| is_there(*number, state)) {
        let text = format!("# Page {number}\n\nbody of state {state}\n");
        std::fs::write(source.join(format!("{number:02}.md")), text).unwrap();
    }
    let broken = "---\nacl: no\n---\nbroken\n";
    std::fs::write(source.join(format!("broken-{state}.md")), broken).unwrap();
    std::fs::write(source.join("steady.md"), "# Steady\n\nnever changes\n").unwrap();
}

fn is_there(number: usize, state: u32) -> bool {
    !(number + state as usize).is_multiple_of(7)
}

/// Which state is in force: all of it, or the test fails.
fn state_of(store: &Store) -> u32 {
    let live = live(store);
    let (_, page) = live.iter().find(|(path, _)| *path != "steady.md").unwrap();
    let (_, state) = page.body.trim().rsplit_once(' ').unwrap();
    let state: u32 = state.parse().unwrap();
    let expected = (0..DOCUMENTS).filter(|number| is_there(*number, state));
    let mut expected: Vec<String> = expected.map(|n| format!("{n:02}.md")).collect();
    expected.push("steady.md".to_owned());
    assert_eq!(live.keys().cloned().collect::<Vec<_>>(), expected);
    let policy = &live["steady.md"].acl;
    for (path, live) in &live {
        let body = format!("body of state {state}");
        assert!(path == "steady.md" || live.body.contains(&body), "{path}");
        assert_eq!(&live.acl, policy, "content never under another state's ACL");
    }
    let group = if state.is_multiple_of(2) {
        "even"
    } else {
        "odd"
    };
    let name = format!("group:{group}").parse().unwrap();
    let principal = Directory::embedded(tenant()).resolve(&name).unwrap();
    assert_eq!(policy.entries[0].entry.principal, principal);
    let quarantined = store.quarantined().unwrap();
    assert_eq!(quarantined.len(), 1);
    assert_eq!(quarantined[0].1.path, format!("broken-{state}.md"));
    state
}

/// The audit entries that must wait for a change from one state to the next.
fn expected_outbox(from: u32, to: u32) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    for number in 0..DOCUMENTS {
        let action = match (is_there(number, from), is_there(number, to)) {
            (_, true) => "put",
            (true, false) => "remove",
            (false, false) => continue,
        };
        entries.push((action.to_owned(), format!("{COLLECTION}/{number:02}.md")));
    }
    if (to - from) % 2 == 1 {
        entries.push(("acl".to_owned(), format!("{COLLECTION}/steady.md")));
    }
    entries.sort();
    entries
}

#[test]
fn killed_at_any_instant_a_run_is_wholly_there_or_wholly_absent() {
    let rounds = std::env::var("AMBIT_CRASH_ROUNDS").ok();
    let rounds: u32 = rounds.and_then(|text| text.parse().ok()).unwrap_or(60);
    let bounded = rounds <= 60;
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    write_state(folder, 1);
    let began = Instant::now();
    assert!(start(folder).0.wait().unwrap().success());
    let mut reach = began.elapsed();
    let store = open(folder);
    assert_eq!(state_of(&store), 1);
    store.outbox_done(i64::MAX).unwrap();
    drop(store);
    let (mut in_force, mut kept) = (1, 0);
    for round in 2..rounds + 2 {
        // Enough has been tried on a slow machine; no verdict hangs on it.
        if bounded && began.elapsed() > Duration::from_secs(35) {
            break;
        }
        write_state(folder, round);
        let child = start(folder);
        std::thread::sleep(reach.mul_f64(0.5 + random()));
        drop(child);
        let store = open(folder);
        check(&store);
        let found = state_of(&store);
        assert!(found == in_force || found == round, "{in_force} or {round}");
        let mut waiting = outbox(&store);
        waiting.sort();
        let expected = match found == round {
            true => expected_outbox(in_force, round),
            false => Vec::new(),
        };
        assert_eq!(waiting, expected, "round {round}");
        // Draws the next instants closer to the one at which a run takes effect.
        reach = reach.mul_f64(if found == in_force { 1.15 } else { 0.85 });
        kept += u32::from(found == in_force);
        in_force = found;
        store.outbox_done(i64::MAX).unwrap();
    }
    eprintln!("{kept} killed runs left the state before, the others the one after");
}

/// From 0 to 1.
fn random() -> f64 {
    let bits = Uuid::new_v4().as_u128() as u32;
    f64::from(bits) / f64::from(u32::MAX)
}
