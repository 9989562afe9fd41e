//! The rest: doctor, tokens, the API document, completions, the demo, closed pipes.

use std::io::Read;
use std::process::Stdio;

use crate::support::{Place, ambit, command};

#[test]
fn a_sound_directory_has_nothing_to_complain_of() {
    let place = Place::indexed();
    let doctor = place.run(&["doctor"], &[]).exits(0).out;
    assert!(
        doctor.lines().all(|line| line.starts_with("ok ")),
        "{doctor}"
    );
    let json = place.run(&["doctor"], &["--json"]).exits(0).json();
    let findings = json.as_array().unwrap();
    assert!(findings.len() >= 5);
    assert!(findings.iter().all(|finding| finding["ok"] == true));
}

#[test]
fn a_token_is_three_parts_and_says_whom_it_is_about() {
    let place = Place::empty();
    place
        .run(&["token"], &["--user", "alice"])
        .refuses(&["data"]);
    assert!(!place.data().exists(), "a mistyped directory is not made");
    let place = Place::indexed();
    let token = place.token(&["--user", "alice", "--group", "sre", "--role", "Ambit.Audit"]);
    assert_eq!(token.split('.').count(), 3);
    assert!(token.is_ascii() && !token.contains(char::is_whitespace));
    let key = place.data().join("keys/development-issuer.pem");
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "nobody else reads the key");
    ambit(&["token", "--data", "x", "--user", "a", "--app-only"]).exits(2);
}

#[test]
fn the_api_document_is_json_with_every_route() {
    let ran = ambit(&["openapi"]).exits(0);
    let paths = ran.json()["paths"].clone();
    for path in [
        "/v1/search",
        "/v1/context",
        "/v1/documents/{id}",
        "/v1/me",
        "/livez",
        "/readyz",
    ] {
        let wildcard = path.replace("{id}", "{*id}");
        assert!(paths.get(path).or(paths.get(&wildcard)).is_some(), "{path}");
    }
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = ambit(&["completions", shell]).exits(0).out;
        assert!(
            script.contains("doctor") && script.contains("search"),
            "{shell}"
        );
    }
    ambit(&["completions", "cobol"]).exits(2);
}

#[test]
fn the_demo_shows_three_answers_to_one_question() {
    let ran = ambit(&["demo", "--once"]).exits(0);
    for person in [
        "bob (support)",
        "alice (sre-oncall)",
        "carol (sre-oncall, dba-leads)",
    ] {
        assert!(ran.out.contains(person), "{}", ran.out);
    }
    assert!(ran.out.contains("curl -s http://127.0.0.1:"), "{}", ran.out);
    assert!(!ran.out.contains("QUARANTINE-ME"));
    assert!(ran.err.is_empty(), "{}", ran.err);
}

/// `ambit … | head -c 1`.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::indexed();
    for number in 0..400 {
        place.write(&format!("many/{number:03}.txt"), "not Markdown\n");
    }
    let commands = [
        command(&["openapi"]),
        command(&["completions", "bash"]),
        place.on(&["audit", "tail"], &[]),
        place.on(&["doctor"], &[]),
        place.on(&["search"], &["--as", "group:sre", "--json", "orders"]),
        {
            let mut index = place.on(&["index"], &["--collection", "ops"]);
            index.arg(place.source());
            index
        },
    ];
    for mut command in commands {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{command:?}: {said}");
        assert!(said.is_empty(), "{said}");
    }
}
