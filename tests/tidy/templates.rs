//! Rules for templates: they read as Verilog, compute nothing, and leaves are plain Verilog.

use crate::Violation;
use crate::lexer::{line_of, words};

/// Most control lines of a template, in percent of its lines that are not empty.
const CONTROL_PERCENT: usize = 15;

/// The delimiters of `src/rtl`'s template engine: expression, block, comment.
const DELIMITERS: [(&str, &str); 3] = [("«", "»"), ("<%", "%>"), ("<#", "#>")];

/// A Verilog template.
pub fn template(text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((open, close, start)) = next_hole(text, at) {
        let line = line_of(text, start);
        let Some(length) = text[start + open.len()..].find(close) else {
            found.push(Violation::new(line, format!("`{open}` is never closed")));
            break;
        };
        let inside = &text[start + open.len()..start + open.len() + length];
        at = start + open.len() + length + close.len();
        if open != "<#" {
            found.extend(
                arithmetic(inside).map(|sign| {
                    Violation::new(line, format!("`{sign}` in `{}`: compute it in lowering", inside.trim()))
                }),
            );
        }
        if open != "<#" && inside.contains('\n') {
            found.push(Violation::new(line, format!("`{open}` spans lines")));
        }
    }
    let outside = outside(text);
    for stray in ["»", "%>", "#>", "{%", "{#"] {
        found.extend(outside.match_indices(stray).map(|(i, _)| {
            Violation::new(
                line_of(&outside, i),
                format!("stray `{stray}`: only « » <% %> <# #> delimit"),
            )
        }));
    }
    found.extend(braces(&outside));
    if let Some((i, c)) = outside.char_indices().find(|(_, c)| !c.is_ascii() && *c != '»') {
        found.push(Violation::new(line_of(&outside, i), format!("`{c}` is not ASCII")));
    }
    found.extend(control_share(text));
    found
}

/// The next hole from `at` on: its delimiters and where it opens.
fn next_hole(text: &str, at: usize) -> Option<(&'static str, &'static str, usize)> {
    let candidates = DELIMITERS
        .iter()
        .filter_map(|(open, close)| Some((*open, *close, at + text[at..].find(open)?)));
    candidates.min_by_key(|(_, _, start)| *start)
}

/// The text with its holes replaced by spaces, lines kept.
fn outside(text: &str) -> String {
    let (mut out, mut at) = (String::new(), 0);
    while let Some((open, close, start)) = next_hole(text, at) {
        let end = text[start..]
            .find(close)
            .map_or(text.len(), |i| start + i + close.len());
        out.push_str(&text[at..start]);
        out.extend(text[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }));
        at = end.max(start + open.len());
    }
    out.push_str(&text[at..]);
    out
}

/// Signs of arithmetic in a hole, outside its strings.
fn arithmetic(inside: &str) -> impl Iterator<Item = char> {
    // A minus at either end trims white space.
    let inside = inside.strip_prefix('-').unwrap_or(inside);
    let inside = inside.strip_suffix('-').unwrap_or(inside);
    let unquoted: String = inside.split('"').step_by(2).collect();
    unquoted
        .chars()
        .filter(|c| "+-*/%".contains(*c))
        .collect::<Vec<_>>()
        .into_iter()
}

/// A name alone in double braces: a hole in the engine's default syntax, which would stay in the output.
fn braces(outside: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for (i, _) in outside.match_indices("{{") {
        let Some(length) = outside[i..].find("}}") else {
            continue;
        };
        let inside = outside[i + 2..i + length].trim();
        if !inside.is_empty() && inside.chars().all(|c| c.is_alphanumeric() || "_.".contains(c)) {
            let what = format!("`{{{{{inside}}}}}` looks like a hole in the default syntax: use « »");
            found.push(Violation::new(line_of(outside, i), what));
        }
    }
    found
}

/// Too many control lines: then the template no longer reads as Verilog.
fn control_share(text: &str) -> Option<Violation> {
    let lines = text.lines().filter(|l| !l.trim().is_empty()).count();
    let control = text.lines().filter(|l| l.contains("<%")).count();
    (control * 100 > lines * CONTROL_PERCENT).then(|| {
        Violation::new(
            0,
            format!("{control} of {lines} lines are control lines, at most {CONTROL_PERCENT} % are allowed"),
        )
    })
}

/// A leaf: plain Verilog, one module, named as its file.
pub fn leaf(path: &str, text: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    if let Some((i, c)) = text.char_indices().find(|(_, c)| !c.is_ascii()) {
        found.push(Violation::new(line_of(text, i), format!("`{c}` is not ASCII")));
    }
    let code = verilog_code(text);
    if !code.contains("`default_nettype none") {
        found.push(Violation::new(1, "lacks `default_nettype none"));
    }
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".v");
    let name = |at: usize| -> String {
        let after = code[at + "module".len()..].trim_start();
        after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let modules: Vec<String> = words(&code, "module").map(name).collect();
    if modules != [stem] {
        found.push(Violation::new(
            1,
            format!("must hold one module, `{stem}`, but holds {modules:?}"),
        ));
    }
    found
}

/// Verilog without comments and strings.
fn verilog_code(text: &str) -> String {
    // Comments and strings are written as in Rust; an apostrophe is part of a number (8'd3) and must not open a literal.
    crate::lexer::code(&text.replace('\'', " "))
}

#[cfg(test)]
const GOOD: &str = "<# what varies: the ports #>\nmodule «name» (\n  input wire clk_i,\n  input wire rst_ni,\n  input wire a_i,\n\
                    <% for p in ports %>\n  input wire «p.range» «p.name»,\n<%- endfor -%>\n  output wire b_o\n);\n\
                    wire [7:0] x = {{8{a_i}}, b};\nwire y;\nwire z;\nwire v;\nwire w;\nassign y = a_i;\nendmodule\n";

#[test]
fn a_good_template_passes() {
    assert_eq!(template(GOOD), []);
}

#[test]
fn bad_templates() {
    for (bad, word) in [
        ("wire [«width - 1»:0] x;\n", "`-`"),
        ("wire [«width\n»:0] x;\n", "spans"),
        ("wire [«width:0] x;\n", "never closed"),
        ("wire [width»:0] x;\n", "stray `»`"),
        ("{% if x %}\n", "stray `{%`"),
        ("wire {{ name }};\n", "default syntax"),
        ("// größer\n", "not ASCII"),
        ("wire «a»;\n<% if b %>\nwire c;\n<% endif %>\n", "control lines"),
    ] {
        let found = template(bad);
        assert!(found.iter().any(|v| v.what.contains(word)), "{bad}: {found:?}");
    }
    let computed = GOOD.replace("<% for p in ports %>", "<% for p in ports | slice(end=n * 2) %>");
    assert_eq!(template(&computed).len(), 1);
    assert_eq!(template(&GOOD.replace("«name»", "«x[\"a-b\"]»")), []);
}

#[test]
fn bad_leaves() {
    let good =
        "// module of note\n`default_nettype none\nmodule adder (input wire a_i);\n  wire [7:0] x = 8'd3;\nendmodule\n";
    assert_eq!(leaf("templates/lib/adder.v", good), []);
    for bad in [
        good.replace("`default_nettype none", ""),
        good.replace("module adder", "module other"),
        format!("{good}module second; endmodule\n"),
        good.replace("note", "nöte"),
    ] {
        assert_eq!(leaf("templates/lib/adder.v", &bad).len(), 1, "{bad}");
    }
}
