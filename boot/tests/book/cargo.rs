//! cargo's command line as far as the texts use it, with what there is to be named on it, and the runner's behind `--`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use boot::options::Options;
use clap::{Args, Parser};

use crate::common::workspace;

/// What can be named in this workspace.
pub(crate) struct Cargo {
    aliases: BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
}

/// What a filter picks from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Test,
    Bench,
}

/// Something that cargo builds.
struct Target {
    package: String,
    name: String,
    kind: String,
    source: PathBuf,
}

#[derive(Parser)]
#[command(name = "cargo")]
enum Line {
    Run {
        #[command(flatten)]
        chosen: Chosen,
        #[arg(long)]
        bin: Vec<String>,
        #[arg(last = true)]
        rest: Vec<String>,
    },
    Test {
        #[command(flatten)]
        chosen: Chosen,
        #[arg(long)]
        test: Vec<String>,
        #[arg(long)]
        lib: bool,
        #[arg(long)]
        tests: bool,
        #[arg(long)]
        no_run: bool,
        #[arg(long)]
        no_fail_fast: bool,
        filter: Option<String>,
        #[arg(last = true)]
        rest: Vec<String>,
    },
    Bench {
        #[command(flatten)]
        chosen: Chosen,
        #[arg(long)]
        bench: Vec<String>,
        filter: Option<String>,
        #[arg(last = true)]
        rest: Vec<String>,
    },
    #[command(visible_aliases = ["check", "clippy"])]
    Build {
        #[command(flatten)]
        chosen: Chosen,
        #[arg(long)]
        workspace: bool,
        #[arg(long)]
        all_targets: bool,
        #[arg(last = true)]
        rest: Vec<String>,
    },
    Doc {
        #[command(flatten)]
        chosen: Chosen,
        #[arg(long)]
        no_deps: bool,
        #[arg(long)]
        open: bool,
    },
    Clean,
    /// A package of one's own.
    New {
        name: Option<String>,
    },
    /// A tool from the registry, which is not looked for there.
    Install {
        #[arg(long)]
        locked: bool,
        name: String,
    },
    Fmt {
        #[arg(long)]
        all: bool,
        #[arg(long)]
        check: bool,
    },
}

/// What most of cargo's commands take.
#[derive(Args)]
struct Chosen {
    #[arg(short, long)]
    package: Vec<String>,
    #[arg(long, value_parser = ["host-tuple", "x86_64-unknown-none"])]
    target: Option<String>,
    /// Nothing here has features but the exercises, whose solutions are one.
    #[arg(long, value_parser = ["solutions"])]
    features: Option<String>,
    #[arg(long)]
    release: bool,
    #[arg(short, long)]
    quiet: bool,
}

/// What a test program takes behind `--`.
#[derive(Parser)]
struct Harness {
    filters: Vec<String>,
    #[arg(long)]
    exact: bool,
    #[arg(long)]
    ignored: bool,
    #[arg(long)]
    list: bool,
    #[arg(long)]
    nocapture: bool,
    #[arg(long)]
    test_threads: Option<u64>,
}

impl Cargo {
    /// Of this workspace.
    pub(crate) fn new() -> Self {
        let config = fs::read_to_string(workspace().join(".cargo/config.toml")).expect("readable");
        let config: toml::Table = config.parse().expect("in TOML");
        let aliases = config["alias"].as_table().expect("with aliases").iter();
        let aliases = aliases.map(|(name, line)| {
            let words = line
                .as_str()
                .expect("one line")
                .split(' ')
                .map(str::to_owned);
            (name.clone(), words.collect())
        });
        let mut cargo = Command::new(env!("CARGO"));
        let metadata = cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata = metadata
            .current_dir(workspace())
            .output()
            .expect("cargo starts");
        let metadata: serde_json::Value =
            serde_json::from_slice(&metadata.stdout).expect("cargo writes JSON");
        let mut targets = Vec::new();
        for package in metadata["packages"].as_array().expect("packages") {
            for target in package["targets"].as_array().expect("targets") {
                let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
                targets.push(Target {
                    package: text(&package["name"]),
                    name: text(&target["name"]),
                    kind: text(&target["kind"][0]),
                    source: text(&target["src_path"]).into(),
                });
            }
        }
        Self {
            aliases: aliases.collect(),
            targets,
        }
    }

