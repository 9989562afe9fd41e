//! Running `ambit`, and talking to one that serves.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const AMBIT: &str = env!("CARGO_BIN_EXE_ambit");

/// What a finished command left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// It could not run, and said in one line why, naming all of `words`.
    #[track_caller]
    pub(crate) fn refuses(self, words: &[&str]) {
        let ran = self.exits(2);
        assert_eq!(ran.err.lines().count(), 1, "one line: {}", ran.err);
        assert!(ran.err.starts_with("ambit: "), "{}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{word}: {}", ran.err);
        }
        assert!(ran.out.is_empty(), "{}", ran.out);
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

pub(crate) fn command<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(AMBIT);
    command.args(arguments).env_remove("AMBIT_LOG");
    command.stdin(Stdio::null());
    command
}

pub(crate) fn ambit<A: AsRef<OsStr>>(arguments: &[A]) -> Ran {
    finish(&mut command(arguments))
}

pub(crate) fn finish(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A scratch folder with a data directory and a source folder, and a small collection `ops`:
/// one page for sre, one for dba, one for everyone.
pub(crate) struct Place {
    pub(crate) scratch: TempDir,
}

impl Place {
    pub(crate) fn empty() -> Self {
        let place = Self {
            scratch: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(place.source()).unwrap();
        place
    }

    pub(crate) fn indexed() -> Self {
        let place = Self::empty();
        place.write(
            ".acl.yaml",
            "acl:\n  - grant: group:sre\nowners: [group:leads]\n",
        );
        place.write(
            "failover.md",
            "# Fail over\n\nPromote the replica of orders.\n",
        );
        place.write(
            "dba/vacuum.md",
            "---\nlabel: confidential\nacl:\n  - grant: group:dba\n---\n# Vacuum\n\nFreeze orders.\n",
        );
        place.write(
            "public.md",
            "---\nacl:\n  - grant: everyone\n---\n# Status page\n\nWhere orders are shown.\n",
        );
        place.index(&[]).exits(0);
        place
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    pub(crate) fn source(&self) -> PathBuf {
        self.scratch.path().join("source")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.source().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// `ambit COMMAND… --data DIR REST…`.
    pub(crate) fn on(&self, before: &[&str], after: &[&str]) -> Command {
        let mut command = command(before);
        command.arg("--data").arg(self.data()).args(after);
        command
    }

    pub(crate) fn run(&self, before: &[&str], after: &[&str]) -> Ran {
        finish(&mut self.on(before, after))
    }

    pub(crate) fn index(&self, options: &[&str]) -> Ran {
        let mut command = self.on(&["index"], &["--collection", "ops"]);
        finish(command.args(options).arg(self.source()))
    }

    pub(crate) fn search(&self, who: &str, query: &str) -> Ran {
        self.run(&["search"], &["--as", who, "--json", query])
    }

    /// The documents that a search finds.
    pub(crate) fn found(&self, who: &str, query: &str) -> Vec<String> {
        documents(&self.search(who, query).exits(0).json())
    }

    pub(crate) fn token(&self, options: &[&str]) -> String {
        let token = self.run(&["token"], options).exits(0).out;
        assert_eq!(token.lines().count(), 1);
        token.trim().to_owned()
    }
}

pub(crate) fn documents(answer: &Value) -> Vec<String> {
    let hits = answer["hits"].as_array().unwrap().iter();
    let mut documents: Vec<String> = hits
        .map(|hit| hit["document"].as_str().unwrap().to_owned())
        .collect();
    documents.sort();
    documents.dedup();
    documents
}

/// A server in a process of its own; ends with the test, however that ends.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(data: &Path) -> Self {
        let mut command = command(&["serve", "--dev", "--listen", "127.0.0.1:0", "--data"]);
        Self::spawn(command.arg(data))
    }

    /// Starts a command that serves, and waits until it says where it listens.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = Self {
            child: child.unwrap(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let mut lines = BufReader::new(server.child.stdout.take().unwrap()).lines();
        let said = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| line.strip_prefix("listening on http://").map(str::to_owned));
        server.address = said.unwrap().parse().unwrap();
        // Whatever it says later is read, or it could not go on.
        std::thread::spawn(move || lines.for_each(drop));
        server
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub(crate) fn stop(mut self) -> ExitStatus {
        let id = self.id();
        let kill = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -TERM {id}"))
            .status();
        assert!(kill.unwrap().success());
        self.child.wait().unwrap()
    }

    /// Ends it at once (SIGKILL).
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// One request over a connection of its own: status and body.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}Content-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            bearer.unwrap_or_default(),
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    pub(crate) fn search(&self, token: &str, query: &str) -> Value {
        let body = serde_json::json!({"query": query}).to_string();
        let (status, answer) = self.ask("POST", "/v1/search", Some(token), &body);
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
