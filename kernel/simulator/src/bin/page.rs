//! Builds the machine in the page: a folder of static files, which needs no server.
#![forbid(unsafe_code)]

mod build {
    use std::env;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use anyhow::{Context, ensure};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    /// The target that browsers run.
    const TARGET: &str = "wasm32-unknown-unknown";

    /// Builds the page into the folder that is named, or into `target/machine`.
    pub(crate) fn run() -> anyhow::Result<PathBuf> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = package.join("../..").canonicalize()?;
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or(workspace.join("target"), PathBuf::from);
        let mut arguments = env::args_os().skip(1);
        let folder = arguments
            .next()
            .map_or(target.join("machine"), PathBuf::from);
        ensure!(
            arguments.next().is_none(),
            "one folder is named, or none: cargo page [FOLDER]"
        );
        let module = compile(&workspace, &target)?;
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for entry in fs::read_dir(package.join("site"))? {
            let entry = entry?;
            fs::copy(entry.path(), folder.join(entry.file_name()))
                .with_context(|| entry.path().display().to_string())?;
        }
        // A page that is a file may not fetch another; a script it may load.
        let script = format!("const MACHINE_WASM =\n\"{}\";\n", STANDARD.encode(module));
        fs::write(folder.join("machine-wasm.js"), script)?;
        Ok(folder)
    }

    /// Compiles the library to WebAssembly.
    fn compile(workspace: &Path, target: &Path) -> anyhow::Result<Vec<u8>> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .current_dir(workspace)
            .args([
                "rustc",
                "--quiet",
                "-p",
                "simulator",
                "--lib",
                "--crate-type",
                "cdylib",
            ])
            .args([
                "--profile",
                "page",
                "--target",
                TARGET,
                "-Zbuild-std=core,alloc",
            ])
            .env("RUSTC_BOOTSTRAP", "1")
            .status()
            .context("cargo does not start")?;
        ensure!(status.success(), "cargo did not build the module: {status}");
        let path = target.join(TARGET).join("page/simulator.wasm");
        fs::read(&path).with_context(|| path.display().to_string())
    }
}

fn main() -> std::process::ExitCode {
    match build::run() {
        Ok(folder) => {
            println!("{}", folder.join("index.html").display());
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("page: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
