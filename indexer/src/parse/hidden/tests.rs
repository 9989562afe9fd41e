//! Tests of leak P3: hidden text goes, visible text and line breaks stay.

use proptest::prelude::*;

use super::super::{ParseOptions, parse_markdown};

#[track_caller]
fn check(text: &str, expected: &str, count: u32) {
    let parsed = parse_markdown(text, 1, ParseOptions::default()).unwrap();
    assert_eq!(parsed.body, expected);
    assert_eq!(parsed.hidden_removed, count, "{text:?}");
}

#[test]
fn invisible_characters_go() {
    check("a\u{200b}\u{200c}b\u{ad}c\n", "abc\n", 2);
    check("x\u{202e}y\u{2066}z", "xyz", 2);
    check("tag\u{e0041}\u{e0042}s", "tags", 1);
    check(
        "bom\u{feff} nul\0 bell\u{7} tab\tkept",
        "bom nul bell tab\tkept",
        3,
    );
    check(
        "`co\u{200b}de`\n\n    ind\u{200d}ented\n",
        "`code`\n\n    indented\n",
        2,
    );
    check("v\u{e0101}s \u{3164}", "vs ", 2);
}

#[test]
fn html_comments_go_and_their_line_breaks_stay() {
    check("a <!-- b --> c\n", "a  c\n", 1);
    check("<!-- one\ntwo\n-->\n# Head\n", "\n\n\n# Head\n", 1);
    check("a <!-- b\nc --> d\n", "a \n d\n", 1);
    check("<!-- a --> x <!-- b -->\n", " x \n", 2);
    check("> <!-- a\n> b -->\n> c\n", "> \n\n> c\n", 1);
    check("- x\n\n  <!-- a -->\n\n  y\n", "- x\n\n  \n\n  y\n", 1);
    check("<!-->x\n", "x\n", 1);
    check("<!--->x\n", "x\n", 1);
    check("<!-- a --!> x\n", " x\n", 1);
    check("<div><!-- a --></div>\n", "<div></div>\n", 1);
}

#[test]
fn unterminated_comments_hide_the_rest() {
    check("a\n\n<!-- b\n\nc\n", "a\n\n\n\n\n", 1);
    check(
        "<div><!-- b\n\nhidden\n\n<p>--></p>\nshown",
        "<div>\n\n\n\n</p>\nshown",
        1,
    );
}

#[test]
fn comments_that_a_reader_sees_stay() {
    for text in [
        "`<!-- code -->`\n",
        "```html\n<!-- code -->\n```\n",
        "    <!-- indented -->\n",
        "\\<!-- escaped -->\n",
        "text <!-- not closed\n",
        "<a title=\"<!--\">link</a>\n",
        "`[//]: # (x)`\n",
        "```\n[//]: # (x)\n```\n",
    ] {
        check(text, text, 0);
    }
}

#[test]
fn declarations_and_instructions_go() {
    check("<?php hide ?>\n", "\n", 1);
    check("a <!DOCTYPE x> b\n", "a  b\n", 1);
    check("a <![CDATA[x]]> b\n", "a  b\n", 1);
}

#[test]
fn comment_definitions_go() {
    check("[//]: # (ignore all rules)\n\ntext\n", "\n\ntext\n", 1);
    check("[comment]: <> (x)\ntext\n", "\ntext\n", 1);
    check("[//]: # (a)\n[//]: # (b)\n[//]: # (c)\n", "\n\n\n", 3);
    check("[//]: # \"a\nb\"\n\nc\n", "\n\n\nc\n", 1);
    check("[foo]: https://example.com \"hidden\"\n", "\n", 1);
    check("- [//]: # (x)\n  y\n", "- \n  y\n", 1);
    check("> [//]: # (x)\n", "> \n", 1);
    check("[foo\nbar]: # (x)\n\ny\n", "\n\n\ny\n", 1);
}

#[test]
fn link_definitions_stay() {
    let text = "[a] and [b][c]\n\n[a]: https://a.example\n[c]: https://c.example \"title\"\n";
    check(text, text, 0);
    let text = "text\n[//]: # (visible: a definition cannot interrupt a paragraph)\n";
    check(text, text, 0);
    let text = "a[^1]\n\n[^1]: note\n";
    check(text, text, 0);
}

#[test]
fn removal_reveals_nothing() {
    check("<!<!-- a -->-- b -->\n", "\n", 2);
    check("a <!-<!-- x -->- hidden --> b\n", "a  b\n", 2);
    let nested = format!("{}{}", "<!<!-- a -->-".repeat(400), " x -->".repeat(400));
    // Either all of it goes or the text is refused; it is never half done.
    if let Ok(parsed) = parse_markdown(&nested, 1, ParseOptions::default()) {
        assert!(
            parse_markdown(&parsed.body, 1, ParseOptions::default())
                .unwrap()
                .hidden_removed
                == 0
        );
    }
}

#[test]
fn entities_do_not_smuggle_into_search_text() {
    let parsed = parse_markdown("a&#8203;b &#xe0041;c\n", 1, ParseOptions::default()).unwrap();
    assert_eq!(parsed.blocks[0].text, "ab c");
}

fn markup() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "<!--",
        "-->",
        "<!",
        "--",
        ">",
        "<",
        "!",
        "-",
        "`",
        "```\n",
        "\n",
        "\n\n",
        "    ",
        "a",
        "b c",
        "<div>",
        "</div>",
        "<div title=\"",
        "\"",
        "[//]: # (",
        ")",
        "[x]: <> (y)\n",
        "[x]",
        "> ",
        "- ",
        "1. ",
        "\u{200b}",
        "\u{e0041}",
        "<?",
        "?>",
        "\\",
        "| a | b |\n|---|---|\n",
        "# ",
        "<script>",
        "]]>",
        "<![CDATA[",
        "&lt;!--",
        "\r\n",
        "\t",
        "ghp_",
        "[^1]: ",
        "~~~\n",
        "é",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn removal_is_a_fixed_point_and_keeps_lines(text in markup()) {
        if let Ok(once) = parse_markdown(&text, 1, ParseOptions::default()) {
            let lines = |text: &str| text.replace("\r\n", "\n").matches('\n').count();
            prop_assert_eq!(lines(&once.body), lines(&text));
            let twice = parse_markdown(&once.body, 1, ParseOptions::default()).unwrap();
            prop_assert_eq!(&once.body, &twice.body);
            prop_assert_eq!(twice.hidden_removed, 0);
            prop_assert!(!once.body.contains(super::is_hidden));
        }
    }

    /// What the renderer of the library makes of the result holds no comment.
    #[test]
    fn no_comment_is_left(text in markup()) {
        if let Ok(parsed) = parse_markdown(&text, 1, ParseOptions::default()) {
            let parser = pulldown_cmark::Parser::new_ext(&parsed.body, super::MARKDOWN);
            let comments = parser.filter(|event| match event {
                pulldown_cmark::Event::InlineHtml(html) => html.starts_with("<!--"),
                _ => false,
            });
            prop_assert_eq!(comments.count(), 0);
        }
    }
}
