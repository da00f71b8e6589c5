//! `cargo book`: builds the book as a site.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

/// Builds the book as a site: docs/ and the sources that it leads to, as pages.
#[derive(Parser)]
#[command(name = "cargo book")]
struct Options {
    /// The folder of the site, whose old site goes; without it, target/book
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = package.ancestors().nth(2).expect("it is docs/site");
    let to = options.to.unwrap_or_else(|| repository.join("target/book"));
    match site::build(repository, &to) {
        Ok(()) => {
            println!("{}", to.join("index.html").display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("book: {error:#}");
            ExitCode::FAILURE
        }
    }
}
