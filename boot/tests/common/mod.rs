//! What all tests of the finished runner share: the runner itself, and the kernel that `cargo run` builds.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread;

/// The workspace's folder.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("boot lies in the workspace")
}

/// The runner, with a kernel and without a screen.
pub(crate) fn boot(kernel: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boot"));
    command.arg(kernel).args(arguments).stdin(Stdio::null());
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command
}

/// What came of a runner that `input` was typed to, through a pipe.
pub(crate) fn typed(mut runner: Command, input: &[u8]) -> Output {
    let runner = runner.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut runner = runner
        .stderr(Stdio::piped())
        .spawn()
        .expect("boot can be started");
    let mut pipe = runner.stdin.take().expect("the runner has a pipe");
    let input = input.to_vec();
    let typist = thread::spawn(move || {
        // The guest may end before it was told everything.
        pipe.write_all(&input).ok();
    });
    let output = runner.wait_with_output().expect("boot ends");
    typist.join().expect("the input is written, or not wanted");
    output
}

/// Executables by name.
pub(crate) type Executables = BTreeMap<String, PathBuf>;

/// The kernel itself, as `cargo run` builds it.
pub(crate) fn kernel() -> &'static Path {
    static KERNEL: OnceLock<Option<Executables>> = OnceLock::new();
    let kernel = KERNEL.get_or_init(|| build(&mut cargo(&["build", "--package", "kernel"])));
    &kernel.as_ref().expect("cargo can build the kernel")["faultline"]
}

/// cargo, asked for executables of the bare target.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(arguments).args([
        "--target",
        "x86_64-unknown-none",
        "--message-format",
        "json-render-diagnostics",
    ]);
    cargo
}

/// The executables that cargo makes, or `None` when it fails. Its words are for people, on standard error.
pub(crate) fn build(cargo: &mut Command) -> Option<Executables> {
    let output = cargo
        .current_dir(workspace())
        .stderr(Stdio::inherit())
        .output();
    let output = output.expect("cargo can be started");
    if !output.status.success() {
        return None;
    }
    let messages = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let executables = messages.filter_map(|line| {
        let message: serde_json::Value = serde_json::from_slice(line).expect("cargo writes JSON");
        let executable = message["executable"].as_str()?;
        Some((
            message["target"]["name"].as_str()?.to_owned(),
            PathBuf::from(executable),
        ))
    });
    Some(executables.collect())
}
