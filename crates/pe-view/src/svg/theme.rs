//! The style sheet: two sets of colours in one file.
//!
//! Each colour is stated twice, plainly and as a custom property that follows
//! `prefers-color-scheme`. Programs that know no custom properties take the first, which is
//! the light one. All rules are below one class, so that a picture inside a page changes
//! nothing else on it.

use crate::drawing::{LOOKS, Look, RECOVERY};

/// The class of the whole picture.
pub(super) const CLASS: &str = "pe-plan";

/// Fill, stroke and text of each of the [`LOOKS`] on dark pages. Primer's dark scale.
const DARK: [[&str; 3]; LOOKS.len()] = [
    ["#161b22", "#6e7681", "#c9d1d9"],
    ["#0c2d6b", "#388bfd", "#cae8ff"],
    ["#0d419d", "#58a6ff", "#ffffff"],
    ["#3c1e70", "#a371f7", "#eddeff"],
    ["#5e103e", "#db61a2", "#ffdaec"],
    ["#0f3b1d", "#3fb950", "#d2f8da"],
    ["#67060c", "#ff7b72", "#ffdcd7"],
    ["#4b2900", "#d29922", "#f8e3a1"],
    ["#21262d", "#6e7681", "#a3adb8"],
    ["#490202", "#f85149", "#ffc1ba"],
];

/// A colour by its use: its name, on light pages, on dark pages.
const COLOURS: [[&str; 3]; 7] = [
    ["page", "#ffffff", "#0d1117"],
    ["ink", "#1f2328", "#f0f6fc"],
    ["quiet", "#59636e", "#9198a1"],
    ["line", "#818b98", "#7d8590"],
    ["group", "#f6f8fa", "#161b22"],
    ["back", "#cf222e", "#ff7b72"],
    ["recovery", RECOVERY, "#d29922"],
];

const FONT: &str =
    "ui-sans-serif,system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\",Helvetica,Arial,sans-serif";

/// The style sheet of a picture in which these looks occur.
pub(super) fn sheet(used: impl Fn(&str) -> bool) -> String {
    let looks = || LOOKS.iter().zip(DARK).filter(|(look, _)| used(look.name));
    let mut light = String::new();
    let mut dark = String::new();
    for [name, day, night] in COLOURS {
        light += &format!("--{name}:{day};");
        dark += &format!("--{name}:{night};");
    }
    for (Look { name, fill, stroke, text, .. }, night) in looks() {
        light += &format!("--{name}-fill:{fill};--{name}-stroke:{stroke};--{name}-text:{text};");
        let [fill, stroke, text] = night;
        dark += &format!("--{name}-fill:{fill};--{name}-stroke:{stroke};--{name}-text:{text};");
    }
    let mut out = format!(
        ".{CLASS}{{color-scheme:light dark;{light}font-family:{FONT};font-size:11.5px}}\n\
         @media (prefers-color-scheme:dark){{.{CLASS}{{{dark}}}}}\n"
    );
    let mut rule = |selector: &str, declarations: &str| {
        out += &format!(".{CLASS} {selector}{{{declarations}}}\n");
    };
    rule(".page", &paint("fill", "page"));
    rule(".node text", "text-anchor:middle");
    rule(".node text.id", "font-weight:600;font-size:13px");
    rule(".goal", &format!("font-weight:600;font-size:17px;{}", paint("fill", "ink")));
    rule(".fact", &format!("font-size:12.5px;{}", paint("fill", "quiet")));
    rule(
        ".word",
        &format!(
            "font-size:10.5px;stroke-width:4px;stroke-linejoin:round;paint-order:stroke;{}{}",
            paint("stroke", "page"),
            paint("fill", "quiet")
        ),
    );
    rule(".edge", &format!("fill:none;stroke-width:1.5px;{}", paint("stroke", "line")));
    rule(".tip", &paint("fill", "line"));
    rule(".ordering", "stroke-dasharray:1.5 4;stroke-linecap:round");
    rule(".fallback", "stroke-dasharray:6 4");
    rule(".edge.recovered", &format!("stroke-width:2.5px;{}", paint("stroke", "recovery")));
    rule(".tip.recovered,.pe-plan .word.recovered", &paint("fill", "recovery"));
    rule(".edge.backward", &format!("stroke-width:2px;{}", paint("stroke", "back")));
    rule(".tip.backward,.pe-plan .word.backward", &paint("fill", "back"));
    rule(".edge.critical", &format!("stroke-width:3.5px;{}", paint("stroke", "ink")));
    rule(".tip.critical", &paint("fill", "ink"));
    rule(".group>.box", &format!("{}{}", paint("fill", "group"), paint("stroke", "line")));
    rule(".group>text", &paint("fill", "ink"));
    for (Look { name, fill, stroke, text, width, dashed }, _) in looks() {
        let dashes = if *dashed { "stroke-dasharray:5 4;" } else { "" };
        rule(
            &format!(".{name}>.box"),
            &format!(
                "fill:{fill};stroke:{stroke};fill:var(--{name}-fill);\
                 stroke:var(--{name}-stroke);stroke-width:{width}px;{dashes}"
            ),
        );
        rule(&format!(".{name}>text"), &format!("fill:{text};fill:var(--{name}-text)"));
        rule(&format!(".bar .{name}"), &format!("fill:{stroke};fill:var(--{name}-stroke)"));
    }
    rule(".halo", &format!("fill:none;stroke-width:3px;{}", paint("stroke", "ink")));
    out
}

/// A declaration for programs that know no custom properties, then one for those that do.
fn paint(property: &str, name: &str) -> String {
    let light = COLOURS.iter().find(|colour| colour[0] == name).map_or("#000000", |found| found[1]);
    format!("{property}:{light};{property}:var(--{name});")
}
