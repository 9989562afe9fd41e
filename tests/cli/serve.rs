//! `ambit serve`: tokens, signals, and what a killed server leaves.

use crate::support::{Place, Server, documents};

const SRE: [&str; 4] = ["--user", "alice", "--group", "sre"];

#[test]
fn a_minted_token_opens_what_its_groups_may_read() {
    let place = Place::indexed();
    let server = Server::start(&place.data());
    let token = place.token(&SRE);
    let found = documents(&server.search(&token, "orders"));
    assert_eq!(found, ["ops/failover.md", "ops/public.md"]);
    let (status, body) = server.ask("GET", "/v1/documents/ops/failover.md", Some(&token), "");
    assert_eq!(status, 200);
    assert!(body.contains("Promote the replica"));
    let hidden = server.ask("GET", "/v1/documents/ops/dba/vacuum.md", Some(&token), "");
    let absent = server.ask("GET", "/v1/documents/ops/dba/nothing.md", Some(&token), "");
    assert_eq!((hidden.0, absent.0), (404, 404));
    let (status, _) = server.ask("POST", "/v1/search", None, "{\"query\":\"orders\"}");
    assert_eq!(status, 401);
    let other = Place::indexed().token(&SRE);
    let (status, _) = server.ask("POST", "/v1/search", Some(&other), "{\"query\":\"orders\"}");
    assert_eq!(status, 401, "another directory's issuer is not trusted");
    let app = place.token(&["--app-only", "--group", "dba"]);
    let found = documents(&server.search(&app, "orders"));
    assert_eq!(found, ["ops/dba/vacuum.md", "ops/public.md"]);
    let stranger = place.token(&["--user", "alice", "--app", "stranger"]);
    let (status, _) = server.ask(
        "POST",
        "/v1/search",
        Some(&stranger),
        "{\"query\":\"orders\"}",
    );
    assert_eq!(status, 403, "an unregistered agent");
}

#[test]
fn a_server_asked_to_stop_ends_in_good_order() {
    let place = Place::indexed();
    let server = Server::start(&place.data());
    let token = place.token(&SRE);
    server.search(&token, "orders");
    let status = server.stop();
    assert_eq!(status.code(), Some(0), "{status}");
    let tail = place.run(&["audit", "tail"], &["--json"]).exits(0).out;
    let last = tail.lines().last().unwrap();
    assert!(last.contains("asked to stop"), "{last}");
    place.run(&["audit", "verify"], &[]).exits(0);
    place.index(&[]).exits(0);
}

#[test]
fn a_killed_server_loses_no_acknowledged_answer() {
    let place = Place::indexed();
    let token = place.token(&SRE);
    let mut answers = Vec::new();
    for _ in 0..3 {
        let server = Server::start(&place.data());
        for _ in 0..5 {
            let answer = server.search(&token, "orders");
            answers.push(answer["id"].as_str().unwrap().to_owned());
        }
        server.kill();
        let verified = place.run(&["audit", "verify"], &["--json"]).exits(0).json();
        assert!(verified["problems"].as_array().unwrap().is_empty());
    }
    let tail = place
        .run(&["audit", "tail"], &["-n", "1000", "--json"])
        .exits(0)
        .out;
    for answer in &answers {
        assert_eq!(tail.matches(answer.as_str()).count(), 1, "{answer}");
    }
    assert_eq!(place.found("group:sre", "orders").len(), 2);
}

#[test]
fn an_index_run_killed_at_any_moment_leaves_all_or_nothing() {
    let place = Place::indexed();
    for round in 0..8_u32 {
        for number in 0..30 {
            let text = format!("# Page {number}\n\nround {round} of zebra\n");
            place.write(&format!("many/{number}.md"), &text);
        }
        let mut index = place.on(&["index"], &["--collection", "ops"]);
        let index = index
            .arg(place.source())
            .stdout(std::process::Stdio::null());
        let mut child = index.spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(u64::from(round) * 40));
        child.kill().ok();
        child.wait().unwrap();
        let tail = place.run(&["doctor"], &[]).exits(0);
        assert!(tail.out.contains("holds every document"), "{}", tail.out);
        let answer = place.run(
            &["search"],
            &["--as", "group:sre", "--json", "-k", "100", "zebra"],
        );
        let answer = answer.exits(0).json();
        let hits = answer["hits"].as_array().unwrap();
        let rounds: std::collections::BTreeSet<String> = hits
            .iter()
            .map(|hit| hit["snippet"].as_str().unwrap())
            .filter_map(|snippet| snippet.split("round ").nth(1))
            .map(|rest| rest.split(' ').next().unwrap().to_owned())
            .collect();
        assert!(hits.is_empty() || hits.len() == 30, "{}", hits.len());
        assert!(rounds.len() <= 1, "one state, not {rounds:?}");
        place.run(&["audit", "verify"], &[]).exits(0);
    }
}
