//! What cannot run exits with 2 and says in one line why.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;

use crate::support::{Place, Server, ambit, command, finish};

#[test]
fn a_folder_that_is_not_there() {
    let place = Place::empty();
    std::fs::remove_dir(place.source()).unwrap();
    place.index(&[]).refuses(&["source", "not a folder"]);
    let place = Place::empty();
    place.write("a.md", "text");
    let file = place.source().join("a.md");
    let mut index = place.on(&["index"], &["--collection", "ops"]);
    finish(index.arg(file)).refuses(&["a.md", "not a folder"]);
}

#[test]
fn a_collection_that_is_no_name() {
    let place = Place::empty();
    let mut index = place.on(&["index"], &["--collection", "no/name"]);
    finish(index.arg(place.source())).refuses(&["no/name"]);
}

/// Whoever runs the tests as root reads everything, so the command runs as somebody else then.
#[test]
fn a_file_that_may_not_be_read() {
    const NOBODY: u32 = 65_534;
    let place = Place::indexed();
    place.write("secret.md", "text");
    let file = place.source().join("secret.md");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    let is_root = std::fs::metadata(place.source()).unwrap().uid() == 0;
    let mut index = place.on(&["index"], &["--collection", "ops"]);
    index.arg(place.source());
    if is_root {
        let mut folders = vec![place.scratch.path().to_owned()];
        while let Some(folder) = folders.pop() {
            chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
                }
            }
        }
        index.uid(NOBODY);
    }
    match index.output() {
        Ok(_) => finish(&mut index).refuses(&["cannot read", "secret.md"]),
        // The binary itself lies where only root may look.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(place.found("group:sre", "replica"), ["ops/failover.md"]);
}

#[test]
fn a_directory_that_a_server_holds() {
    let place = Place::indexed();
    let server = Server::start(&place.data());
    place.index(&[]).refuses(&["in use"]);
    place.run(&["index"], &["--rebuild"]).refuses(&["in use"]);
    place
        .run(&["serve"], &["--dev", "--listen", "127.0.0.1:0"])
        .refuses(&["in use"]);
    let (status, _) = server.ask("GET", "/livez", None, "");
    assert_eq!(status, 200, "and the server goes on");
}

#[test]
fn a_catalog_of_another_version() {
    let place = Place::indexed();
    let catalog = place.data().join("catalog.sqlite");
    let mut bytes = std::fs::read(&catalog).unwrap();
    // `PRAGMA user_version` is the number at byte 60 of the header.
    bytes[63] = 99;
    std::fs::write(&catalog, bytes).unwrap();
    place.index(&[]).refuses(&["version 99"]);
    place.search("group:sre", "orders").refuses(&["version 99"]);
}

#[test]
fn a_catalog_that_is_none() {
    let place = Place::indexed();
    std::fs::write(place.data().join("catalog.sqlite"), "x".repeat(9000)).unwrap();
    place.search("group:sre", "orders").refuses(&["catalog"]);
    let doctor = place.run(&["doctor"], &[]).exits(1);
    assert!(doctor.out.contains("PROBLEM"), "{}", doctor.out);
}

#[test]
fn no_data_directory() {
    let place = Place::empty();
    for arguments in [
        &["search", "--as", "user:a", "x"][..],
        &["doctor"],
        &["acl", "show", "ops/a.md"],
        &["index", "--rebuild"],
        &["audit", "verify"],
    ] {
        let words = if arguments[0] == "audit" { 2 } else { 1 };
        let words = if arguments[0] == "acl" { 2 } else { words };
        let (before, after) = arguments.split_at(words);
        place.run(before, after).refuses(&["data"]);
        assert!(!place.data().exists(), "{arguments:?} makes nothing");
    }
}

#[test]
fn a_port_that_is_taken() {
    let place = Place::indexed();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let serve = place.run(&["serve"], &["--dev", "--listen", &address]);
    serve.refuses(&["cannot listen", &address]);
    assert_eq!(place.found("group:sre", "replica").len(), 1, "and lets go");
}

#[test]
fn a_configuration_that_is_refused() {
    let place = Place::indexed();
    let file = place.scratch.path().join("ambit.toml");
    let path = file.to_str().unwrap();
    let cases = [
        ("unknown_thing = 1\n", "unknown_thing"),
        ("[limits]\nbody_byte = 1\n", "body_byte"),
        ("listen = \"nowhere\"\n", "listen"),
        ("listen = \n", "line 1"),
        ("[ingest]\nsecrets = \"ignore\"\n", "ingest.secrets"),
        ("labels = [\"a\", \"a\"]\ndefault_label = \"a\"\n", "a"),
        ("public_url = \"ftp://x\"\n", "public_url"),
        ("[limits]\ndeadline_milliseconds = 0\n", "limits"),
        ("[directory.names]\nsre = \"x\"\n", "directory.names.sre"),
    ];
    for (text, named) in cases {
        std::fs::write(&file, text).unwrap();
        place
            .run(&["search"], &["--config", path, "--as", "user:a", "x"])
            .refuses(&["configuration", named]);
    }
    std::fs::remove_file(&file).unwrap();
    place
        .run(&["doctor"], &["--config", path])
        .refuses(&["configuration", "ambit.toml"]);
}

#[test]
fn a_reason_is_said_once() {
    let place = Place::indexed();
    let missing = place.scratch.path().join("none.toml");
    let ran = place.run(&["doctor"], &["--config", missing.to_str().unwrap()]);
    assert_eq!(ran.err.matches("No such file").count(), 1, "{}", ran.err);
}

#[test]
fn no_such_document() {
    let place = Place::indexed();
    place
        .run(&["acl", "show"], &["ops/none.md"])
        .refuses(&["ops/none.md"]);
    place
        .run(&["acl", "explain"], &["--as", "user:a", "ops/none.md"])
        .refuses(&["ops/none.md"]);
    place
        .run(&["acl", "show"], &["noslash"])
        .refuses(&["collection/path"]);
}

#[test]
fn nobody_to_search_as() {
    let place = Place::indexed();
    for who in ["alice", "users:alice", "user:a b", "user:"] {
        place.search(who, "orders").refuses(&["--as"]);
    }
}

#[test]
fn serving_without_an_issuer_or_to_the_world() {
    let place = Place::indexed();
    place
        .run(&["serve"], &["--listen", "127.0.0.1:0"])
        .refuses(&["--dev"]);
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        place
            .run(&["serve"], &["--dev", "--listen", address])
            .refuses(&["loopback", address]);
    }
    ambit(&["demo", "--once", "--listen", "0.0.0.0:0"]).refuses(&["loopback"]);
}

#[test]
fn a_token_that_cannot_be_minted() {
    let place = Place::indexed();
    for ttl in ["1w", "", "h", "-1h", "99999999999h", "4000000h", "1.5h"] {
        let ttl = format!("--ttl={ttl}");
        place
            .run(&["token"], &["--user", "alice", &ttl])
            .refuses(&["--ttl"]);
    }
    place.run(&["token"], &["--user", ""]).refuses(&["user"]);
}

#[test]
fn arguments_that_are_wrong() {
    for arguments in [
        &["no-such-command"][..],
        &["index"],
        &["search"],
        &["token"],
        &[],
    ] {
        let ran = ambit(arguments).exits(2);
        assert!(ran.err.contains("Usage"), "{}", ran.err);
    }
    ambit(&["--version"]).exits(0);
    let help = ambit(&["--help"]).exits(0);
    assert!(help.out.contains("doctor") && help.err.is_empty());
    let mut child = command(&["index", "--data", "x", "--collection", "ops"]);
    finish(&mut child).exits(2);
}
