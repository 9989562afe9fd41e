//! Tests of the whole stage: order of the steps, lines, hostile input.

use proptest::prelude::*;

use super::*;
use crate::chunk::{ChunkLimits, chunks, of_content};
use crate::document::{Content, Kind};

fn read_file(text: &str) -> Parsed {
    parse(text.as_bytes(), "fallback", ParseOptions::default()).unwrap()
}

#[test]
fn titles_come_from_front_matter_then_heading_then_name() {
    assert_eq!(read_file("---\ntitle: A\n---\n# B\n").title, "A");
    assert_eq!(
        read_file("---\ntitle: ''\n---\nx\n\n# B *c* {#d}\n").title,
        "B c"
    );
    assert_eq!(read_file("## B\n\n#\n\ntext\n").title, "fallback");
    let parsed = parse(b"", "a\u{200b}b", ParseOptions::default());
    assert_eq!(parsed.unwrap().title, "ab");
}

#[test]
fn lines_hold_through_front_matter_and_removals() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let text = format!(
        "---\r\ntitle: T\r\n---\r\n<!-- one\r\ntwo -->\r\n\r\n# Steps\r\n\r\nuse {token}\r\n"
    );
    let parsed = read_file(&text);
    assert_eq!(parsed.first_line, 4);
    assert_eq!(
        parsed.body,
        "\n\n\n# Steps\n\nuse [REDACTED:github-token]\n"
    );
    let lines: Vec<u32> = parsed
        .redactions
        .iter()
        .map(|redaction| redaction.line)
        .collect();
    assert_eq!(lines, [9]);
    let drafts = chunks(&parsed.body, &parsed.blocks, 4, ChunkLimits::default());
    assert_eq!(drafts[0].chunk.first_line, 7);
    assert_eq!(drafts[0].chunk.last_line, 9);
    assert_eq!(drafts[0].search_text, "Steps\nuse [REDACTED:github-token]");
}

#[test]
fn what_does_not_settle_is_refused() {
    let mut nested = "<!-- x -->".to_owned();
    for _ in 0..MAX_ROUNDS + 4 {
        nested = format!("<!-{nested}- y -->");
    }
    nested.insert_str(0, "a ");
    let rejected = parse_markdown(&nested, 1, ParseOptions::default()).unwrap_err();
    assert_eq!(
        rejected.reason,
        "hidden text or secrets are nested too deeply"
    );
}

/// Work on hostile text stays in proportion to its size; a quadratic step would take minutes.
#[test]
fn hostile_texts_come_to_an_end() {
    let pieces = [
        "<!--",
        "<!",
        "<",
        "-->",
        "<?",
        "<a b='",
        "[",
        "![",
        "[//]: # (",
        "[a]: ",
        "> ",
        "- ",
        "`",
        "*",
        "**a",
        "&",
        "|",
        "|a",
        "\n|-",
        "password: ",
        "password=",
        "-----BEGIN PRIVATE KEY-----",
        "%41",
        "QUFB",
        "://a:b",
        "://",
        " -u a:bcdef",
        "curl ",
        "eyJhbGciOiJI.",
        "# a\n",
        "\u{200b}",
        "a\n",
        "- a\n",
        "[^1]: ",
        "[^1]",
        "    ",
        "\n",
        "Q~",
        "token token=",
        "name: secret\n",
        "\\",
        "<!-- a -->",
        "$",
        "~~~\n",
        "1. ",
        "ghp_",
        "[REDACTED:jwt]",
        "==",
        "sig=",
        "é",
        "aws",
        ";pwd=a",
    ];
    for piece in pieces {
        let text = piece.repeat(100_000 / piece.len());
        if let Ok(parsed) = parse(text.as_bytes(), "x", ParseOptions::default()) {
            chunks(&parsed.body, &parsed.blocks, 1, ChunkLimits::default());
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(parsed) = parse(&bytes, "x", ParseOptions::default()) {
            chunks(&parsed.body, &parsed.blocks, parsed.first_line, ChunkLimits::default());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "(\\PC|\n){0,300}") {
        let parsed = parse(text.as_bytes(), &text, ParseOptions::default());
        prop_assert_eq!(&parsed, &parse(text.as_bytes(), &text, ParseOptions::default()));
        if let Ok(parsed) = parsed {
            let limits = ChunkLimits { target_bytes: 40, min_bytes: 10 };
            chunks(&parsed.body, &parsed.blocks, parsed.first_line, limits);
        }
    }

    /// What is stored is cut as what was read.
    #[test]
    fn stored_content_gives_the_same_chunks(text in "(# a\n|word |\n\n|- x\n|`c`|<!-- h -->){0,60}") {
        let parsed = read_file(&text);
        let limits = ChunkLimits::default();
        let drafts = chunks(&parsed.body, &parsed.blocks, parsed.first_line, limits);
        let content = Content {
            title: parsed.title,
            body: parsed.body,
            kind: Kind::Doc,
            uri: None,
            service: None,
            severity: None,
            tags: Vec::new(),
            created: None,
            updated: None,
            first_line: parsed.first_line,
        };
        prop_assert_eq!(of_content(&content), drafts);
    }
}
