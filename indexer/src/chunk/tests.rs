//! Tests of chunking: every visible line in exactly one chunk, ranges that are whole lines.

#![expect(clippy::string_slice, reason = "a slice out of bounds fails the test")]

use proptest::prelude::*;

use super::*;
use crate::parse::markdown::blocks;

const SMALL: ChunkLimits = ChunkLimits {
    target_bytes: 60,
    min_bytes: 20,
};

fn cut(body: &str, limits: ChunkLimits) -> Vec<DraftChunk> {
    chunks(body, &blocks(body), 1, limits)
}

fn texts(body: &str, limits: ChunkLimits) -> Vec<&str> {
    let ranges = cut(body, limits);
    ranges
        .iter()
        .map(|draft| &body[draft.chunk.start..draft.chunk.end])
        .collect()
}

#[test]
fn small_sections_merge_and_larger_ones_begin_a_chunk() {
    let body = "# A\n\none\n\n## B\n\ntwo two two two two\n\n## C\n\nthree\n";
    let expected = ["# A\n\none\n\n## B\n\ntwo two two two two", "## C\n\nthree"];
    assert_eq!(texts(body, SMALL), expected);
}

#[test]
fn headings_stay_with_what_follows() {
    let long = "word ".repeat(11);
    let long = long.trim_end();
    let body = format!("{long}\n\n# A\n\n## B\n\n{long}\n");
    let expected = [long.to_owned(), format!("# A\n\n## B\n\n{long}")];
    assert_eq!(texts(&body, SMALL), expected);
    assert_eq!(texts("text\n\n# Last\n", SMALL), ["text\n\n# Last"]);
}

#[test]
fn chunks_know_the_headings_above_them() {
    let fill = "word ".repeat(8);
    let body =
        format!("# A\n\n{fill}\n\n## B\n\n{fill}\n\n{fill}\n\n### C\n\n{fill}\n\n# D\n\n{fill}\n");
    let paths: Vec<Vec<String>> = cut(&body, SMALL)
        .into_iter()
        .map(|d| d.chunk.heading)
        .collect();
    let expected: [&[&str]; 5] = [&["A"], &["A", "B"], &["A", "B"], &["A", "B", "C"], &["D"]];
    assert_eq!(paths, expected);
}

#[test]
fn lines_are_those_of_the_source() {
    let body = "\n# A\n\none\n\n\ntwo\n";
    let chunks = chunks(body, &blocks(body), 10, SMALL);
    assert_eq!(chunks.len(), 1);
    let chunk = &chunks[0].chunk;
    assert_eq!((chunk.first_line, chunk.last_line), (11, 16));
    assert_eq!(&body[chunk.start..chunk.end], "# A\n\none\n\n\ntwo");
    assert_eq!(chunks[0].search_text, "A\none\ntwo");
}

#[test]
fn long_blocks_are_cut_at_lines() {
    let code = format!("```\n{}```\n", "line of code\n".repeat(10));
    let parts = texts(&code, SMALL);
    assert!(
        parts.len() > 2 && parts.iter().all(|part| part.len() <= 60),
        "{parts:?}"
    );
    let list = format!("- {}\n", "item\n\n  ```\n  code code\n  ```\n").repeat(6);
    assert!(texts(&list, SMALL).iter().all(|part| part.len() <= 60));
    let one_line = "x".repeat(500);
    assert_eq!(texts(&one_line, SMALL), [one_line.as_str()]);
    let one_item = format!("- {}\n", "words and words\n  ".repeat(20));
    assert!(texts(&one_item, SMALL).iter().all(|part| part.len() <= 60));
}

#[test]
fn parts_of_a_table_repeat_its_header_for_search() {
    let body = format!(
        "| alert | team |\n|---|---|\n{}",
        "| disk | storage |\n".repeat(9)
    );
    let drafts = cut(&body, SMALL);
    assert!(drafts.len() > 2);
    for draft in &drafts {
        assert!(draft.search_text.starts_with("alert\tteam"), "{draft:?}");
        assert_eq!(draft.search_text.matches("alert").count(), 1);
    }
    assert!(!body[drafts[1].chunk.start..].starts_with("| alert"));
}

