//! What test kernels ask of the runner, in `tests/Cargo.toml` under `[package.metadata.boot]`:
//! the programs in their archive, and options that they are always started with.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use serde::Deserialize;

use crate::options::Options;

/// What they ask for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Wishes {
    /// The names of those whose archive has the programs of the package `programs`
    pub with_programs: Vec<String>,
    /// Options by the name of the kernel
    pub options: BTreeMap<String, Vec<String>>,
}

impl Wishes {
    /// Reads the manifest of the test kernels.
    ///
    /// # Errors
    /// One line: it cannot be read, or says something else.
    pub fn read() -> Result<Self> {
        #[derive(Deserialize)]
        struct Manifest {
            package: Package,
        }
        #[derive(Deserialize)]
        struct Package {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        struct Metadata {
            boot: Wishes,
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/Cargo.toml");
        let manifest =
            fs::read_to_string(path).with_context(|| format!("{path} cannot be read"))?;
        let manifest: Manifest = toml::from_str(&manifest)
            .with_context(|| format!("{path} does not say what test kernels ask for"))?;
        Ok(manifest.package.metadata.boot)
    }

    /// The command line with the kernel's own options in front, so that those that were typed win.
    fn complete(&self, options: Options, typed: &[OsString]) -> Result<Options> {
        let Some(own) = self.options.get(&options.kernel_name()) else {
            return Ok(options);
        };
        let (boot, typed) = typed.split_at(1.min(typed.len()));
        let own = own.iter().map(OsString::from);
        let line = boot.iter().cloned().chain(own).chain(typed.to_vec());
        Options::try_parse_from(line)
            .with_context(|| format!("the options of {} in its manifest", options.kernel_name()))
    }
}

/// The options that were typed, and those that the kernel is always started with if it is a test kernel.
///
/// # Errors
/// One line: the manifest of the test kernels is wrong.
pub fn complete(options: Options) -> Result<Options> {
    if !options.is_test() {
        return Ok(options);
    }
    let typed: Vec<_> = env::args_os().collect();
    Wishes::read()?.complete(options, &typed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line that comes of these words for the kernel `disk`, which asks for a disk.
    fn completed(words: &[&str]) -> Result<Options> {
        let wishes = Wishes {
            with_programs: Vec::new(),
            options: BTreeMap::from([(
                "disk".to_owned(),
                ["--swap", "64K", "--qemu-arg=-x"].map(str::to_owned).into(),
            )]),
        };
        let words: Vec<OsString> = ["boot"].iter().chain(words).map(OsString::from).collect();
        wishes.complete(Options::parse_from(&words), &words)
    }

    #[test]
    fn a_kernel_gets_the_options_of_its_own_and_no_other_does() {
        let options = completed(&["/deps/disk-12ab", "filter", "--qemu-arg=-y"]).unwrap();
        assert_eq!(options.swap, Some(64 << 10));
        assert_eq!(options.filter.as_deref(), Some("filter"));
        assert_eq!(options.qemu_arg, ["-x", "-y"]);
        assert_eq!(completed(&["/deps/frames-12ab"]).unwrap().swap, None);
    }

    #[test]
    fn what_was_typed_wins() {
        let options = completed(&["/deps/disk-12ab", "--swap", "1M"]).unwrap();
        assert_eq!(options.swap, Some(1 << 20));
    }

    #[test]
    fn the_manifest_can_be_read_and_all_options_in_it_are_right() {
        let wishes = Wishes::read().unwrap();
        assert!(wishes.with_programs.contains(&"programs".to_owned()));
        for name in wishes.options.keys() {
            let words = ["boot", &format!("/deps/{name}-12ab")].map(OsString::from);
            let options = Options::parse_from(&words);
            wishes.complete(options, &words).unwrap();
        }
    }
}
