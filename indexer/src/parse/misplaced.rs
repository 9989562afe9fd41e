//! Finds a policy that a person would take for front matter but that would not be read.
//!
//! Upholds FAIL-CLOSED: with such a policy ignored, a document would inherit something wider than
//! its author wrote. Only the top of a text is looked at, because further down `---` is an
//! ordinary thematic break and `label: x` is prose or a sample.

use unicode_normalization::UnicodeNormalization;

use super::Rejected;
use super::lines::source_line;
use super::misspelt::is_policy_key;
use super::yaml::MAX_YAML_BYTES;
use crate::document::is_invisible;

/// Refuses a text whose first block between fences, or whose leading JSON object, holds a policy
/// key. Blank lines, HTML comments, `%` directives and one heading may stand before it. `text`
/// begins at `first_line` of the file; `whole` says that it is the whole file.
pub(super) fn refuse(text: &str, first_line: u32, whole: bool) -> Result<(), Rejected> {
    let mut in_comment = false;
    let mut has_heading = false;
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, raw)) = lines.next() {
        let line = outside_comments(&visible(raw), &mut in_comment);
        let line = line.trim();
        if line.is_empty() || line.starts_with('%') {
            continue;
        }
        let rest = lines.clone().map(|(_, raw)| raw);
        let found = if is_object(line) {
            object_has_policy(line, rest)
        } else if let Some(content) = after_fence(line) {
            Block::new(whole && !has_heading).has_policy(std::iter::once(content).chain(rest))
        } else {
            let next = lines.peek().map(|(_, raw)| visible(raw));
            let next = next.as_deref().map(str::trim).unwrap_or_default();
            let is_underlined = is_run_of(next, |c| c == '=');
            if has_heading || !(is_heading(line) || is_underlined || is_fence(next)) {
                return Ok(());
            }
            has_heading = true;
            if is_underlined {
                lines.next();
            }
            continue;
        };
        if !found {
            return Ok(());
        }
        let reason = "a policy stands outside front matter, which begins with a line `---` as the \
                      first line of the file";
        return Err(Rejected::at(
            source_line(first_line, number),
            reason.to_owned(),
        ));
    }
    Ok(())
}

/// Whether front matter opens here: `---`, and after spaces a comment at most.
pub(super) fn is_opening(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| {
        let comment = rest.trim_start();
        comment.is_empty() || (comment.len() < rest.len() && comment.starts_with('#'))
    })
}

fn visible(line: &str) -> String {
    line.replace(is_invisible, "")
}

/// The line without its HTML comments; `in_comment` goes from line to line.
fn outside_comments(line: &str, in_comment: &mut bool) -> String {
    let mut kept = String::new();
    let mut rest = line;
    loop {
        let end = if *in_comment { "-->" } else { "<!--" };
        let Some((before, after)) = rest.split_once(end) else {
            kept.push_str(if *in_comment { "" } else { rest });
            return kept;
        };
        kept.push_str(if *in_comment { "" } else { before });
        *in_comment = !*in_comment;
        rest = after;
    }
}

fn is_heading(line: &str) -> bool {
    let title = line.trim_start_matches('#');
    (1..=6).contains(&(line.len() - title.len())) && (title.is_empty() || title.starts_with(' '))
}

fn is_fence_character(c: char) -> bool {
    matches!(c, '-' | '+' | ';' | '\u{2010}'..='\u{2015}')
}

fn is_run_of(line: &str, wanted: impl Fn(char) -> bool) -> bool {
    !line.is_empty() && line.chars().all(wanted)
}

fn is_fence(line: &str) -> bool {
    line.chars().count() >= 3 && is_run_of(line, is_fence_character)
}

/// What stands behind the fence on its line, if the line begins with one.
fn after_fence(line: &str) -> Option<&str> {
    let (fence, content) = line.split_once(' ').unwrap_or((line, ""));
    let opens = is_run_of(fence, is_fence_character);
    (opens && (content.is_empty() || is_fence(fence))).then_some(content)
}

/// Whether JSON or a YAML flow mapping begins here, and not a template or an attribute list.
fn is_object(line: &str) -> bool {
    let template = ["{{", "{%", "{:", "{#", "{."];
    line.starts_with('{') && !template.iter().any(|start| line.starts_with(start))
}

/// Whether flow style begins here, or a TOML table, and not a link.
fn is_flow(text: &str) -> bool {
    let is_link = || ["](", "][", "]:"].iter().any(|part| text.contains(part));
    is_object(text) || (text.starts_with('[') && !is_link())
}

fn object_has_policy<'text>(first: &str, rest: impl Iterator<Item = &'text str>) -> bool {
    let mut flow = Flow::default();
    let mut length = first.len();
    if flow.has_policy(first) {
        return true;
    }
    for line in rest {
        length += line.len();
        if flow.depth == 0 || length > MAX_YAML_BYTES {
            return false;
        }
        if flow.has_policy(&visible(line)) {
            return true;
        }
    }
    false
}

