//! Rules for Rust sources: documentation, sizes, no panics, no printing.

use crate::Violation;
use crate::lexer::{closing_brace, code, line_of, program_code, words};

/// Longest file, in lines.
const FILE_LINES: usize = 700;

/// Longest function, in lines, signature and closing brace included.
const FUNCTION_LINES: usize = 100;

/// A file starts by saying what it is for, and is no longer than a reader can hold.
pub fn shape(text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let says = text
        .strip_prefix("//!")
        .and_then(|t| t.lines().next())
        .is_some_and(|line| line.trim().len() > 10);
    if !says {
        found.push(Violation::new(
            1,
            "the file does not start with a `//!` line that says what it is for",
        ));
    }
    let lines = text.lines().count();
    if lines > FILE_LINES {
        found.push(Violation::new(
            0,
            format!("{lines} lines, at most {FILE_LINES} are allowed"),
        ));
    }
    found
}

/// Functions longer than the bar.
pub fn long_functions(text: &str) -> Vec<Violation> {
    let code = code(text);
    let mut found = Vec::new();
    for start in words(&code, "fn") {
        let Some(open) = body(&code, start) else { continue };
        let (first, last) = (line_of(&code, start), line_of(&code, closing_brace(&code, open)));
        let lines = last - first + 1;
        if lines > FUNCTION_LINES {
            let name = code[start + 2..].split(['(', '<']).next().unwrap_or_default().trim();
            let what = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES} are allowed");
            found.push(Violation::new(first, what));
        }
    }
    found
}

/// Where the body of the function at `start` opens; none for a declaration or a function type.
fn body(code: &str, start: usize) -> Option<usize> {
    let named = code[start + 2..]
        .trim_start()
        .starts_with(|c: char| c.is_alphabetic() || c == '_');
    if !named {
        return None;
    }
    let (mut depth, mut at) = (0_i32, start);
    loop {
        let offset = code[at..].find(['(', ')', '[', ']', '{', ';'])?;
        at += offset;
        match code.as_bytes()[at] {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            // `[u8; 4]` in a signature is no end of it.
            b';' if depth == 0 => return None,
            b'{' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// Calls and macros that end the program instead of returning an error, outside tests.
pub fn panics(path: &str, text: &str) -> Vec<Violation> {
    const CALLS: [&str; 7] = [
        ".unwrap()",
        ".expect(",
        "panic!",
        "todo!",
        "unimplemented!",
        "dbg!",
        "process::exit",
    ];
    // A file of tests is under `#[cfg(test)]` where it is declared; the rule below holds its parent to that.
    let test_file = path.ends_with("/tests.rs");
    let code = program_code(if test_file { "" } else { text });
    let mut found = Vec::new();
    for call in CALLS {
        for at in words(&code, call) {
            found.push(Violation::new(
                line_of(&code, at),
                format!("`{call}` outside tests: return a Diagnostic"),
            ));
        }
    }
    for at in words(&code, "mod tests") {
        found.push(Violation::new(line_of(&code, at), "`mod tests` without #[cfg(test)]"));
    }
    // The second Ctrl-C must end the process whatever it is doing.
    found.retain(|v| path != "src/cli/session.rs" || !v.what.contains("process::exit"));
    found
}

/// Output outside the command line.
pub fn prints(path: &str, text: &str) -> Vec<Violation> {
    if path.starts_with("src/cli/") || path == "src/main.rs" {
        return Vec::new();
    }
    let code = program_code(text);
    let mut found = Vec::new();
    for call in ["print!", "println!", "eprint!", "eprintln!", "stdout()", "stderr()"] {
        for at in words(&code, call) {
            found.push(Violation::new(
                line_of(&code, at),
                format!("`{call}` outside src/cli: return what is to be said"),
            ));
        }
    }
    found
}

/// How many macros the sources define.
pub fn macros(sources: &[String]) -> usize {
    sources
        .iter()
        .map(|text| words(&code(text), "macro_rules!").count())
        .sum()
}

#[test]
fn bad_shapes() {
    assert_eq!(shape("//! Says what it is for.\n"), []);
    assert_eq!(shape("use std::fmt;\n").len(), 1);
    assert_eq!(shape("//!\n//! Says nothing at first.\n").len(), 1);
    let long = format!("//! Says what it is for.\n{}", "\n".repeat(FILE_LINES));
    assert_eq!(shape(&long), [Violation::new(0, "701 lines, at most 700 are allowed")]);
}

#[test]
fn bad_functions() {
    let function = |lines: usize| format!("fn f(a: [u8; 4]) -> u8\n{{{}}}\nfn g();\n", "\n".repeat(lines - 2));
    assert_eq!(long_functions(&function(100)), []);
    assert_eq!(
        long_functions(&function(101)),
        [Violation::new(1, "`f` has 101 lines, at most 100 are allowed")]
    );
    // Braces in strings and in a closure's parameter do not mislead it.
    assert_eq!(long_functions("fn f() { let a = \"}\"; g(|x: fn(u8)| { x }); }\n"), []);
}

#[test]
fn bad_panics() {
    for bad in [
        "fn f() { x.unwrap() }",
        "fn f() { x\n.expect(\"y\") }",
        "fn f() { panic!() }",
        "fn f() { todo!() }",
        "fn f() { unimplemented!() }",
        "fn f() { dbg!(x) }",
        "fn f() { std::process::exit(1) }",
        "mod tests;",
    ] {
        assert_eq!(panics("src/base/x.rs", bad).len(), 1, "{bad}");
    }
    for good in [
        "#[cfg(test)] mod tests { fn f() { x.unwrap() } }",
        "// x.unwrap()\nfn f() { \".unwrap()\"; x.unwrap_or(1); #[expect(dead_code)] let a = x.expected(); }",
    ] {
        assert_eq!(panics("src/base/x.rs", good), [], "{good}");
    }
    assert_eq!(panics("src/base/x/tests.rs", "fn f() { x.unwrap() }"), []);
    assert_eq!(panics("src/cli/session.rs", "fn f() { std::process::exit(130) }"), []);
}

#[test]
fn bad_prints() {
    for bad in [
        "fn f() { println!(\"\") }",
        "fn f() { eprint!(\"\") }",
        "fn f() { std::io::stdout() }",
    ] {
        assert_eq!(prints("src/cost/x.rs", bad).len(), 1, "{bad}");
        assert_eq!(prints("src/cli/x.rs", bad), [], "{bad}");
    }
    assert_eq!(prints("src/cost/x.rs", "/// println!()\nfn blueprint() {}"), []);
}

#[test]
fn macros_are_counted() {
    assert_eq!(
        macros(&[
            "macro_rules! a {}\n// macro_rules! b\n".into(),
            "macro_rules! c {}".into()
        ]),
        2
    );
}
