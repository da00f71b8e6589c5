//! The runner ends, soon and with its own status, whatever becomes of QEMU, of its input and of its output.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _, pipe};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use crate::ending::{child_of, is_running};
use crate::fake::FakeQemu;
use crate::kernels::{Run, boot, kernel, outside, run, test_kernel};

/// What happens at once may take so long on a machine with much else to do.
const SOON: Duration = Duration::from_secs(15);

/// How it ended, which was soon.
fn ended(mut runner: Child) -> Run {
    let started = Instant::now();
    while runner.try_wait().unwrap().is_none() {
        if started.elapsed() > SOON {
            runner.kill().unwrap();
            panic!("the runner hangs: {:?}", runner.wait_with_output());
        }
        sleep(Duration::from_millis(2));
    }
    runner.wait_with_output().unwrap().into()
}

fn spawn(runner: &mut Command) -> Child {
    let runner = runner.stdout(Stdio::piped()).stderr(Stdio::piped());
    runner.spawn().expect("boot can be started")
}

fn send(runner: &Child, signal: Signal) {
    kill_process(Pid::from_child(runner), signal).unwrap();
}

const HANGS: &str = "exec sleep 1000";

#[test]
fn a_qemu_that_hangs_at_its_start_is_ended_by_the_clock() {
    let fake = FakeQemu::new(HANGS);
    let runner = spawn(&mut fake.boot(&["--timeout", "1", "--headless"]));
    let qemu = child_of(&runner);
    let run = ended(runner);
    assert_eq!(run.status, Some(124), "{run:?}");
    assert!(run.words.contains("timeout: "), "{run:?}");
    assert!(!is_running(qemu));
}

#[test]
fn a_qemu_that_hangs_at_its_start_is_ended_by_signals_as_at_any_time() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        // A script that starts QEMU as a child of its own.
        let fake = FakeQemu::new("sleep 1000\nexit 1");
        let runner = spawn(&mut fake.boot(&["--headless"]));
        let shell = child_of(&runner);
        let sleeper = loop {
            let children = format!("/proc/{shell}/task/{shell}/children");
            let found = fs::read_to_string(children).unwrap_or_default();
            if let Some(child) = found.split_whitespace().next() {
                break child.parse().unwrap();
            }
        };
        send(&runner, signal);
        let run = ended(runner);
        assert_eq!(run.status, Some(status), "{run:?}");
        let words = format!("boot: ended by signal {}", status - 128);
        assert!(run.words.starts_with(&words), "{run:?}");
        assert!(!is_running(shell) && !is_running(sleeper));
    }
}

#[test]
fn a_qemu_that_ends_at_once_is_told_in_one_sentence_and_never_with_a_guests_status() {
    // What QEMU ends with when the guest says 0, and when it panics, among others.
    for status in [0, 1, 33, 127, 235] {
        let fake = FakeQemu::new(&format!("exit {status}"));
        let run = ended(spawn(&mut fake.boot(&["--headless"])));
        let words = "boot: error: QEMU ended before it started the machine; its own words are above (status 125)\n";
        assert_eq!(
            (run.status, run.words.as_str()),
            (Some(125), words),
            "{status}"
        );
    }
}

#[test]
fn whatever_makes_qemu_end_at_once_is_told_in_the_same_sentence() {
    for arguments in [
        &["--cpu", "nope"][..],
        &["--memory", "9999999G"],
        &["--qemu-arg=-bios", "--qemu-arg=/etc/hostname"],
        &["--qemu-arg=--nonsense"],
    ] {
        let run = run(kernel(), &[arguments, &["--headless"]].concat());
        assert_eq!(run.status, Some(125), "{run:?}");
        let lines: Vec<_> = run.words.lines().collect();
        let (own, qemus) = lines.split_last().unwrap();
        let words = "boot: error: QEMU ended before it started the machine; its own words are above (status 125)";
        assert_eq!(*own, words);
        assert!(qemus.iter().any(|line| line.starts_with("qemu")), "{run:?}");
        assert!(
            !qemus.iter().any(|line| line.starts_with("boot")),
            "{run:?}"
        );
    }
}

/// A script that nobody writes.
fn fifo(folder: &Path) -> String {
    let path = folder.join("fifo");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_script_that_nobody_writes_is_waited_for_within_the_clock_and_the_signals() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = fifo(folder.path());
    let script = ["--headless", "--monitor-script", &fifo];
    let clock = [&script[..], &["--timeout", "1"]].concat();
    let run = ended(spawn(&mut boot(kernel(), &clock)));
    let words = "boot: timeout: no machine ran within 1 second (status 124)\n";
    assert_eq!((run.status, run.words.as_str()), (Some(124), words));

    let temporary = tempfile::tempdir().unwrap();
    let runner = spawn(boot(kernel(), &script).env("TMPDIR", temporary.path()));
    // From when it has its folder it listens.
    while fs::read_dir(temporary.path()).unwrap().next().is_none() {
        sleep(Duration::from_millis(2));
    }
    send(&runner, Signal::TERM);
    let run = ended(runner);
    let words = "boot: ended by signal 15 (status 143)\n";
    assert_eq!((run.status, run.words.as_str()), (Some(143), words));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn a_timeout_that_no_clock_can_count_is_none() {
    let fake = FakeQemu::new("exit 1");
    for seconds in ["18446744073709551615", "9223372036854775807"] {
        let run = ended(spawn(&mut fake.boot(&["--headless", "--timeout", seconds])));
        assert_eq!(run.status, Some(125), "{run:?}");
        assert!(run.words.contains("QEMU ended before"), "{run:?}");
    }
}

/// The first line, after which nobody reads any more.
fn first_line(reader: PipeReader) -> String {
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line).unwrap();
    line
}