#[test]
fn a_document_without_body_can_still_be_found() {
    // Without any body the file ends with its front matter, on the line before.
    let cases = [
        ("", 4, 3),
        ("", 1, 1),
        ("\n\n", 4, 4),
        ("[x]: https://x.example\n", 4, 4),
    ];
    for (body, first_line, cited) in cases {
        let drafts = chunks(body, &blocks(body), first_line, ChunkLimits::default());
        assert_eq!(drafts.len(), 1);
        let chunk = &drafts[0].chunk;
        assert_eq!((chunk.start, chunk.end), (0, 0));
        assert_eq!((chunk.first_line, chunk.last_line), (cited, cited));
        assert_eq!(drafts[0].search_text, "");
    }
}

fn markdown() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "# A\n",
        "## B\n",
        "### C\n\n",
        "\n",
        "\n\n",
        "word ",
        "some more words\n",
        "- item\n",
        "  - inner\n",
        "1. one\n",
        "> quote\n",
        "```\n",
        "| a | b |\n",
        "|---|---|\n",
        "<div>\n",
        "---\n",
        "    code\n",
        "é ",
        "[a]: x\n",
        "\t",
        "  \n",
    ]);
    prop::collection::vec(pieces, 0..80).prop_map(|pieces| pieces.concat())
}

/// Lines of the body on which the parser of Markdown sees text.
fn visible_lines(body: &str) -> Vec<usize> {
    let lines = Lines::of(body);
    let parser = pulldown_cmark::Parser::new_ext(body, crate::parse::markdown::MARKDOWN);
    let events = parser.into_offset_iter();
    let texts = events.filter_map(|(event, range)| match event {
        pulldown_cmark::Event::Text(_) | pulldown_cmark::Event::Code(_) => Some(range),
        _ => None,
    });
    let numbers = texts.flat_map(|range| lines.number(range.start)..=lines.number(range.end - 1));
    let written: Vec<&str> = body.split('\n').collect();
    numbers
        .filter(|number| !written[*number].trim().is_empty())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_visible_line_is_in_exactly_one_chunk(
        body in markdown(),
        target_bytes in 1_usize..200,
        min_bytes in 0_usize..100,
        first_line in 1_u32..50,
    ) {
        let limits = ChunkLimits { target_bytes, min_bytes };
        let drafts = chunks(&body, &blocks(&body), first_line, limits);
        let lines: Vec<&str> = body.split('\n').collect();
        let mut owners = vec![0; lines.len()];
        let mut reached = 0;
        for (number, draft) in drafts.iter().enumerate() {
            let chunk = &draft.chunk;
            prop_assert_eq!(usize::try_from(chunk.number).unwrap(), number);
            prop_assert!(chunk.start >= reached && chunk.end >= chunk.start);
            reached = chunk.end;
            if chunk.end == 0 {
                continue;
            }
            let first = usize::try_from(chunk.first_line - first_line).unwrap();
            let last = usize::try_from(chunk.last_line - first_line).unwrap();
            prop_assert_eq!(lines[first..=last].join("\n"), &body[chunk.start..chunk.end]);
            prop_assert!(!lines[first].trim().is_empty() && !lines[last].trim().is_empty());
            for owner in &mut owners[first..=last] {
                *owner += 1;
            }
        }
        prop_assert!(owners.iter().all(|owner| *owner <= 1));
        for line in visible_lines(&body) {
            prop_assert_eq!(owners[line], 1, "line {} {:?}", line, lines[line]);
        }
    }

    #[test]
    fn a_heading_ends_only_the_last_chunk(body in markdown()) {
        let drafts = cut(&body, SMALL);
        let headings: Vec<usize> = blocks(&body)
            .iter()
            .filter(|block| matches!(block.kind, BlockKind::Heading { .. }))
            .map(|block| block.end)
            .collect();
        for draft in drafts.iter().rev().skip(1) {
            prop_assert!(!headings.contains(&draft.chunk.end));
        }
    }
}
