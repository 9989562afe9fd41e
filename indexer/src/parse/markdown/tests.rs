//! Tests of blocks: what a reader sees, and where a block may be cut.

#![expect(clippy::string_slice, reason = "a slice out of bounds fails the test")]

use proptest::prelude::*;

use super::*;

fn kinds(body: &str) -> Vec<&'static str> {
    let name = |block: &Block| match block.kind {
        BlockKind::Heading { .. } => "heading",
        BlockKind::Paragraph => "paragraph",
        BlockKind::List => "list",
        BlockKind::Table => "table",
        BlockKind::Code => "code",
        BlockKind::Quote => "quote",
        BlockKind::Html => "html",
        BlockKind::Rule => "rule",
        BlockKind::Footnote => "footnote",
    };
    blocks(body).iter().map(name).collect()
}

#[track_caller]
fn text(body: &str, expected: &str) {
    let all = blocks(body);
    let texts: Vec<&str> = all.iter().map(|block| block.text.as_str()).collect();
    assert_eq!(texts.join("\n"), expected);
}

#[test]
fn every_sort_of_block_is_told() {
    let body = "# H\n\np\n\n- a\n- b\n\n| a |\n|---|\n| b |\n\n```\ncode\n```\n\n> q\n\n<div>\nx\n\
                </div>\n\n---\n\na[^1]\n\n[^1]: note\n";
    let expected = [
        "heading",
        "paragraph",
        "list",
        "table",
        "code",
        "quote",
        "html",
        "rule",
        "paragraph",
        "footnote",
    ];
    assert_eq!(kinds(body), expected);
}

#[test]
fn text_is_what_a_reader_sees() {
    text(
        "a **b**c `d` [e](https://x.example \"t\") <https://y.example>",
        "a bc d e x.example  https://y.example",
    );
    text("![alt text](x.png)", "alt text x.png");
    text("# A [title](https://x.example)", "A title");
    text("# Title *x* {#anchor}", "Title x #anchor");
    text("one\ntwo  \nthree", "one\ntwo\nthree");
    text("a<br>b <b>c</b>d &amp; &lt;", "a b cd & <");
    text("<p class=\"x > y\">para</p>\n", "para");
    text("<div\nid='a'>\ntext</div>\n", "text");
    text("- a\n  - b\n\n    c\n- d", "a\nb\nc\nd");
    text("| h1 | h2 |\n|--|--|\n| a | b |", "h1\th2\t\na\tb");
    text("```sh\nkubectl get\n  pods\n```", "kubectl get\n  pods");
    text("[x]: https://x.example\n", "");
    text("- [ ] todo", "todo");
    text("> [!NOTE]\n> mind", "mind");
}

#[test]
fn blocks_are_whole_lines() {
    let body = "  # Head\n\n    code\n\n  - a\n\n   para  \n";
    let all = blocks(body);
    let lines: Vec<&str> = all
        .iter()
        .map(|block| &body[block.start..block.end])
        .collect();
    assert_eq!(lines, ["  # Head", "    code", "  - a", "   para  "]);
}

#[test]
fn blocks_know_where_they_may_be_cut() {
    let at = |body: &str| -> Vec<String> {
        let all = blocks(body);
        all[0]
            .splits
            .iter()
            .map(|at| body[*at..].lines().next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(at("- a\n  b\n- c\n  - d\n"), ["- c", "  - d"]);
    assert_eq!(at("|a|\n|-|\n|b|\n|c|\n|d|\n"), ["|c|", "|d|"]);
    assert_eq!(at("```\nx\ny\n```\n"), ["x", "y", "```"]);
    assert_eq!(at("a\nb\n"), ["b"]);
    assert_eq!(at("# a\n"), Vec::<String>::new());
}

#[test]
fn parts_have_their_own_text() {
    let body = "| h | i |\n|---|---|\n| a | b |\n| c | d |\n";
    let table = &blocks(body)[0];
    let row = body.find("| c").unwrap();
    assert_eq!(table.text_between(0, row - 1), "h\ti\t\na\tb");
    assert_eq!(table.text_between(row, table.end), "h\ti\nc\td");
    let body = "- a *b*\n- c\n  d\n- `e`\n";
    let list = &blocks(body)[0];
    let parts: Vec<String> = [(0, 7), (8, 16), (16, list.end)]
        .map(|(start, end)| list.text_between(start, end))
        .to_vec();
    assert_eq!(parts, ["a b", "c\nd", "e"]);
    let body = "```\none\ntwo\nthree\n```\n";
    let code = &blocks(body)[0];
    assert_eq!(code.text_between(8, 11), "two");
}

fn markdown() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "# ",
        "## ",
        "\n",
        "\n\n",
        "word ",
        "- ",
        "  ",
        "    ",
        "1. ",
        "> ",
        "```\n",
        "| a | b |\n",
        "|---|---|\n",
        "<div>",
        "</div>\n",
        "---\n",
        "===\n",
        "[^1]",
        "[^1]: ",
        "[a]: x\n",
        "[a]",
        "*",
        "`",
        "&amp;",
        "é",
        "\t",
        "![x](y)",
        "{#id}",
        "<br>",
        "~~~",
        "***\n",
        "- [ ] ",
        "\\",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn blocks_are_ordered_disjoint_and_line_aligned(body in markdown()) {
        let mut reached = 0;
        for block in blocks(&body) {
            prop_assert!(block.start >= reached && block.end > block.start);
            prop_assert!(block.start == 0 || body.as_bytes()[block.start - 1] == b'\n');
            prop_assert!(block.end == body.len() || body.as_bytes()[block.end] == b'\n');
            let mut last = block.start;
            for split in &block.splits {
                prop_assert!(*split > last && *split < block.end);
                prop_assert_eq!(body.as_bytes()[*split - 1], b'\n');
                last = *split;
            }
            reached = block.end + 1;
        }
    }

    /// Parts together say what the whole says.
    #[test]
    fn no_text_is_lost_between_parts(body in markdown()) {
        for block in blocks(&body).iter().filter(|block| block.kind != BlockKind::Table) {
            let mut bounds = vec![block.start];
            bounds.extend(&block.splits);
            bounds.push(block.end);
            let parts: Vec<String> =
                bounds.windows(2).map(|pair| block.text_between(pair[0], pair[1])).collect();
            let words = |text: &str| text.split_whitespace().collect::<String>();
            prop_assert_eq!(words(&parts.concat()), words(&block.text));
        }
    }

    #[test]
    fn no_text_makes_it_panic(body in "\\PC{0,200}") {
        blocks(&body);
    }
}
