//! Tests of FAIL-CLOSED for policies that stand where they are not read (leak P6).

use proptest::prelude::*;

use super::super::{ParseOptions, Parsed, Rejected, parse};
use super::*;

fn read_file(text: &str) -> Result<Parsed, Rejected> {
    parse(text.as_bytes(), "fallback", ParseOptions::default())
}

#[test]
fn policies_that_are_not_read_are_refused() {
    let deny = "acl: [deny everyone]\n---\nbody\n";
    let label = "label: highly-confidential\n---\nbody\n";
    let rows = [
        format!("<!-- vim: ft=markdown -->\n---\n{deny}"),
        format!("<!-- SPDX-License-Identifier: MIT -->\n<!--\nb\n-->\n\n---\n{label}"),
        format!("<!-- a --> <!-- b -->\n---\nmetadata:\n  {label}"),
        format!("\n---\n{label}"),
        format!("\n---\ntitle: x\n\n# policy\nowners: [group:a]\n---\n{label}"),
        "\n---\n\"Label\" : x\n---\n".to_owned(),
        "\n---\n? label\n: x\n---\n".to_owned(),
        "\n---\ntitle: x\nlabel: x\n".to_owned(),
        format!("----\n{label}"),
        format!("--- \u{200b}\n----\n{label}"),
        "+++\nlabel = \"highly-confidential\"\n+++\n".to_owned(),
        "+++\ntitle = 'x'\n[extra]\nowners = ['a']\n+++\n".to_owned(),
        "+++\nextra.label = 'x'\n+++\n".to_owned(),
        "+++\n[[acl]]\ndeny = 'everyone'\n+++\n".to_owned(),
        ";;;\n\"title\": \"x\",\n\"acl\": []\n;;;\n".to_owned(),
        ";;;\n{\"title\": \"x\", \"label\": \"a\"}\n;;;\n".to_owned(),
        "\n---\n{acl: [{deny: everyone}]}\n---\n".to_owned(),
        "\n---\n{title: don't,\n tags: [a], label: x}\n---\n".to_owned(),
        "\n---\nextra: {a: 1, label: x}\n---\n".to_owned(),
        "--- {title: x, acl: []}\n---\n".to_owned(),
        format!("%YAML 1.2\n---\n{label}"),
        format!("%YAML 1.2\n---\n{deny}"),
        "{\"title\": \"x\", \"acl\": []}\n".to_owned(),
        "{\n  \"title\": \"{\",\n\n  \"Label\": \"x\"\n}\n\n# Title\n".to_owned(),
        format!("# Title\n---\n{deny}"),
        format!("# Title\n\n---\n{label}"),
        format!("Title\n=====\n\n---\n{label}"),
        format!("Title\n---\n{label}"),
        format!("---\n---\n{label}"),
        format!("---\ntitle: x\n---\n\n---\n{deny}"),
        format!("--- # front\n{}", "title: x\nmetadata:\n  label: x\n---\n"),
        format!("---\ntitle: x\nmetadata:\n  {label}"),
        "---\nparams:\n  - Owner: x\n---\n".to_owned(),
    ];
    for row in rows {
        let rejected = read_file(&row).expect_err(&row);
        assert!(rejected.line.is_some(), "{row}");
    }
}

#[test]
fn a_fence_may_have_a_comment() {
    for fence in ["---  ", "--- # front", "---\t#"] {
        let parsed = read_file(&format!("{fence}\nlabel: x\nacl: []\n---\nbody")).unwrap();
        assert_eq!(parsed.front.acl, Some(Vec::new()), "{fence}");
        assert_eq!(parsed.front.label.as_deref(), Some("x"), "{fence}");
        assert_eq!((parsed.body.as_str(), parsed.first_line), ("body", 5));
    }
}

#[test]
fn look_alikes_are_accepted() {
    let rows = [
        "# Title\n\n---\n\nOrdinary prose about the label: it is short.\n\nlabel: x\n",
        "# Title\n\n---\n\n- Owner: Alice\n- Label: none\n\n---\n",
        "# Title\n\n---\n\n## Owners\n\nowner: Alice\n",
        "# Title\n\n---\n\n**Owner:** Alice\n\n**Label**: x\n",
        "# Title\n\n---\n\nSome text.\n\n```yaml\nacl: public-read\n```\n",
        "# Title\n\nProse\n\n---\n\nlabel: x\n",
        "Title\n---\n\nText about owners.\n",
        "\n---\n\nSome text\n\n---\n\nacl: this is prose\n",
        "<!-- acl: none -->\n# Title\n\n---\n\nlabels are useful\n",
        "---\ntitle: x\n---\n\n# Title\n\n---\n\nNote: this.\n\n---\n\nlabel: x\n",
        "----\ntitle: x\nowner_slack: y\n----\n",
        "{{< button label=\"x\" owner=\"y\" >}}\n\ntext\n",
        "{% include note.html label=\"x\" %}\n",
        "{: label=\"x\"}\n# Title\n",
        "{\"title\": \"a, label: b\", \"description\": \"acl\"}\nlabel: x\n",
        "[owners]: https://example.com\n",
        "- grant: is a word\n",
        "# Title\n\n---\n\n[Home](x) | [Docs](y), owner: [me](z)\n\nlabel: x\n",
        "\n---\n{{< card label=\"x\" >}}\n---\n",
        "---\n---\nbody\n",
    ];
    for row in rows {
        if let Err(rejected) = read_file(row) {
            panic!("{row:?}: {rejected}");
        }
    }
}

#[test]
fn the_line_of_the_fence_is_reported() {
    let rejected = read_file("---\ntitle: x\n---\n\n---\nlabel: x\n---\n").unwrap_err();
    assert_eq!(rejected.line, Some(5), "{rejected}");
    assert!(
        rejected.reason.contains("outside front matter"),
        "{rejected}"
    );
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(---|[+]{3}|<!--|-->|[{}\\[\\]:=,\"'# %.?\n-]|label|acl|é|\u{200b}){0,60}") {
        prop_assert_eq!(refuse(&text, 1, true), refuse(&text, 1, true));
    }

    /// However the comment above is written, the label below it is not lost.
    #[test]
    fn a_label_below_a_comment_is_never_lost(before in "(\n|<!-- [a-z\n]{0,9} -->\n|%YAML 1[.]2\n|\u{200b}\n){1,4}") {
        let text = format!("{before}---\nlabel: highly-confidential\n---\n");
        prop_assert!(read_file(&text).is_err());
    }
}
