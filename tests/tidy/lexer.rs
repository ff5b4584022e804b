//! Blanks out what is not code, keeping every line and column, so that the rules can search plain text.

/// Rust source with comments, the contents of strings, and character literals replaced by spaces.
pub fn code(text: &str) -> String {
    let mut lexer = Lexer {
        rest: text,
        out: String::with_capacity(text.len()),
    };
    while lexer.step() {}
    lexer.out
}

/// As [`code`], without items under `#[cfg(test)]`.
pub fn program_code(text: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut code = code(text);
    while let Some(start) = code.find(MARK) {
        let end = item_end(&code, start + MARK.len());
        let blank: String = code[start..end].chars().map(blanked).collect();
        code.replace_range(start..end, &blank);
    }
    code
}

/// Where the item that starts at `from` ends: behind its semicolon or its closing brace.
fn item_end(code: &str, from: usize) -> usize {
    match code[from..].find(['{', ';']) {
        Some(at) if code[from + at..].starts_with('{') => closing_brace(code, from + at) + 1,
        Some(at) => from + at + 1,
        None => code.len(),
    }
}

/// Where the brace that opens at `open` closes, in text without strings and comments.
pub fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (i, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + i;
        }
    }
    code.len().saturating_sub(1)
}

/// Line number of a position, from one.
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Positions at which `word` stands with no identifier character beside it.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = code[..at].chars().next_back().is_some_and(part) && word.starts_with(part);
        let after = code[at + word.len()..].starts_with(part) && word.ends_with(part);
        !before && !after
    })
}

/// A space for everything but line ends.
fn blanked(c: char) -> char {
    if c == '\n' { c } else { ' ' }
}

struct Lexer<'a> {
    rest: &'a str,
    out: String,
}

impl Lexer<'_> {
    /// Consumes one token; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        let identifier_before = self
            .out
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || c == '_');
        if self.rest.starts_with("//") {
            self.blank(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment(self.rest));
        } else if let Some(length) = (!identifier_before).then(|| raw_string(self.rest)).flatten() {
            self.blank(length);
        } else if first == '"' {
            self.blank(quoted(self.rest, '"'));
        } else if first == '\'' && is_char_literal(self.rest) {
            self.blank(quoted(self.rest, '\''));
        } else {
            self.out.push(first);
            self.rest = &self.rest[first.len_utf8()..];
        }
        true
    }

    fn blank(&mut self, length: usize) {
        self.out.extend(self.rest[..length].chars().map(blanked));
        self.rest = &self.rest[length..];
    }
}

/// Length of the (nesting) block comment at the start of `text`.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Length of the raw string at the start of `text`, if there is one.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|p| {
        let rest = text.strip_prefix(p).unwrap_or_default();
        rest.trim_start_matches('#').starts_with('"')
    })?;
    let hashes = text[prefix.len()..].chars().take_while(|&c| c == '#').count();
    let body = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text[body..].find(&end).map_or(text.len(), |i| body + i + end.len()))
}

/// Length of the literal that opens with `quote` at the start of `text`.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        if !escaped && c == quote {
            return i + c.len_utf8();
        }
        escaped = !escaped && c == '\\';
    }
    text.len()
}

/// Whether the apostrophe at the start opens a character rather than a lifetime.
fn is_char_literal(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

#[test]
fn strings_and_comments_vanish_and_lines_stay() {
    let text = "a // x\n/* b /* c */ d */ e \"f\\\"g\" h r#\"i\"j\"# 'k' l<'m> '\\'' n b\"o\" br\"p\" for\"\n\"q ver\"r\" '«' s";
    let code = code(text);
    let left: String = code.split_whitespace().collect();
    assert_eq!(left, "aehl<'m>nbforqvers");
    assert_eq!(code.lines().count(), text.lines().count());
}

#[test]
fn test_items_vanish() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\n#[cfg(test)]\nmod c;\nfn d() {}\n";
    let left: String = program_code(text).split_whitespace().collect();
    assert_eq!(left, "fna(){}fnd(){}");
}

#[test]
fn words_have_borders() {
    let found: Vec<usize> = words("fn a_fn(fn_b: fn())", "fn").collect();
    assert_eq!(found, [0, 14]);
}
