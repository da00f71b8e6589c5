//! The last of the benchmarks measures nothing: it prints what the others have
//! measured, as one table to a layer, with how many times ours each peer takes.
//!
//! `cargo host-bench` runs benchmarks in the order of their names, so this one
//! must stay behind all others. Alone, `cargo host-bench --bench summary` prints
//! the last figures again, and with `-- --write` puts them into `docs/figures.md`.

mod measured;
mod table;

use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Where the figures are kept, and the lines they stand between.
const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/figures.md");
const BEGIN: &str = "<!-- begin: cargo host-bench -->\n";
const END: &str = "<!-- end: cargo host-bench -->\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "--bench") {
        // `cargo test --benches` only asks whether it runs.
        return ExitCode::SUCCESS;
    }
    let Some(results) = measured::directory() else {
        eprintln!("nothing was measured yet: `cargo host-bench` does that, and ends here");
        return ExitCode::FAILURE;
    };
    let tables = match measured::all(&results) {
        Ok(figures) => table::tables(&figures),
        Err(error) => {
            eprintln!(
                "cannot read criterion's results in {}: {error}",
                results.display()
            );
            return ExitCode::FAILURE;
        }
    };
    println!("\n{tables}");
    if !arguments.iter().any(|argument| argument == "--write") {
        return ExitCode::SUCCESS;
    }
    match write(Path::new(FIGURES), &tables) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot write the figures into docs/figures.md: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Replaces what stands between the two lines.
fn write(path: &Path, tables: &str) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let (before, rest) = text
        .split_once(BEGIN)
        .ok_or_else(|| format!("it has no line `{}`", BEGIN.trim()))?;
    let (_, after) = rest
        .split_once(END)
        .ok_or_else(|| format!("it has no line `{}`", END.trim()))?;
    fs::write(path, format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
        .map_err(|error| error.to_string())
}
