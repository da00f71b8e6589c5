//! Builds the programs that the archive of every kernel has: those of the package
//! `programs`, for the bare target, in a folder of their own.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// The target that programs are built for.
const TARGET: &str = "x86_64-unknown-none";

fn main() {
    if env::var("TARGET").is_ok_and(|target| target == TARGET) {
        println!(
            "cargo::error=boot is a program of the host: add --target host-tuple. To check everything, each part for \
             its own target, as an editor should, run boot/check"
        );
        return;
    }
    let variable = |name: &str| PathBuf::from(env::var_os(name).expect("cargo sets it"));
    let boot = variable("CARGO_MANIFEST_DIR");
    let workspace = boot.parent().expect("boot lies in the workspace");
    let programs = workspace.join("kernel/programs");
    for changed in [
        programs.as_path(),
        &workspace.join("Cargo.toml"),
        &workspace.join("Cargo.lock"),
        &workspace.join(".cargo/config.toml"),
    ] {
        println!("cargo::rerun-if-changed={}", changed.display());
    }
    let folder = variable("OUT_DIR").join("programs");
    let status = Command::new(variable("CARGO"))
        .args(["build", "--quiet", "--release", "--locked"])
        .args(["--package", "programs", "--bins", "--target", TARGET])
        .arg("--target-dir")
        .arg(&folder)
        .current_dir(workspace)
        // They are meant for this build: the programs have flags of their own.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .expect("cargo can be started");
    assert!(
        status.success(),
        "the programs of kernel/programs cannot be built"
    );
    let built = folder.join(TARGET).join("release");
    println!("cargo::rustc-env=PROGRAMS={}", built.display());
}
