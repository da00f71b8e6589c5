//! Both machines that play scripts, by the same file of the player.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::answer::answer;
use crate::common::{boot, build, cargo, kernel};
use crate::script::Script;

/// Seconds that one boot may take: 2,000 scripts take some 100.
const TIMEOUT: &str = "3600";
/// How many frames can be had where they are few. Some 80 of them are the tables of six
/// processes, and shared memory stays as well: with 150, some scripts run out of frames.
const FEW: u64 = 200;

/// What was told of a script: its digest, or its steps and then its digest.
pub(crate) type Told = Vec<String>;

/// Linux here and Faultline in QEMU.
pub(crate) struct Machines {
    player: PathBuf,
    /// How many frames Faultline may hand out, if they are to be few. Then contents are
    /// told instead of faults and residency, which depend on that.
    frames: Option<u64>,
}

/// What came of scripts on Faultline.
pub(crate) struct Played {
    pub(crate) told: Vec<Told>,
    /// Pages that went to the swap disk meanwhile and were read from it again.
    pub(crate) came_back: u64,
}

impl Machines {
    /// Builds the player. Faultline has as many frames as anybody wants.
    pub(crate) fn new() -> Self {
        let built = build(&mut cargo(&["build", "--release", "--package", "programs"]));
        let player = built.expect("cargo can build the programs")["player"].clone();
        let frames = None;
        Self { player, frames }
    }

    /// The same with so few frames on Faultline that pages go to a disk.
    pub(crate) fn with_few_frames() -> Self {
        let frames = Some(FEW);
        Self {
            frames,
            ..Self::new()
        }
    }

    /// Plays scripts on Linux. With `details`, tells what every step told.
    pub(crate) fn linux(&self, scripts: &[Script], details: bool) -> Vec<Told> {
        let folder = self.folder(scripts);
        let output = Command::new(folder.path().join("player"))
            .current_dir(folder.path())
            .args(self.arguments(details))
            .output()
            .expect("it is an executable of this machine");
        told(&output, scripts)
    }

    /// Plays scripts on Faultline, in one boot.
    ///
    /// # Panics
    ///
    /// If something is not as it was when all have ended.
    pub(crate) fn faultline(&self, scripts: &[Script], details: bool) -> Played {
        let folder = self.folder(scripts);
        let limit = self.frames.map_or("off".to_owned(), |few| few.to_string());
        let run = format!("run player {}", self.arguments(details).join(" "));
        let commands = format!("limit frames {limit}; {run}; limit frames off; swap; audit");
        let path = folder.path().to_str().expect("folders have plain names");
        let options = ["--headless", "--no-tour", "--timeout", TIMEOUT];
        let output = boot(kernel(), &options)
            .args(["--swap", "64M", "--files", path, "--after", &commands])
            .output()
            .expect("boot can be started");
        let told = told(&output, scripts);
        let guest = String::from_utf8_lossy(&output.stdout);
        let swap = |name| answer(&guest, "swap", name).parse::<u64>().unwrap();
        assert_eq!((swap("used"), swap("failed")), (0, 0), "{guest}");
        assert_eq!(answer(&guest, "audit", "audit"), "ok", "{guest}");
        assert_eq!(answer(&guest, &run, "exited"), "0", "{guest}");
        let came_back = swap("read");
        Played { told, came_back }
    }

    /// The arguments of the player.
    fn arguments(&self, details: bool) -> Vec<&'static str> {
        let contents = self.frames.map(|_| "contents");
        let steps = details.then_some("steps");
        ["scripts"]
            .into_iter()
            .chain(contents)
            .chain(steps)
            .collect()
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