/// The lines between two fences.
struct Block {
    /// Whether an `acl` below prose still counts, as it does at the very top of a file.
    beyond_prose: bool,
    has_key: bool,
    has_prose: bool,
    is_after_blank: bool,
    flow: Option<Flow>,
}

impl Block {
    fn new(beyond_prose: bool) -> Self {
        Self {
            beyond_prose,
            has_key: false,
            has_prose: false,
            is_after_blank: false,
            flow: None,
        }
    }

    fn has_policy<'text>(mut self, lines: impl Iterator<Item = &'text str>) -> bool {
        let mut length = 0;
        let mut is_empty = true;
        for raw in lines {
            let line = visible(raw);
            let trimmed = line.trim();
            length += raw.len();
            let ends = is_fence(trimmed) && !is_empty;
            if ends || length > MAX_YAML_BYTES || (self.has_prose && !self.beyond_prose) {
                return false;
            }
            if trimmed.is_empty() || is_fence(trimmed) {
                self.is_after_blank = true;
                continue;
            }
            is_empty = false;
            if self.line_has_policy(trimmed, raw.starts_with([' ', '\t'])) {
                return true;
            }
            self.is_after_blank = false;
        }
        false
    }

    fn line_has_policy(&mut self, line: &str, is_indented: bool) -> bool {
        let item = line.strip_prefix("- ").map(str::trim_start);
        let content = item.unwrap_or(line);
        let (key, value) = key_and_value(content);
        let folded = key.map(fold).unwrap_or_default();
        let is_access = matches!(folded.as_str(), "acl" | "acls")
            || (item.is_some() && matches!(folded.as_str(), "grant" | "deny"));
        if is_access || self.has_prose {
            return is_access;
        }
        if self.flow.is_none() && (is_flow(content) || is_flow(value)) {
            self.flow = Some(Flow::default());
        }
        if let Some(flow) = &mut self.flow {
            return flow.has_policy(content) || (item.is_none() && names_policy(content));
        }
        let is_title = line.starts_with("##") && self.is_after_blank;
        if line.starts_with('#') || item.is_some() || is_indented {
            // A list without a key above it is not front matter, nor are the titles of sections.
            self.has_prose = is_title || (item.is_some() && !self.has_key);
        } else if key.is_some_and(|key| key.split_whitespace().count() <= 3) {
            self.has_key = true;
        } else {
            self.has_prose = !line.starts_with(['"', '\'', '%', '?', ':', ']', '}']);
        }
        item.is_none() && names_policy(content)
    }
}

/// The key of a `key: value`, `key = value`, `? key` or `[table]` line, and its value.
fn key_and_value(line: &str) -> (Option<&str>, &str) {
    let table = line
        .strip_prefix('[')
        .and_then(|line| line.strip_suffix(']'));
    if let Some(table) = table.filter(|table| !table.contains([':', '=', ','])) {
        return (Some(table.trim_matches(['[', ']'])), "");
    }
    match line.split_once([':', '=']) {
        Some((key, value)) => (Some(key), value.trim_start()),
        None => (line.strip_prefix("? "), ""),
    }
}

fn names_policy(line: &str) -> bool {
    let (key, _) = key_and_value(line);
    key.unwrap_or_default().split('.').any(is_policy)
}

fn is_policy(key: &str) -> bool {
    is_policy_key(&fold(key))
}

/// A key without quotes and case; Markdown emphasis stays, since `**Owner**:` is prose.
fn fold(key: &str) -> String {
    let key = key.trim().trim_matches(['"', '\'']).trim();
    let folded = key.nfkc().filter(|c| !is_invisible(*c));
    folded.flat_map(char::to_lowercase).take(64).collect()
}

/// Reads keys of flow style and JSON, line by line.
#[derive(Default)]
struct Flow {
    depth: usize,
}

impl Flow {
    fn has_policy(&mut self, line: &str) -> bool {
        let mut token = String::new();
        let mut quote = None;
        let mut is_escaped = false;
        for c in line.chars() {
            if let Some(open) = quote {
                if is_escaped {
                    is_escaped = false;
                } else if c == '\\' {
                    is_escaped = open == '"';
                } else if c == open {
                    quote = None;
                }
                token.push(c);
                continue;
            }
            match c {
                ':' | '=' if is_policy(&token) => return true,
                '{' | '[' => self.depth += 1,
                '}' | ']' => self.depth = self.depth.saturating_sub(1),
                ',' | ':' | '=' => {}
                _ => {
                    if matches!(c, '"' | '\'') && token.trim().is_empty() {
                        quote = Some(c);
                    }
                    token.push(c);
                    continue;
                }
            }
            token.clear();
        }
        false
    }
}

#[cfg(test)]
mod tests;
