//! The tests of a test kernel, read from its file: no kernel is booted for its
//! tests' names, nor for a filter that none of them matches.
//!
//! Each test has a function of its own that returns its name,
//! `<NAME as kernel::testing::Testable>::name`. The kernel calls it through a
//! table, so it is there whatever the compiler optimises, and no two are the
//! same. A kernel without that framework is one test, called as its file.
//!
//! The answers are those of Rust's own test harness, which `cargo nextest` asks
//! with `--list --format terse`, once more with `--ignored`, and then for each
//! test with `NAME --exact`.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};
use object::{Object as _, ObjectSymbol as _};
use rustc_demangle::demangle;

use crate::options::{ListFormat, Options};

/// What is printed in place of a run; `None` if the kernel is to be booted.
///
/// # Errors
/// The kernel cannot be read, or is asked for names and has none.
pub fn answer(options: &Options) -> Result<Option<String>> {
    let asked = options.list || options.ignored || options.filter.is_some();
    if !options.is_test() || !asked {
        return Ok(None);
    }
    let kernel = &options.kernel;
    let failed = || format!("the tests of {} cannot be read", kernel.display());
    let bytes = fs::read(kernel).with_context(failed)?;
    let Some(names) = names(&bytes, options.kernel_name()).with_context(failed)? else {
        if options.list {
            bail!("{}: it has no symbols", failed());
        }
        return Ok(None);
    };
    let selected: Vec<_> = names.iter().filter(|name| selects(options, name)).collect();
    let mut text = String::new();
    if options.list {
        for name in &selected {
            _ = writeln!(text, "{name}: test");
        }
        if options.format == ListFormat::Pretty {
            let s = if selected.len() == 1 { "" } else { "s" };
            _ = writeln!(text, "\n{} test{s}, 0 benchmarks", selected.len());
        }
    } else if selected.is_empty() {
        _ = writeln!(
            text,
            "\nrunning 0 tests\n\n\
             test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; {} filtered out\n",
            names.len()
        );
    } else {
        return Ok(None);
    }
    Ok(Some(text))
}

/// The names of all tests, sorted; `None` if the file has no symbols that tell them.
fn names(kernel: &[u8], file: String) -> Result<Option<Vec<String>>> {
    let kernel = object::File::parse(kernel).context("it is no ELF file that can be read")?;
    let mut symbols = kernel
        .symbols()
        .filter_map(|symbol| symbol.name().ok())
        .peekable();
    if symbols.peek().is_none() {
        return Ok(None);
    }
    let mut names: Vec<_> = symbols
        .filter_map(|symbol| told_by(&format!("{:#}", demangle(symbol))))
        .collect();
    if names.is_empty() {
        return Ok(Some(vec![file]));
    }
    names.sort();
    // The old way of mangling has the parameter's name in the place of the test's.
    Ok(names
        .iter()
        .all(|name| name.contains("::"))
        .then_some(names))
}

/// The test whose name this function returns.
fn told_by(function: &str) -> Option<String> {
    let test = function
        .strip_prefix('<')?
        .strip_suffix(" as kernel::testing::Testable>::name")?;
    Some(test.to_owned())
}

/// Whether the test is asked for. None is marked as ignored in the file: one that is
/// skipped says so only when it runs.
fn selects(options: &Options, name: &str) -> bool {
    let matches = match &options.filter {
        None => true,
        Some(filter) if options.exact => name == filter,
        Some(filter) => name.contains(filter.as_str()),
    };
    matches && !options.ignored
}
