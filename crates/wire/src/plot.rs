//! Bars as SVG, written by hand: a picture of a table needs no library.

use std::fmt::Write;

/// A group of bars.
pub struct Group {
    /// What stands below it.
    pub name: String,
    /// One for each series, in its order.
    pub values: Vec<f64>,
}

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 40.0;
const COLOURS: [&str; 6] = ["#4269d0", "#efb118", "#ff725c", "#3ca951", "#a463f2", "#6cc5b0"];

/// Groups of bars over a logarithmic axis of kilobytes, with a line at the budget where there is one.
#[must_use]
pub fn bars(title: &str, series: &[&str], groups: &[Group], budget: Option<f64>) -> String {
    let values = || groups.iter().flat_map(|group| &group.values).copied();
    let high = values().fold(1.0, f64::max).log10().ceil();
    let low = values().fold(f64::INFINITY, f64::min).max(0.01).log10().floor().min(high - 1.0);
    let plot_height = HEIGHT - TOP - BOTTOM;
    let y = |value: f64| TOP + plot_height * (high - value.max(0.01).log10()) / (high - low);
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
<text x="{LEFT}" y="20" font-size="15">{title}</text>"#
    );
    for (number, (name, colour)) in series.iter().zip(COLOURS).enumerate() {
        let x = LEFT + 128.0 * number as f64;
        let _ = writeln!(svg, r#"<rect x="{x:.0}" y="32" width="12" height="12" fill="{colour}"/>"#);
        let _ = writeln!(svg, r#"<text x="{:.0}" y="42">{name}</text>"#, x + 17.0);
    }
    let mut power = low;
    while power <= high {
        let (at, label) = (y(10_f64.powf(power)), 10_f64.powf(power));
        let _ = writeln!(
            svg,
            r##"<line x1="{LEFT}" x2="{WIDTH}" y1="{at:.1}" y2="{at:.1}" stroke="#ddd"/><text x="{:.0}" y="{:.1}" text-anchor="end">{label} KB</text>"##,
            LEFT - 4.0,
            at + 4.0
        );
        power += 1.0;
    }
    let group_width = (WIDTH - LEFT) / groups.len().max(1) as f64;
    let bar_width = group_width * 0.84 / series.len().max(1) as f64;
    for (number, group) in groups.iter().enumerate() {
        let left = LEFT + group_width * (number as f64 + 0.08);
        for (place, (value, colour)) in group.values.iter().zip(COLOURS).enumerate() {
            let (x, top) = (left + bar_width * place as f64, y(*value));
            let _ = writeln!(
                svg,
                r#"<rect x="{x:.1}" y="{top:.1}" width="{:.1}" height="{:.1}" fill="{colour}"/>"#,
                bar_width - 1.0,
                (HEIGHT - BOTTOM - top).max(0.0)
            );
            let _ = writeln!(
                svg,
                r#"<text x="{:.1}" y="{:.1}" text-anchor="middle" font-size="9">{}</text>"#,
                x + bar_width / 2.0,
                top - 3.0,
                short(*value)
            );
        }
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            left + group_width * 0.42,
            HEIGHT - BOTTOM + 18.0,
            group.name
        );
    }
    if let Some(budget) = budget {
        let at = y(budget);
        let _ = writeln!(
            svg,
            r#"<line x1="{LEFT}" x2="{WIDTH}" y1="{at:.1}" y2="{at:.1}" stroke="black" stroke-dasharray="6 4"/><text x="{:.0}" y="{:.1}" text-anchor="end">budget {budget} KB</text>"#,
            WIDTH - 4.0,
            at - 4.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn short(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_value_has_a_higher_bar() {
        let groups = [Group { name: "one".to_owned(), values: vec![1.0, 100.0] }];
        let svg = bars("title", &["a", "b"], &groups, Some(10.0));
        let heights: Vec<f64> = svg
            .lines()
            .filter(|line| line.starts_with("<rect") && line.contains("height") && line.contains('.'))
            .map(|line| line.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(heights.len(), 2, "{svg}");
        assert!(heights[1] > heights[0]);
        assert!(svg.contains("budget 10 KB") && svg.ends_with("</svg>\n"));
    }
}
