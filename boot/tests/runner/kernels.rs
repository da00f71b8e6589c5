//! Runs of the runner, and test kernels for it, built by cargo as `cargo test` builds them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::common::{Executables, build, cargo, typed};

pub(crate) use crate::common::{boot, kernel, workspace};

/// How a run of the runner ended, for people and for assertions.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: Option<i32>,
    pub(crate) guest: String,
    pub(crate) words: String,
}

impl Run {
    /// How many tests of a test kernel passed.
    pub(crate) fn passed(&self) -> usize {
        self.guest
            .lines()
            .filter(|line| line.starts_with("test ") && line.ends_with(" ... ok"))
            .count()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            guest: String::from_utf8_lossy(&output.stdout).into_owned(),
            words: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Starts the runner and waits for its end.
pub(crate) fn run(kernel: &Path, arguments: &[&str]) -> Run {
    boot(kernel, arguments)
        .output()
        .expect("boot can be started")
        .into()
}

/// Starts the runner, hands it `input` through a pipe, and waits for its end.
pub(crate) fn run_with_input(kernel: &Path, arguments: &[&str], input: &[u8]) -> Run {
    typed(boot(kernel, arguments), input).into()
}

/// The test kernel of this name in the package `tests`, built together with the others on first use.
pub(crate) fn test_kernel(name: &str) -> &'static Path {
    static KERNELS: OnceLock<Option<Executables>> = OnceLock::new();
    let kernels = KERNELS.get_or_init(|| {
        let names = [
            "boot_facts",
            "disk",
            "disk_errors",
            "frames",
            "heap_trim",
            "heap_untouched",
            "memory_map",
            "monitor_look",
            "protection",
            "echo_monitor",
            "quoted_figures",
            "must_fail_assertion",
            "must_fail_panic",
            "must_fail_hang",
            "must_fail_heap_under_locks",
            "must_fail_refused_fault",
            "must_fail_triple_fault",
        ];
        let chosen = names.iter().flat_map(|name| ["--test", name]);
        build(cargo(&["test", "--no-run", "--package", "tests"]).args(chosen))
    });
    let kernels = kernels.as_ref().expect("cargo can build the test kernels");
    kernels
        .get(name)
        .unwrap_or_else(|| panic!("cargo built no test kernel {name}"))
}

/// The same out of cargo's folder for tests: not a test kernel any more, but one like that of `cargo run`.
pub(crate) fn outside(name: &str) -> PathBuf {
    static COPYING: Mutex<()> = Mutex::new(());
    let _copying = COPYING.lock().unwrap_or_else(PoisonError::into_inner);
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let kernel = test_kernel(name);
    let made = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    if made(&copy) <= made(kernel) {
        fs::copy(kernel, &copy).expect("the kernel can be copied");
    }
    copy
}
