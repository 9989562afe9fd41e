//! The clock never goes back, for whoever reads it.

use ambit_indexer::clock::{Clock, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

#[test]
fn a_manual_clock_moves_forward_only() {
    let clock = Clock::manual(at(100));
    assert_eq!(clock.now(), at(100));
    clock.advance_to(at(50));
    assert_eq!(clock.now(), at(100), "the past changes nothing");
    clock.advance_to(at(101));
    assert_eq!(clock.now(), at(101));
    assert_eq!(clock.now(), at(101));
}

#[test]
fn the_system_clock_tells_microseconds_and_never_less() {
    let clock = Clock::system();
    let first = clock.now();
    assert!(first > at(1_700_000_000), "later than 2023");
    assert_eq!(
        first.subsec_nanosecond() % 1000,
        0,
        "as the catalog stores it"
    );
    let ahead = first + jiff::SignedDuration::from_hours(1);
    clock.advance_to(ahead);
    assert_eq!(
        clock.now(),
        ahead,
        "a machine clock set back is not believed"
    );
}

#[test]
fn what_one_thread_has_seen_no_other_sees_earlier() {
    let clock = Clock::system();
    std::thread::scope(|scope| {
        for number in 0..4_i64 {
            let clock = &clock;
            scope.spawn(move || {
                let mut latest = Timestamp::UNIX_EPOCH;
                for step in 0..20_000_i64 {
                    if number == 0 && step % 1000 == 0 {
                        let ahead = clock.now() + jiff::SignedDuration::from_secs(1);
                        clock.advance_to(ahead);
                    }
                    let now = clock.now();
                    assert!(now >= latest);
                    latest = now;
                }
            });
        }
    });
    // A message between threads cannot arrive before it was sent.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..5_000 {
                sender.send(clock.now()).unwrap();
            }
            drop(sender);
        });
        for sent in receiver {
            assert!(clock.now() >= sent);
        }
    });
}
