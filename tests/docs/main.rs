//! The shell commands of the documents: those marked `<!-- run -->` work as written, and none
//! names a command that `ambit` does not have.
//!
//! The marked blocks of one file are one script: run in order by `sh -eu` in the root of the
//! repository, with `ambit` on the path and a temporary folder that is removed afterwards. A
//! server that a block starts in the background is known by the variable `SERVER`.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

const AMBIT: &str = env!("CARGO_BIN_EXE_ambit");
/// Stands on the line above a block that is run.
const MARK: &str = "<!-- run -->";
/// A script that takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(180);
/// Puts `ambit` on the path, and stops a server that is left over when a block fails.
const PRELUDE: &str = r#"PATH="$AMBIT_FOLDER:$PATH"
SERVER=
trap 'test -z "$SERVER" || kill "$SERVER" 2>/dev/null || true' EXIT
"#;

/// A block of shell commands in a document.
struct Block {
    runs: bool,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and the pages of `docs/`.
fn documents() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = vec![root().join("README.md")];
    for entry in fs::read_dir(root().join("docs"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The blocks between a line "```sh" and the next "```".
fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut marked = false;
    let mut open: Option<Block> = None;
    for line in markdown.lines() {
        match open.take() {
            Some(block) if line.trim_end() == "```" => blocks.push(block),
            Some(mut block) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            None if line.trim_end() == "```sh" => {
                let text = String::new();
                open = Some(Block { runs: marked, text });
            }
            None => {}
        }
        marked = line.trim() == MARK;
    }
    blocks
}

/// Waits for a script, but not for ever.
fn finished(command: &mut Command) -> Result<ExitStatus, Box<dyn Error>> {
    let mut child = command.spawn()?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > DEADLINE {
            child.kill()?;
            child.wait()?;
            return Err("the script did not end in time".into());
        }
        sleep(Duration::from_millis(50));
    }
}

fn run(script: &str) -> Outcome {
    let scratch = tempfile::tempdir()?;
    // A file and not a pipe: a server in the background would keep a pipe open.
    let path = scratch.path().join("output");
    let output = File::create(&path)?;
    let folder = Path::new(AMBIT).parent().ok_or("ambit is in no folder")?;
    let mut command = Command::new("sh");
    command
        .args(["-eux", "-c"])
        .arg(format!("{PRELUDE}{script}"))
        .current_dir(root())
        .env("AMBIT_FOLDER", folder)
        .env("TMPDIR", scratch.path())
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let outcome = finished(&mut command);
    let said = fs::read(&path)?;
    let said = String::from_utf8_lossy(&said);
    match outcome {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{status}\n{said}").into()),
        Err(error) => Err(format!("{error}\n{said}").into()),
    }
}

/// The commands that `ambit --help` lists.
fn known_commands() -> Result<BTreeSet<String>, Box<dyn Error>> {
    let help = Command::new(AMBIT).arg("--help").output()?;
    let help = String::from_utf8(help.stdout)?;
    let listed = help
        .lines()
        .skip_while(|line| line.trim() != "Commands:")
        .skip(1)
        .take_while(|line| !line.trim().is_empty());
    let names = listed.filter_map(|line| line.split_whitespace().next());
    Ok(names.map(str::to_owned).collect())
}

/// The words that follow `ambit`, or the `--` of `cargo run`, where a command begins.
fn used_commands(script: &str) -> Vec<String> {
    let mut used = Vec::new();
    let commands = script.replace("\\\n", " ").replace("$(", "\n");
    let commands = commands.lines().flat_map(|line| line.split(['|', ';', '&']));
    for command in commands {
        let mut words = command
            .split_whitespace()
            .skip_while(|word| word.contains('='));
        let found = match (words.next(), words.next()) {
            (Some("ambit"), Some(word)) => Some(word),
            (Some("cargo"), Some("run")) => {
                let mut arguments = words.skip_while(|word| *word != "--").skip(1);
                arguments.next()
            }
            _ => None,
        };
        let found = found.map(|word| word.trim_end_matches(')'));
        used.extend(found.filter(|word| !word.starts_with('-')).map(str::to_owned));
    }
    used
}

#[test]
fn marked_blocks_run_as_written() -> Outcome {
    let mut failures = Vec::new();
    let mut scripts = 0;
    for path in documents()? {
        let markdown = fs::read_to_string(&path)?;
        let marked = blocks(&markdown).into_iter().filter(|block| block.runs);
        let script: String = marked.map(|block| block.text).collect();
        if script.is_empty() {
            continue;
        }
        scripts += 1;
        if let Err(error) = run(&script) {
            failures.push(format!("{}: {error}", path.display()));
        }
    }
    assert!(scripts > 0, "no document has a block marked {MARK}");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

#[test]
fn documents_name_only_commands_that_exist() -> Outcome {
    let known = known_commands()?;
    assert!(known.contains("serve"), "the help lists no commands");
    let mut seen = 0;
    for path in documents()? {
        let markdown = fs::read_to_string(&path)?;
        for command in blocks(&markdown)
            .iter()
            .flat_map(|block| used_commands(&block.text))
        {
            seen += 1;
            let exists = known.contains(&command);
            assert!(exists, "{}: no command `ambit {command}`", path.display());
        }
    }
    assert!(seen > 0, "no document names a command");
    Ok(())
}

#[test]
fn a_mark_belongs_to_the_block_below_it() {
    let text = format!("{MARK}\n```sh\ntrue\n```\n{MARK}\n\n```sh\nfalse\n```\n```text\nno\n```\n");
    let found: Vec<(bool, String)> = blocks(&text)
        .into_iter()
        .map(|block| (block.runs, block.text))
        .collect();
    let expected = [(true, "true\n".to_owned()), (false, "false\n".to_owned())];
    assert_eq!(found, expected);
}

#[test]
fn commands_are_found_where_they_begin() {
    let script = "DATA=$(ambit token --user ambit)\ncargo run --release -- demo\n\
                  A=b ambit acl \\\n  explain x | ambit --version && ambit audit tail\n";
    assert_eq!(used_commands(script), ["token", "demo", "acl", "audit"]);
}
