//! A person at a terminal: keys reach the guest one by one, Ctrl-C gets out, and the terminal is given back as it was.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process, setsid};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{InputModes, LocalModes, OutputModes, Winsize, tcgetattr, tcsetwinsize};

use crate::ending::{child_of, is_running};
use crate::kernels::{boot, kernel, outside, test_kernel};

const PATIENCE: Duration = Duration::from_secs(120);

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

/// A terminal with a runner at work on it.
struct Terminal {
    keys: File,
    screen: Receiver<Vec<u8>>,
    shown: String,
    line: OwnedFd,
    before: Modes,
    runner: Child,
}

type Modes = (InputModes, OutputModes, LocalModes);

fn modes(line: &OwnedFd) -> Modes {
    let modes = tcgetattr(line).unwrap();
    (modes.input_modes, modes.output_modes, modes.local_modes)
}

impl Terminal {
    fn new(kernel: &Path, arguments: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let line = ioctl_tiocgptpeer(&master, flags).unwrap();
        let before = modes(&line);
        let end = || line.try_clone().unwrap();
        let mut command: Command = boot(kernel, arguments);
        command.stdin(end()).stdout(end()).stderr(end());
        let own_session = || {
            setsid()?;
            ioctl_tiocsctty(io::stdin())?;
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes two plain system calls, which are
        // async-signal-safe; their errors are plain numbers.
        let runner = unsafe { command.pre_exec(own_session) }.spawn().unwrap();
        let keys = File::from(master);
        let mut output = keys.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            keys,
            screen,
            shown: String::new(),
            line,
            before,
            runner,
        }
    }