#[test]
fn a_closed_pipe_ends_everything_at_once_and_quietly_also_while_the_guest_is_silent() {
    let kernel = test_kernel("must_fail_hang");
    // Both outputs, as with `2>&1 |`, and each alone.
    let (reader, writer) = pipe().unwrap();
    let mut runner = boot(kernel, &[]);
    runner.stdout(writer.try_clone().unwrap()).stderr(writer);
    let runner_of_both = runner.spawn().unwrap();
    drop(runner);
    let qemu = child_of(&runner_of_both);
    assert_eq!(first_line(reader), "\r\n");
    assert_eq!(ended(runner_of_both).status, Some(141));
    assert!(!is_running(qemu));

    let mut runner = spawn(&mut boot(kernel, &[]));
    let mut output = runner.stdout.take().unwrap();
    output.read_exact(&mut [0; 2]).unwrap();
    drop(output);
    let run = ended(runner);
    assert_eq!((run.status, run.words.as_str()), (Some(141), ""));

    let mut runner = spawn(&mut boot(kernel, &[]));
    runner
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut [0; 2])
        .unwrap();
    drop(runner.stderr.take());
    assert_eq!(ended(runner).status, Some(141));
}

#[test]
fn pipes_that_are_closed_from_the_start_end_what_starts_no_machine_too() {
    for arguments in [&["--image-only"][..], &["--help"], &["--headless"]] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut runner = boot(&outside("echo_monitor"), arguments);
        runner.stdout(writer.try_clone().unwrap()).stderr(writer);
        let run = ended(runner.spawn().unwrap());
        assert_eq!(run.status, Some(141), "{arguments:?}");
    }
}

#[test]
fn a_full_device_is_a_failure_of_the_run_and_no_panic_of_a_guest() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for arguments in [&["--image-only"][..], &["--help"], &["--headless"]] {
        let mut runner = boot(&outside("echo_monitor"), arguments);
        let run = ended(runner.stdout(full()).stderr(full()).spawn().unwrap());
        assert_eq!(run.status, Some(125), "{arguments:?}");
    }
    let mut runner = boot(&outside("echo_monitor"), &["--image-only"]);
    let run = ended(
        runner
            .stdout(full())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    assert!(run.words.contains("No space left on device"), "{run:?}");
    // Words that are lost do not change how a run ended.
    let mut runner = boot(
        &outside("echo_monitor"),
        &["--headless", "--after", "exit 9"],
    );
    let run = ended(runner.stdout(Stdio::null()).stderr(full()).spawn().unwrap());
    assert_eq!(run.status, Some(9));
}

#[test]
fn words_that_nobody_takes_do_not_hold_up_the_end() {
    let fake = FakeQemu::new(HANGS);
    // A pipe that is full before the runner says its first word.
    let (reader, mut writer) = pipe().unwrap();
    let room = rustix::pipe::fcntl_getpipe_size(&writer).unwrap();
    writer.write_all(&vec![0; room]).unwrap();
    let mut runner = fake.boot(&["--headless", "--timeout", "1"]);
    let run = ended(runner.stderr(writer).spawn().unwrap());
    assert_eq!(run.status, Some(124), "{run:?}");
    drop(reader);
}

#[test]
fn without_any_open_stream_a_script_still_runs() {
    let runner = env!("CARGO_BIN_EXE_boot");
    let closed = r#"exec "$0" "$1" --headless --after 'exit 7' <&- >&- 2>&-"#;
    let kernel = outside("echo_monitor");
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", closed, runner]).arg(kernel);
    assert_eq!(ended(shell.spawn().unwrap()).status, Some(7));
}

#[test]
fn the_list_of_processors_is_an_answer_and_no_failed_run() {
    let run = run(kernel(), &["--cpu", "help"]);
    assert_eq!((run.status, run.words.as_str()), (Some(0), ""));
    assert!(run.guest.contains("qemu64"), "{run:?}");
}

#[test]
fn a_run_that_is_ended_before_its_picture_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("picture.png");
    let fake = FakeQemu::new(HANGS);
    let arguments = ["--timeout", "1", "--screenshot", picture.to_str().unwrap()];
    let run = ended(spawn(&mut fake.boot(&arguments)));
    assert_eq!(run.status, Some(124), "{run:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_a_killed_runner_left_is_cleared_by_the_next() {
    let temporary = tempfile::tempdir().unwrap();
    let fake = FakeQemu::new(HANGS);
    let mut killed = spawn(fake.boot(&["--headless"]).env("TMPDIR", temporary.path()));
    child_of(&killed);
    let left = || fs::read_dir(temporary.path()).unwrap().count();
    assert_eq!(left(), 1);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(left(), 1);
    let fake = FakeQemu::new("exit 1");
    let mut next = fake.boot(&["--headless"]);
    ended(spawn(next.env("TMPDIR", temporary.path())));
    assert_eq!(left(), 0);
}
