//! Says at once where kernels cannot be built, and what to do instead. The packages `steps` and `tests` have it, too.

use std::env;
use std::path::{Path, PathBuf};

/// What every kernel is built for.
const TARGET: &str = "x86_64-unknown-none";

fn main() {
    println!("cargo::rerun-if-env-changed=RUSTC_BOOTSTRAP");
    let has_settings = env::var("RUSTC_BOOTSTRAP").is_ok_and(|value| value == "1");
    if env::var("TARGET").is_ok_and(|target| target == TARGET) && has_settings {
        return;
    }
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let is_project = |folder: &&Path| folder.join(".cargo/config.toml").exists();
    let project = package.ancestors().skip(1).find(is_project);
    println!(
        "cargo::error=a kernel is built for {TARGET}, with the settings of this project, which cargo finds where it is \
         started: in the project's folder or below. Type cd {} && cargo run",
        project.unwrap_or(&package).display()
    );
}
