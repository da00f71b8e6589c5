//! The figures as tables: one to a layer, a row to each work, a column to each
//! contestant, ours first.

use crate::measured::Figure;

/// What this crate is called among the contestants.
const OURS: &str = "faultline";

/// All tables, in Markdown, with a line before them that says how to read them.
pub(crate) fn tables(figures: &[Figure]) -> String {
    let mut text = format!(
        "Nanoseconds on {}: the least of all samples, and in brackets how many times ours. \
         Where our median is far above our least, the machine was busy.\n",
        processor()
    );
    for layer in distinct(figures.iter().map(layer)) {
        let of_layer: Vec<&Figure> = figures
            .iter()
            .filter(|figure| self::layer(figure) == layer)
            .collect();
        text += "\n";
        text += &table(layer, &of_layer);
    }
    text
}

fn table(layer: &str, figures: &[&Figure]) -> String {
    let mut contestants = distinct(figures.iter().map(|figure| figure.contestant.as_str()));
    contestants.sort_by_key(|name| *name != OURS);
    let mut head = vec![layer.to_owned(), String::new()];
    head.extend(contestants.iter().map(|name| (*name).to_owned()));
    head.push("our median".to_owned());
    let mut rows = vec![head];
    let works = distinct(
        figures
            .iter()
            .map(|figure| (figure.group.as_str(), figure.parameter.as_str())),
    );
    let mut last = "";
    for group in distinct(works.iter().map(|work| work.0)) {
        for (_, parameter) in works.iter().filter(|work| work.0 == group) {
            let find = |contestant: &str| {
                figures.iter().find(|figure| {
                    (
                        figure.group.as_str(),
                        figure.parameter.as_str(),
                        figure.contestant.as_str(),
                    ) == (group, parameter, contestant)
                })
            };
            let ours = find(OURS);
            let work = group.split_once(": ").map_or(group, |(_, work)| work);
            let mut row = vec![
                if work == last { "" } else { work }.to_owned(),
                (*parameter).to_owned(),
            ];
            last = work;
            for contestant in &contestants {
                row.push(match (find(contestant), ours) {
                    (Some(figure), Some(ours)) if *contestant != OURS => {
                        let times = figure.least / ours.least;
                        format!("{} ({}×)", rounded(figure.least), rounded(times))
                    }
                    (Some(figure), _) => rounded(figure.least),
                    (None, _) => String::new(),
                });
            }
            row.push(ours.map_or(String::new(), |ours| rounded(ours.median)));
            rows.push(row);
        }
    }
    aligned(&rows)
}

/// The rows as a Markdown table whose columns line up.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            text += &match column {
                0 | 1 => format!("| {cell:<width$} "),
                _ => format!("| {cell:>width$} "),
            };
        }
        text += "|\n";
        if number == 0 {
            for (column, width) in widths.iter().enumerate() {
                let line = "-".repeat(width + 1);
                text += &match column {
                    0 | 1 => format!("|{line}-"),
                    _ => format!("|{line}:"),
                };
            }
            text += "|\n";
        }
    }
    text
}

/// A number to two or three figures, and whole above 100.
fn rounded(number: f64) -> String {
    match number {
        ..9.95 => format!("{number:.2}"),
        ..99.5 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// The part of a group's name before the colon.
fn layer(figure: &Figure) -> &str {
    figure
        .group
        .split_once(": ")
        .map_or("others", |(layer, _)| layer)
}

/// Each value once, in the order in which they first come.
fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

/// What the machine calls its processor.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text
            .lines()
            .find(|line| line.split(':').next().is_some_and(|key| key.trim() == name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    match (field("model name"), field("cpu family"), field("model")) {
        (Some(name), Some(family), Some(model)) => {
            format!("one core of an {name} (family {family}, model {model})")
        }
        _ => "one core of this machine".to_owned(),
    }
}
