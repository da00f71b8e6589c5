//! Programs that know nothing of Faultline print the same there as on the Linux of this
//! machine: three in C, and the commands of BusyBox, which is fetched where it is not
//! installed. A machine without a C compiler, or that cannot have BusyBox, skips its test
//! and says so.

use std::fs::{self, Permissions};
use std::io::{self, Seek};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::common::workspace;
use crate::kernels::{kernel, run};

/// Where BusyBox is, linked statically, if it is installed.
const BUSYBOX: &str = "/usr/bin/busybox";

/// Commands of BusyBox, each run in the folder on both sides.
const COMMANDS: [&str; 15] = [
    "echo hello there",
    "true",
    "false",
    "cat fruit numbers link",
    "wc fruit numbers",
    "sort -r fruit",
    "sha256sum fruit numbers etc/one",
    "md5sum bin/busybox",
    "head -n 3 numbers",
    "tail -n 2 numbers",
    "grep -c 9 numbers",
    "od -c fruit",
    "find etc empty",
    "awk -f sum numbers",
    "sh script",
];

const SCRIPT: &str = "\
for i in 1 2 3; do echo $i; done
(cd etc && cat one; echo)
true && echo yes
false || echo no
x=5; echo $((x * 7))
sort fruit
cat none; echo status $?
cat fruit | wc
cat numbers numbers | sort -n | uniq -c | tail -n 2
yes | head -n 3
x=$(cat fruit | grep -c e); echo $x
echo one two | while read a b; do echo $b $a; done
(exit 3) | true; echo $?
exit 7
";

/// The files that both sides see.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let write = |name: &str, contents: &str, mode| {
        fs::write(path.join(name), contents).unwrap();
        fs::set_permissions(path.join(name), Permissions::from_mode(mode)).unwrap();
    };
    for name in ["bin", "empty", "etc"] {
        fs::create_dir(path.join(name)).unwrap();
        fs::set_permissions(path.join(name), Permissions::from_mode(0o755)).unwrap();
    }
    let numbers: String = (1..=3000).map(|number| format!("{number}\n")).collect();
    write("fruit", "pear\napple\nfig\n", 0o644);
    write("numbers", &numbers, 0o644);
    write("etc/one", "x", 0o644);
    write("tool", "", 0o755);
    write("sum", "{ s += $1 } END { print s, NR }", 0o644);
    write("script", SCRIPT, 0o644);
    symlink("fruit", path.join("link")).unwrap();
    symlink("../fruit", path.join("etc/up")).unwrap();
    symlink("self", path.join("self")).unwrap();
    folder
}

/// What a program prints here, in the folder, and its status.
fn on_linux(folder: &Path, words: &str) -> (String, i32) {
    let mut words = words.split(' ');
    let program = folder.join(words.next().unwrap());
    // One file for both, so that their lines stand in the order of the writes.
    let mut printed = tempfile::tempfile().unwrap();
    let status = Command::new(program)
        .args(words)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(printed.try_clone().unwrap())
        .stderr(printed.try_clone().unwrap())
        .status();
    let status = status.expect("it is an executable of this machine");
    printed.rewind().unwrap();
    let text = io::read_to_string(printed).expect("it prints text");
    (text, status.code().expect("it exits"))
}

/// What the same programs print there, one after the other, with their statuses.
fn on_faultline(folder: &Path, programs: &[String]) -> Vec<(String, i32)> {
    let commands = programs.iter().map(|words| format!("run {words}; "));
    let commands: String = commands.chain(["audit".to_owned()]).collect();
    let folder = folder.to_str().unwrap();
    let options = [
        "--no-tour",
        "--headless",
        "--timeout",
        "500",
        "--files",
        folder,
    ];
    let run = run(kernel(), &[&options[..], &["--after", &commands]].concat());
    let guest = run.guest.replace("\r\n", "\n");
    assert!(guest.contains("\naudit=ok "), "{run:?}");
    let printed = programs.iter().map(|words| {
        let (_, rest) = guest
            .split_once(&format!("> run {words}\n"))
            .unwrap_or_else(|| panic!("{words} was not run: {guest}"));
        let (printed, status) = rest
            .split_once("exited=")
            .unwrap_or_else(|| panic!("{words} did not exit: {guest}"));
        let status = status.split(' ').next().unwrap();
        (printed.to_owned(), status.parse().unwrap())
    });
    printed.collect()
}

/// Runs programs on both sides, and compares.
fn compare(folder: &Path, programs: &[String]) {
    let there = on_faultline(folder, programs);
    for (words, there) in programs.iter().zip(there) {
        assert_eq!(there, on_linux(folder, words), "{words}");
    }
}

/// Compiles a program in C with `how` it is to be linked, runs it on both sides, and compares.
fn compare_in_c(name: &str, how: &str) {
    let folder = folder();
    let source = workspace().join(format!("boot/tests/runner/linux/{name}.c"));
    let mut compiler = Command::new("gcc");
    compiler
        .args([how, "-O1", "-w", "-o"])
        .arg(folder.path().join(name));
    match compiler.arg(source).status() {
        Ok(status) if status.success() => compare(folder.path(), &[name.to_owned()]),
        result => eprintln!("skipped: gcc {how} does not work here: {result:?}"),
    }
}

#[test]
fn calls_about_files_return_what_they_return_on_linux() {
    compare_in_c("files", "-static");
}

#[test]
fn a_static_pie_relocates_itself_and_its_closed_tables_stay_closed() {
    compare_in_c("pie", "-static-pie");
}

/// Takes BusyBox out of Debian's package, which is not installed.
fn fetch_busybox(to: &Path) -> io::Result<()> {
    const SCRIPT: &str =
        "apt-get -qq download busybox-static && dpkg-deb --extract busybox-static_*.deb .";
    let folder = tempfile::tempdir()?;
    let mut fetch = Command::new("sh");
    fetch.args(["-c", SCRIPT]).current_dir(&folder);
    let fetched = fetch.stdin(Stdio::null()).output()?;
    if !fetched.status.success() {
        let words = String::from_utf8_lossy(&fetched.stderr).into_owned();
        return Err(io::Error::other(words));
    }
    fs::copy(folder.path().join("bin/busybox"), to).map(drop)
}

#[test]
fn commands_of_busybox_print_what_they_print_on_linux() {
    let folder = folder();
    let busybox = folder.path().join("bin/busybox");
    let installed = fs::copy(BUSYBOX, &busybox).map(drop);
    if let Err(error) = installed.or_else(|_| fetch_busybox(&busybox)) {
        eprintln!("skipped: BusyBox is not installed, and cannot be fetched: {error}");
        return;
    }
    let programs = COMMANDS.map(|command| format!("bin/busybox {command}"));
    compare(folder.path(), &programs);
}
