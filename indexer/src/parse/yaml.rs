//! A strict YAML tree with line numbers, for front matter and folder policies.
//!
//! Upholds FAIL-CLOSED: whatever could make two readers see two policies (duplicate keys, anchors,
//! aliases, tags, several documents) is refused. Scalars keep their spelling: types are decided
//! where a key is read, so `no`, `007` and `1.10` are never rewritten on the way.

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};

use super::{Rejected, quoted, shown};

/// Longest front matter or folder policy, in bytes.
pub(super) const MAX_YAML_BYTES: usize = 64 * 1024;
/// Deepest nesting: policies need 3 levels, foreign keys of site generators a few more.
const MAX_DEPTH: usize = 32;

/// A value and the line of the source file where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) value: Value,
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<Pair>),
}

/// One entry of a mapping.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) line: u32,
    pub(super) value: Node,
}

/// Reads one YAML document; `lines_before` is how many lines of the file precede `text`.
/// An empty document is `Null`.
pub(super) fn read(text: &str, lines_before: u32) -> Result<Node, Rejected> {
    if text.len() > MAX_YAML_BYTES {
        let reason = format!("front matter or policy is larger than {MAX_YAML_BYTES} bytes");
        return Err(Rejected::at(lines_before.max(1), reason));
    }
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        lines_before,
    };
    let mut root = None;
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => break,
            (Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd, _) => {}
            (_, line) if root.is_some() => {
                return Err(Rejected::at(line, "more than one yaml document".to_owned()));
            }
            (event, line) => root = Some(reader.node(event, line, 0)?),
        }
    }
    Ok(root.unwrap_or(Node {
        line: lines_before.saturating_add(1),
        value: Value::Null,
    }))
}

struct Reader<'text, I: serde_saphyr::granit_parser::BorrowedInput<'text>> {
    parser: Parser<'text, I>,
    lines_before: u32,
}

impl<'text, I: serde_saphyr::granit_parser::BorrowedInput<'text>> Reader<'text, I> {
    fn next(&mut self) -> Result<(Event<'text>, u32), Rejected> {
        match self.parser.next() {
            None => Ok((Event::StreamEnd, self.lines_before)),
            Some(Ok((event, span))) => {
                let line = self.line(&span);
                Ok((event, line))
            }
            Some(Err(error)) => {
                let line = self.shift(error.marker().line());
                let why = shown(&error.kind().to_string());
                Err(Rejected::at(line, format!("not valid yaml: {why}")))
            }
        }
    }

    fn line(&self, span: &Span) -> u32 {
        self.shift(span.start.line())
    }

    fn shift(&self, line: usize) -> u32 {
        let line = u32::try_from(line.max(1)).unwrap_or(u32::MAX);
        line.saturating_add(self.lines_before)
    }

    fn node(&mut self, event: Event<'text>, line: u32, depth: usize) -> Result<Node, Rejected> {
        let refuse = |reason: &str| Err(Rejected::at(line, reason.to_owned()));
        if depth > MAX_DEPTH {
            return refuse("yaml is nested too deeply");
        }
        let (anchor, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(_, anchor, tag)
            | Event::MappingStart(_, anchor, tag) => (*anchor, tag.is_some()),
            _ => return refuse("yaml aliases are not allowed"),
        };
        if anchor != 0 {
            return refuse("yaml anchors are not allowed");
        }
        if tagged {
            return refuse("yaml tags are not allowed");
        }
        let value = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => Value::List(self.list(depth)?),
            _ => Value::Map(self.map(depth)?),
        };
        Ok(Node { line, value })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Rejected> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(items),
                (event, line) => items.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Pair>, Rejected> {
        let mut pairs: Vec<Pair> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            let (event, line) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                return Ok(pairs);
            }
            let key = match self.node(event, line, depth + 1)?.value {
                Value::Scalar(key) => key,
                _ => return Err(Rejected::at(line, "a yaml key is not text".to_owned())),
            };
            if !seen.insert(key.clone()) {
                let reason = format!("key {} is given twice", quoted(&key));
                return Err(Rejected::at(line, reason));
            }
            let (event, value_line) = self.next()?;
            let value = self.node(event, value_line, depth + 1)?;
            pairs.push(Pair { key, line, value });
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let plain = matches!(style, ScalarStyle::Plain);
    if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar(text.to_owned())
}