    /// Checks the words behind `cargo`.
    ///
    /// # Errors
    /// In words, what is wrong with them.
    pub(crate) fn check(&self, words: &[String]) -> Result<(), String> {
        let name = words.first().ok_or("which command?")?;
        let alias = self.aliases.get(name);
        let line = alias
            .map_or(&words[..1], Vec::as_slice)
            .iter()
            .chain(&words[1..]);
        // What stands for something else is written in brackets, or in capitals.
        let line = line.filter(|word| !word.starts_with(['[', '<']));
        let line = ["cargo"].into_iter().chain(line.map(String::as_str));
        match Line::try_parse_from(line).map_err(|error| error.to_string())? {
            Line::Run { chosen, bin, rest } => {
                self.targets(&chosen, "bin", &bin)?;
                check_runner(&workspace().join("Cargo.toml"), &rest)
            }
            Line::Test {
                chosen,
                test,
                filter,
                rest,
                ..
            } => {
                let targets = self.targets(&chosen, "test", &test)?;
                let mut filters: Vec<_> = filter.into_iter().collect();
                if chosen.target.as_deref() == Some("host-tuple") {
                    let harness = ["test"].into_iter().chain(rest.iter().map(String::as_str));
                    let harness = Harness::try_parse_from(harness);
                    filters.extend(harness.map_err(|error| error.to_string())?.filters);
                } else {
                    // In the folder of tests, as this one, lies a test kernel.
                    let test = env::current_exe().expect("this test is a file");
                    check_runner(&test, &rest)?;
                }
                filters
                    .iter()
                    .try_for_each(|it| is_in(&targets, it, Kind::Test))
            }
            Line::Bench {
                chosen,
                bench,
                filter,
                rest,
            } => {
                let targets = self.targets(&chosen, "bench", &bench)?;
                let mut words = filter.iter().chain(&rest);
                words.try_for_each(|it| is_in(&targets, it, Kind::Bench))
            }
            Line::Build { chosen, .. } | Line::Doc { chosen, .. } => {
                self.packages(&chosen).map(drop)
            }
            Line::Clean | Line::New { .. } | Line::Fmt { .. } | Line::Install { .. } => Ok(()),
        }
    }

    /// What is in the packages that are named, or in those that cargo takes for the target.
    fn packages(&self, chosen: &Chosen) -> Result<Vec<&Target>, String> {
        for name in &chosen.package {
            if !self.targets.iter().any(|target| target.package == *name) {
                return Err(format!("there is no package {name}"));
            }
        }
        let is_default =
            |target: &Target| ["kernel", "steps", "tests"].contains(&target.package.as_str());
        let is_meant = |target: &&Target| match chosen.package.as_slice() {
            [] => is_default(target),
            names => names.contains(&target.package),
        };
        Ok(self.targets.iter().filter(is_meant).collect())
    }

    /// The targets of this kind that are named, or all in the chosen packages if none is.
    fn targets(
        &self,
        chosen: &Chosen,
        kind: &str,
        names: &[String],
    ) -> Result<Vec<&Target>, String> {
        let mut targets = self.packages(chosen)?;
        for name in names {
            if !targets
                .iter()
                .any(|target| target.kind == kind && target.name == *name)
            {
                return Err(format!(
                    "there is no {kind} {name} in the packages that are chosen"
                ));
            }
        }
        if !names.is_empty() {
            targets.retain(|target| target.kind == kind && names.contains(&target.name));
        }
        Ok(targets)
    }
}

/// Lets the runner itself read and check its options. Any file will do for the kernel, in the right folder.
fn check_runner(kernel: &Path, rest: &[String]) -> Result<(), String> {
    let line = ["boot".into(), kernel.as_os_str().to_owned()].into_iter();
    let options = match Options::try_parse_from(line.chain(rest.iter().map(Into::into))) {
        Ok(options) => options,
        // `--help` comes this way, too.
        Err(error) if !error.use_stderr() => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    options.check().map_err(|error| format!("{error:#}"))?;
    let mut files = options.compare.iter().chain(&options.monitor_script);
    let missing = files.find(|path| !workspace().join(path).exists());
    missing.map_or(Ok(()), |path| {
        Err(format!("there is no {}", path.display()))
    })
}

/// A word that picks tests is part of a name in their sources, one that picks benchmarks of a name or a text there.
fn is_in(targets: &[&Target], word: &str, kind: Kind) -> Result<(), String> {
    let is_placeholder = word.bytes().all(|byte| byte.is_ascii_uppercase());
    let found = targets.iter().any(|target| {
        let is_root = target.source.ends_with("main.rs") || target.source.ends_with("lib.rs");
        let folder = target.source.parent().filter(|_| is_root);
        holds(folder.unwrap_or(&target.source), word, kind)
    });
    let error = || format!("no {kind:?} is known by {word}").to_lowercase();
    (is_placeholder || found).then_some(()).ok_or_else(error)
}

/// Whether a source file, or one below a folder, has this in its code.
fn holds(path: &Path, word: &str, kind: Kind) -> bool {
    if path.is_dir() {
        let mut entries = fs::read_dir(path).expect("readable");
        return entries.any(|entry| holds(&entry.expect("readable").path(), word, kind));
    }
    if path.extension().is_none_or(|it| it != "rs") {
        return false;
    }
    let source = fs::read_to_string(path).expect("readable");
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut parts = code.flat_map(|line| line.split('"').enumerate());
    parts.any(|(index, part)| (index % 2 == 0 || kind == Kind::Bench) && part.contains(word))
}
