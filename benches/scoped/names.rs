//! Names that nobody wrote: hosts, services, alerts, numbers, people.
//!
//! A name is drawn by its rank, and ranks have a heavy tail: some names are everywhere, and however
//! many were drawn, there are new ones. That is how vocabularies of real collections grow.

use rand::Rng;
use rand::rngs::StdRng;

/// `P(rank > n)` falls with this power; distinct names then grow with the power
const TAIL: f64 = 0.35;
/// How many ranks share the head.
const HEAD: f64 = 50.0;
/// Machines of one family, which differ by their number only.
const FAMILY: u64 = 24;

const ROLES: [&str; 12] = [
    "db", "web", "api", "cache", "queue", "worker", "gw", "proxy", "node", "mail", "batch", "log",
];
const SITES: [&str; 6] = ["prod", "stage", "eu1", "us2", "dr", "lab"];

/// What a word is, as far as it can be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `443`, `99.5`
    Number,
    /// `0x8007A1B2`
    Code,
    /// `db-prod-17`
    Host,
    /// `KubePodCrashLooping`
    Alert,
    /// `ledger-exporter`
    Service,
    /// An ordinary long word, in whose place sometimes stands a proper name.
    Name,
}

impl Kind {
    pub(crate) const COUNT: usize = 6;
    /// What a note names; numbers and hosts more often than their share of runbooks.
    pub(crate) const NOTED: [Self; 8] = [
        Self::Number,
        Self::Number,
        Self::Code,
        Self::Host,
        Self::Host,
        Self::Alert,
        Self::Service,
        Self::Name,
    ];

    /// The kind of a word without the punctuation around it; `None` for one that stays.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        let joined = word.contains(['-', '_', '.', '/', ':']);
        let lower = word.chars().all(|c| !c.is_uppercase());
        if !word.is_ascii() || word.len() > 60 || word.contains("://") {
            return None;
        }
        match () {
            () if digits > 0 && letters == 0 => Some(Self::Number),
            () if word.starts_with("0x") || (digits > 2 && letters > 2 && !joined) => {
                Some(Self::Code)
            }
            () if digits > 0 && letters > 1 && joined => Some(Self::Host),
            () if is_camel(word) => Some(Self::Alert),
            () if joined && lower && letters > 4 => Some(Self::Service),
            () if lower && letters == word.len() && letters > 5 => Some(Self::Name),
            () => None,
        }
    }

    /// How often a word of this kind is replaced.
    pub(crate) fn replaced(self) -> f64 {
        match self {
            Self::Number => 0.5,
            Self::Code => 0.9,
            Self::Host => 0.7,
            Self::Alert | Self::Service => 0.5,
            Self::Name => 0.05,
        }
    }
}

fn is_camel(word: &str) -> bool {
    let humps = word
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    word.bytes().all(|byte| byte.is_ascii_alphabetic()) && humps.count() > 0
}

/// Draws a name; `lexicon` gives the words for composed ones.
pub(crate) fn draw(kind: Kind, lexicon: &[String], random: &mut StdRng) -> String {
    let rank = rank(random);
    let seed = mix(rank + ((kind as u64) << 56));
    let word =
        |part: u32| lexicon[(mix(seed + u64::from(part)) % lexicon.len() as u64) as usize].as_str();
    match kind {
        Kind::Number => (rank % 10_000_000 + 1).to_string(),
        Kind::Code => format!("0x{:08X}", seed >> 32),
        Kind::Host => {
            let family = mix(rank / FAMILY);
            let owner = &lexicon[(family % lexicon.len() as u64) as usize];
            let role = ROLES[(family >> 24) as usize % ROLES.len()];
            let site = SITES[(family >> 48) as usize % SITES.len()];
            format!("{owner}-{role}-{site}-{:02}", rank % FAMILY + 1)
        }
        Kind::Alert => (0..2 + seed as u32 % 3)
            .map(|part| capital(word(part)))
            .collect(),
        Kind::Service => format!("{}-{}", word(0), word(1)),
        Kind::Name => capital(&syllables(seed, rank)),
    }
}

fn rank(random: &mut StdRng) -> u64 {
    let uniform = 1.0 - random.r#gen::<f64>();
    let rank = HEAD * (uniform.powf(-1.0 / TAIL) - 1.0);
    rank.min(1e15) as u64
}

/// A pronounceable word; rarer ones are longer.
fn syllables(mut seed: u64, rank: u64) -> String {
    let count = 2 + usize::from(rank > 2_000) + usize::from(rank > 200_000);
    let mut word = String::new();
    for _ in 0..count {
        let onset = [
            "b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "st", "tr",
            "kl",
        ];
        let nucleus = ["a", "e", "i", "o", "u", "ai", "or", "an", "el"];
        word.push_str(onset[(seed % 18) as usize]);
        word.push_str(nucleus[(seed / 18 % 9) as usize]);
        seed /= 18 * 9;
    }
    word
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// SplitMix64's finaliser: neighbours become strangers.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
