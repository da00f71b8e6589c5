//! Both machines that play scripts, by the same file of the player.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::common::{boot, build, cargo, kernel};
use crate::script::Script;

/// Seconds that one boot may take: 2,000 scripts take some 100.
const TIMEOUT: &str = "3600";

/// What was told of a script: its digest, or its steps and then its digest.
pub(crate) type Told = Vec<String>;

/// Linux here and Faultline in QEMU.
pub(crate) struct Machines {
    player: PathBuf,
}

impl Machines {
    /// Builds the player.
    pub(crate) fn new() -> Self {
        let built = build(&mut cargo(&["build", "--release", "--package", "programs"]));
        let player = built.expect("cargo can build the programs")["player"].clone();
        Self { player }
    }

    /// Plays scripts on Linux. With `details`, tells what every step told.
    pub(crate) fn linux(&self, scripts: &[Script], details: bool) -> Vec<Told> {
        let folder = self.folder(scripts);
        let output = Command::new(folder.path().join("player"))
            .current_dir(folder.path())
            .arg("scripts")
            .args(details.then_some("steps"))
            .output()
            .expect("it is an executable of this machine");
        told(&output, scripts)
    }

    /// Plays scripts on Faultline, in one boot.
    pub(crate) fn faultline(&self, scripts: &[Script], details: bool) -> Vec<Told> {
        let folder = self.folder(scripts);
        let command = if details {
            "player scripts steps"
        } else {
            "player scripts"
        };
        let path = folder.path().to_str().expect("folders have plain names");
        let options = ["--headless", "--no-tour", "--timeout", TIMEOUT];
        let output = boot(kernel(), &options)
            .args(["--files", path, "--run", command])
            .output()
            .expect("boot can be started");
        told(&output, scripts)
    }

    /// A folder with the player and the scripts.
    fn folder(&self, scripts: &[Script]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let place = |name: &str| folder.path().join(name);
        let text: String = scripts.iter().map(Script::to_string).collect();
        fs::copy(&self.player, place("player")).expect("the player was just built");
        fs::write(place("scripts"), text).expect("there is room for a file");
        folder
    }
}

/// What was told of each script.
///
/// # Panics
///
/// If the player, or the machine, did not get to the end of all.
fn told(output: &Output, scripts: &[Script]) -> Vec<Told> {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut all = Vec::new();
    let mut steps = Told::new();
    for line in text.lines().map(str::trim_end) {
        if line.starts_with("script ") {
            steps.push(line.to_owned());
            all.push(std::mem::take(&mut steps));
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            steps.push(line.to_owned());
        }
    }
    if let Some(script) = scripts.get(all.len()) {
        let words = String::from_utf8_lossy(&output.stderr);
        panic!(
            "it came to script {} and no further:\n{script}\n{steps:#?}\n{text}\n{words}",
            all.len()
        );
    }
    assert!(output.status.success(), "{text}\n{output:?}");
    all
}
