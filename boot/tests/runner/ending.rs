//! No QEMU is left behind, however its runner ends. Linux only: processes are looked up in /proc.

use std::fs;
use std::io::Read as _;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::kernels::{boot, test_kernel};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(60);

/// A runner whose guest has started and never ends, and the process of its QEMU.
fn hanging() -> (Child, u32) {
    let mut runner = boot(test_kernel("must_fail_hang"), &["--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let qemu = child_of(&runner);
    let mut guest = Vec::new();
    let output = runner.stdout.as_mut().unwrap();
    while !String::from_utf8_lossy(&guest).contains("a_test_that_never_ends") {
        let mut byte = [0];
        output
            .read_exact(&mut byte)
            .expect("the guest says the test's name");
        guest.push(byte[0]);
    }
    assert!(is_running(qemu));
    (runner, qemu)
}

pub(crate) fn child_of(runner: &Child) -> u32 {
    let children = format!("/proc/{0}/task/{0}/children", runner.id());
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let found = fs::read_to_string(&children).unwrap();
        if let Some(child) = found.split_whitespace().next() {
            return child.parse().unwrap();
        }
        sleep(Duration::from_millis(5));
    }
    panic!("the runner started no QEMU");
}

/// Whether there is such a process that has not ended (a zombie has).
pub(crate) fn is_running(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    state
        .rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn ends_soon(process: u32) -> bool {
    let started = Instant::now();
    while is_running(process) && started.elapsed() < PATIENCE {
        sleep(Duration::from_millis(5));
    }
    !is_running(process)
}

fn send(runner: &Child, signal: Signal) {
    kill_process(Pid::from_child(runner), signal).unwrap();
}

#[test]
fn ctrl_c_and_a_polite_kill_end_qemu_too() {
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (runner, qemu) = hanging();
        send(&runner, signal);
        let output = runner.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words}");
        assert!(
            words.contains(&format!("ended by signal {}", status - 128)),
            "{words}"
        );
        assert!(!is_running(qemu));
    }
}

#[test]
fn qemu_ends_when_its_runner_is_killed_without_a_word() {
    let (mut runner, qemu) = hanging();
    send(&runner, Signal::KILL);
    runner.wait().unwrap();
    assert!(ends_soon(qemu));
}

#[test]
fn a_qemu_that_is_killed_is_a_failure_of_the_run_and_no_success() {
    for (signal, words) in [
        (Signal::KILL, "killed by signal 9"),
        (Signal::TERM, "ended QEMU by a signal"),
    ] {
        let (runner, qemu) = hanging();
        let qemu = Pid::from_raw(qemu.try_into().unwrap()).unwrap();
        kill_process(qemu, signal).unwrap();
        let output = runner.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
