//! A small writer of SVG: rectangles, lines, texts, hatches. Text is escaped; numbers have at most two decimals, so that
//! pictures repeat byte for byte.

/// A picture under construction.
#[derive(Clone, Debug)]
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// How a rectangle looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill<'a> {
    /// Colour, or `url(#NAME)` for a hatch.
    pub colour: &'a str,
    /// Colour of the border; none without.
    pub border: Option<&'a str>,
}

/// Which end of a text its position tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning.
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

impl Svg {
    /// An empty picture on white ground, in pixels; `title` is what readers without eyes are told.
    #[must_use]
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        let body = format!(
            "<title>{}</title>\n<rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>\n",
            escaped(title),
            w = number(width),
            h = number(height)
        );
        Self { width, height, body }
    }

    /// A rectangle with a corner and two sides; `tip` appears where a pointer rests on it.
    pub fn rect(&mut self, [x, y, width, height]: [f64; 4], fill: &Fill, tip: &str) {
        let border = fill.border.map_or_else(String::new, |colour| {
            format!(" stroke=\"{colour}\" stroke-width=\"0.5\"")
        });
        let shape = format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"{border}",
            number(x),
            number(y),
            number(width),
            number(height),
            fill.colour
        );
        self.body += &match tip {
            "" => format!("{shape}/>\n"),
            tip => format!("{shape}><title>{}</title></rect>\n", escaped(tip)),
        };
    }

    /// A line between two points.
    pub fn line(&mut self, [x1, y1, x2, y2]: [f64; 4], colour: &str, dashed: bool) {
        let dashes = if dashed { " stroke-dasharray=\"3 3\"" } else { "" };
        self.body += &format!(
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{colour}\"{dashes}/>\n",
            number(x1),
            number(y1),
            number(x2),
            number(y2)
        );
    }

    /// A line through points.
    pub fn path(&mut self, points: &[[f64; 2]], colour: &str, width: f64, dashed: bool) {
        let dashes = if dashed { " stroke-dasharray=\"4 3\"" } else { "" };
        let points: Vec<String> = points
            .iter()
            .map(|[x, y]| format!("{},{}", number(*x), number(*y)))
            .collect();
        self.body += &format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\"{dashes}/>\n",
            points.join(" "),
            number(width)
        );
    }

    /// A line of text at its baseline.
    pub fn text(&mut self, [x, y]: [f64; 2], size: u32, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.body += &format!(
            "<text x=\"{}\" y=\"{}\" font-size=\"{size}\" text-anchor=\"{anchor}\">{}</text>\n",
            number(x),
            number(y),
            escaped(text)
        );
    }

    /// Defines a hatch of `strokes` on `ground`, to be used as `url(#name)`.
    pub fn hatch(&mut self, name: &str, ground: &str, strokes: &str) {
        self.body += &format!(
            "<defs><pattern id=\"{name}\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect width=\"5\" height=\"5\" fill=\"{ground}\"/>\
             <rect width=\"2\" height=\"5\" fill=\"{strokes}\"/></pattern></defs>\n"
        );
    }

    /// The file.
    #[must_use]
    pub fn finish(&self) -> String {
        let (w, h) = (number(self.width), number(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             font-family=\"Helvetica, Arial, sans-serif\" fill=\"#222222\">\n{}</svg>\n",
            self.body
        )
    }
}

/// At most two decimals, none that say nothing.
fn number(v: f64) -> String {
    let text = format!("{v:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_text() {
        let mut svg = Svg::new(10.0, 5.5, "a<b");
        svg.text([1.0, 2.25], 9, Anchor::End, "x & \"y\" > z");
        let file = svg.finish();
        assert!(file.contains("<title>a&lt;b</title>"));
        assert!(file.contains("y=\"2.25\" font-size=\"9\" text-anchor=\"end\">x &amp; &quot;y&quot; &gt; z</text>"));
        assert!(file.contains("viewBox=\"0 0 10 5.5\""));
    }
}
