//! Writing to the terminal. A reader that has gone away (`ambit … | head`) is no error.

use std::io::{self, IsTerminal, Write};

use ambit_indexer::document::is_invisible;

/// Writes a line to standard output. Control characters are replaced: names of files and text of
/// documents must not be able to steer the operator's terminal.
pub(super) fn line(text: &str) -> io::Result<()> {
    let harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    let shown = text
        .chars()
        .map(|c| if harmless(c) { c } else { '\u{fffd}' });
    bytes(shown.chain(['\n']).collect::<String>().as_bytes())
}

/// Writes bytes to standard output.
pub(super) fn bytes(content: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(content).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A name from outside, such as a file's, so that nothing in it is invisible or breaks the line.
pub(super) fn name(text: &str) -> String {
    text.replace(is_invisible, "\u{fffd}")
}

/// Writes a line to standard error; if even that fails there is nobody to tell.
pub(super) fn complain(text: &str) {
    let _nobody_left = writeln!(io::stderr(), "ambit: {}", name(text));
}

/// Whether standard error is somebody's screen, so that a progress bar makes sense.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Columns of the screen, from 60 to 200; 120 where there is none.
pub(super) fn width() -> usize {
    let (_, columns) = console::Term::stdout().size();
    if io::stdout().is_terminal() {
        usize::from(columns).clamp(60, 200)
    } else {
        120
    }
}

/// Breaks text into lines of at most `width` characters, at spaces where there are any.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let mut word: Vec<char> = word.chars().collect();
            let used = line.chars().count();
            if used > 0 && used + 1 + word.len() > width {
                lines.push(std::mem::take(&mut line));
            } else if used > 0 {
                line.push(' ');
            }
            while word.len() > width {
                let rest = word.split_off(width);
                lines.push(word.into_iter().collect());
                word = rest;
            }
            line.extend(word);
        }
        lines.push(line);
    }
    lines
}