    fn resize(&self, columns: u16) {
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.line, size).unwrap();
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` is shown, and forgets all up to its end.
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.shown.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.shown.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{text:?} was not shown, but {:?}", self.shown)
                }
            }
        }
        let end = self.shown.find(text).unwrap() + text.len();
        self.shown.drain(..end);
    }

    fn keys_go_to_the_guest(&self) -> bool {
        let (input, output, local) = modes(&self.line);
        let kept = LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        !local.intersects(kept) && !input.intersects(InputModes::ICRNL) && output == self.before.1
    }

    /// Waits for the runner's end, which must leave the terminal as it was and no QEMU.
    fn ends_with(&mut self, status: i32, qemu: u32) {
        let started = Instant::now();
        let ended = loop {
            if let Some(ended) = self.runner.try_wait().unwrap() {
                break ended;
            }
            assert!(started.elapsed() < PATIENCE, "the runner did not end");
            thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(ended.code(), Some(status), "{:?}", self.shown);
        assert_eq!(modes(&self.line), self.before);
        assert!(!is_running(qemu));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A runner that is left was not meant to be: its test has failed.
        self.runner.kill().ok();
        self.runner.wait().ok();
    }
}

/// At the guest's first prompt.
fn prompting() -> (Terminal, u32) {
    let mut terminal = Terminal::new(&outside("echo_monitor"), &["--headless"]);
    let qemu = child_of(&terminal.runner);
    terminal.wait_for("> ");
    (terminal, qemu)
}

#[test]
fn keys_reach_the_guest_as_they_are_and_the_guests_end_gives_the_terminal_back() {
    let (mut terminal, qemu) = prompting();
    assert!(terminal.keys_go_to_the_guest());
    terminal.press("ab");
    terminal.wait_for("ab");
    terminal.press("\x13\x1a\r");
    terminal.wait_for("line bytes=4 ");
    terminal.press("left out");
    terminal.press(CTRL_C);
    terminal.wait_for("left out^C\r");
    terminal.wait_for("> ");
    thread::sleep(Duration::from_millis(1200));
    terminal.press(CTRL_C);
    terminal.wait_for("^C\r");
    terminal.press("whole\r");
    terminal.wait_for("line bytes=5 ");
    assert!(is_running(qemu));
    terminal.press(CTRL_D);
    terminal.wait_for("success (status 0)");
    terminal.ends_with(0, qemu);
}

#[test]
fn lines_of_the_real_monitor_are_edited_and_called_back() {
    let mut terminal = Terminal::new(kernel(), &["--headless", "--no-tour"]);
    let qemu = child_of(&terminal.runner);
    terminal.wait_for("\r\n> ");
    terminal.press("framx\x7fes\r");
    terminal.wait_for("total=");
    terminal.wait_for("\r\n> ");
    terminal.press("\x1b[A\r");
    terminal.wait_for("frames\r");
    terminal.wait_for("total=");
    terminal.wait_for("\r\n> ");
    terminal.press("exit 3\r");
    terminal.ends_with(3, qemu);
}

#[test]
fn a_line_longer_than_the_terminal_is_wide_is_shown_in_a_window_until_it_is_entered() {
    let line = "alloc demand 64K around=8 rights=rw";
    let mut terminal = Terminal::new(kernel(), &["--headless", "--no-tour"]);
    terminal.resize(30);
    let qemu = child_of(&terminal.runner);
    terminal.wait_for("\r\n> ");
    terminal.press(line);
    terminal.press("x\x01\x1b[C\x05\x7f\r");
    terminal.wait_for(&format!("\x08{line}\r\r\nregion="));
    terminal.wait_for("\r\n> ");
    terminal.resize(100);
    // The report is on its way, and no key waits for it.
    thread::sleep(Duration::from_millis(500));
    terminal.press(&format!("{line}\r"));
    terminal.wait_for(&format!("{line}\r\r\nregion="));
    terminal.wait_for("\r\n> ");
    terminal.press("exit 3\r");
    terminal.ends_with(3, qemu);
}

#[test]
fn a_single_ctrl_c_ends_a_command_and_the_machine_is_whole() {
    let mut terminal = Terminal::new(kernel(), &["--headless", "--no-tour"]);
    let qemu = child_of(&terminal.runner);
    terminal.wait_for("\r\n> ");
    terminal.press("alloc zero 1G\rtouch 0x1000 1G r 1\r");
    terminal.wait_for("> touch 0x1000 1G r 1\r\r\n");
    thread::sleep(Duration::from_millis(1500));
    terminal.press(CTRL_C);
    terminal.wait_for("error: Ctrl-C ended touch after ");
    terminal.wait_for(" of 1073741824, which stay done\r\r\n> ^C\r\r\n> ");
    terminal.press("audit\r");
    terminal.wait_for("audit=ok ");
    terminal.wait_for("\r\n> ");
    thread::sleep(Duration::from_millis(1500));
    terminal.press("bench\r");
    terminal.wait_for("bench demand write");
    terminal.press(CTRL_C);
    terminal.wait_for("error: Ctrl-C ended the command\r\r\n> ^C\r\r\n> ");
    terminal.press("spaces\rexit 3\r");
    terminal.wait_for("space=0 current=yes");
    terminal.ends_with(3, qemu);
}

#[test]
fn keys_that_were_pressed_too_early_wait_for_the_prompt() {
    let mut terminal = Terminal::new(&outside("echo_monitor"), &["--headless"]);
    let qemu = child_of(&terminal.runner);
    terminal.press("exit 5\r");
    terminal.wait_for("> exit 5");
    terminal.wait_for("`exit 5` (status 5)");
    terminal.ends_with(5, qemu);
}

#[test]
fn commands_come_first_and_then_the_keyboard() {
    let arguments = ["--headless", "--after", "map; three", "--trace-qemu"];
    let mut terminal = Terminal::new(&outside("echo_monitor"), &arguments);
    let qemu = child_of(&terminal.runner);
    terminal.wait_for("low half at the first prompt: nothing is mapped\r\n> map");
    terminal.wait_for("low half after `map`: 1 entry");
    terminal.wait_for("\r\n> three");
    terminal.wait_for("line bytes=5 ");
    terminal.wait_for("> ");
    terminal.press("unmap\r");
    terminal.wait_for("low half after this line: nothing is mapped\r\n> ");
    terminal.press("exit 2\r");
    terminal.ends_with(2, qemu);
}

#[test]
fn ctrl_c_twice_within_a_second_ends_a_guest_that_does_not_listen() {
    let (mut terminal, qemu) = prompting();
    terminal.press("hang\r");
    terminal.wait_for("line bytes=4 ");
    terminal.press(CTRL_C);
    terminal.press(CTRL_C);
    terminal.wait_for("ended by signal 2 (Ctrl-C) (status 130)");
    terminal.ends_with(130, qemu);
}

#[test]
fn a_signal_to_the_runner_gives_the_terminal_back() {
    for (signal, status) in [(Signal::TERM, 143), (Signal::QUIT, 131), (Signal::INT, 130)] {
        let (mut terminal, qemu) = prompting();
        assert!(terminal.keys_go_to_the_guest());
        kill_process(Pid::from_child(&terminal.runner), signal).unwrap();
        terminal.ends_with(status, qemu);
    }
}

#[test]
fn before_the_first_prompt_one_ctrl_c_is_enough_and_the_wait_was_announced() {
    let mut terminal = Terminal::new(&outside("echo_monitor"), &["--headless", "--uefi"]);
    terminal.wait_for("boot: waiting for the kernel ...");
    let qemu = child_of(&terminal.runner);
    terminal.press(CTRL_C);
    terminal.wait_for("\r\x1b[K");
    terminal.wait_for("(status 130)");
    terminal.ends_with(130, qemu);
}

#[test]
fn the_announcement_is_gone_when_the_kernel_starts() {
    let mut terminal = Terminal::new(&outside("echo_monitor"), &["--headless", "--uefi"]);
    let qemu = child_of(&terminal.runner);
    terminal.wait_for("boot: waiting for the kernel ...\r\x1b[K> ");
    terminal.press(CTRL_D);
    terminal.ends_with(0, qemu);
}

#[test]
fn a_test_kernel_leaves_the_terminal_alone() {
    let mut terminal = Terminal::new(test_kernel("must_fail_hang"), &[]);
    terminal.wait_for("a_test_that_never_ends ... ");
    let qemu = child_of(&terminal.runner);
    assert_eq!(modes(&terminal.line), terminal.before);
    terminal.press(CTRL_C);
    terminal.ends_with(130, qemu);
}
