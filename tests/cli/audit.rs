//! `ambit audit`: what happened, and whether the log is whole.

use std::path::PathBuf;

use crate::support::Place;

fn log(place: &Place) -> PathBuf {
    let mut folders = vec![place.data()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "jsonl") {
                return path;
            }
        }
    }
    unreachable!("the data directory has an audit log");
}

#[test]
fn changes_and_searches_are_recorded() {
    let place = Place::indexed();
    place.search("group:sre", "promote the replica").exits(0);
    let verified = place.run(&["audit", "verify"], &[]).exits(0);
    assert!(
        verified.out.starts_with("whole: 4 records"),
        "{}",
        verified.out
    );
    let tail = place.run(&["audit", "tail"], &[]).exits(0).out;
    assert_eq!(tail.lines().count(), 4, "{tail}");
    assert!(tail.lines().last().unwrap().contains("promote the replica"));
    assert!(tail.contains("ops/dba/vacuum.md"), "{tail}");
    let two = place
        .run(&["audit", "tail"], &["-n", "2", "--json"])
        .exits(0)
        .out;
    let records: Vec<serde_json::Value> = two
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records.len(), 2);
    let numbers: Vec<u64> = records.iter().map(|r| r["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers[1], numbers[0] + 1);
    place.index(&[]).exits(0);
    let again = place.run(&["audit", "verify"], &["--json"]).exits(0).json();
    assert_eq!(again["records"], 4, "an unchanged run records nothing");
    assert_eq!(again["problems"].as_array().unwrap().len(), 0);
}

#[test]
fn every_sort_of_tampering_is_found_and_placed() {
    let place = Place::indexed();
    place.search("group:sre", "promote").exits(0);
    let log = log(&place);
    let sound = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = sound.lines().collect();
    let joined = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let edited = sound.replacen("vacuum", "vacuun", 1);
    let at = 1 + lines
        .iter()
        .position(|line| line.contains("vacuum"))
        .unwrap();
    let cases = [
        ("edited", edited, format!("line {at} (byte ")),
        (
            "first removed",
            joined(&lines[1..]),
            "line 1 (byte 0)".to_owned(),
        ),
        (
            "middle removed",
            joined(&[&lines[..2], &lines[3..]].concat()),
            "line 3 (byte ".to_owned(),
        ),
        ("cut off", joined(&lines[..2]), "line 3 (byte ".to_owned()),
        (
            "swapped",
            joined(&[lines[1], lines[0], lines[2], lines[3]]),
            "line 1 (byte 0)".to_owned(),
        ),
        (
            "repeated",
            joined(&[lines[0], lines[0], lines[1], lines[2], lines[3]]),
            "line 2 (byte ".to_owned(),
        ),
    ];
    for (how, text, place_named) in cases {
        std::fs::write(&log, text).unwrap();
        let ran = place.run(&["audit", "verify"], &[]).exits(1);
        assert!(ran.out.contains(&place_named), "{how}: {}", ran.out);
        assert!(ran.out.contains("BROKEN"), "{how}: {}", ran.out);
        let json = place.run(&["audit", "verify"], &["--json"]).exits(1).json();
        assert!(!json["problems"].as_array().unwrap().is_empty(), "{how}");
        let doctor = place.run(&["doctor"], &[]).exits(1);
        assert!(
            doctor.out.contains("PROBLEM  audit log"),
            "{how}: {}",
            doctor.out
        );
    }
    std::fs::write(&log, sound).unwrap();
    place.run(&["audit", "verify"], &[]).exits(0);
}

#[test]
fn a_half_written_last_record_is_no_fault() {
    let place = Place::indexed();
    let log = log(&place);
    let mut text = std::fs::read_to_string(&log).unwrap();
    text.push_str("{\"seq\":");
    std::fs::write(&log, text).unwrap();
    let ran = place.run(&["audit", "verify"], &[]).exits(0);
    assert!(ran.out.contains("never acknowledged"), "{}", ran.out);
    place.search("group:sre", "promote").exits(0);
    let ran = place.run(&["audit", "verify"], &[]).exits(0);
    assert!(ran.out.starts_with("whole: 4 records"), "{}", ran.out);
}

#[test]
fn without_its_key_or_head_the_log_is_not_believed() {
    let place = Place::indexed();
    let folder = log(&place).parent().unwrap().to_owned();
    let beside: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let head = place.data();
    let mut all = vec![head];
    let mut heads = Vec::new();
    while let Some(folder) = all.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                all.push(path);
            } else if name.contains("head") {
                heads.push(path);
            }
        }
    }
    assert_eq!(heads.len(), 1, "{beside:?}");
    std::fs::remove_file(&heads[0]).unwrap();
    let ran = place.run(&["audit", "verify"], &[]).exits(1);
    assert!(ran.out.contains("no signed head"), "{}", ran.out);
    place.search("group:sre", "promote").refuses(&["head"]);
}
