//! Bochs as a second machine, where it is installed (on Debian: `bochs` and `bochs-sdl`): the tour, the audit
//! and the reports say there what they say in QEMU. Without it these tests are left out, with a word.
//!
//! Bochs has none of what the runner needs to lead a machine, so these tests lead it: the serial port is a
//! connection to here, and the machine is ended once it has halted. It is told of a slow processor, since
//! its clock follows the instructions: whatever firmware and kernel wait for comes after fewer of them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::crash::says;
use crate::kernels::{kernel, run};
use crate::machines::COSTS;

/// How long a machine may take for an answer, its boot included.
const PATIENCE: Duration = Duration::from_secs(120);

/// What Bochs can draw on where there is no screen; the first that it has is taken.
const DISPLAYS: [&str; 3] = ["nogui", "sdl2", "sdl"];

/// Sectors of a cylinder of its disk, which has whole cylinders only.
const CYLINDER: u64 = 16 * 63;

/// A machine that runs the kernel, and all that it has said.
struct Bochs {
    machine: Child,
    serial: TcpStream,
    said: String,
    _folder: TempDir,
}

/// Why there is no machine.
enum Lack {
    Bochs,
    Display(String),
}

impl Bochs {
    /// A machine at its first prompt; `None` where there is no Bochs that can be used.
    fn start() -> Option<Self> {
        let mut words = String::new();
        for display in DISPLAYS {
            match Self::start_with(display) {
                Ok(mut bochs) => {
                    bochs.await_words("\r\n> ");
                    return Some(bochs);
                }
                Err(Lack::Bochs) => {
                    eprintln!("left out: Bochs is not installed");
                    return None;
                }
                Err(Lack::Display(said)) => words = said,
            }
        }
        assert!(
            words.contains("display library"),
            "Bochs ended at once:\n{words}"
        );
        eprintln!("left out: Bochs has none of the displays {DISPLAYS:?}");
        None
    }

    fn start_with(display: &str) -> Result<Self, Lack> {
        let folder = tempfile::tempdir().unwrap();
        let here = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        here.set_nonblocking(true).unwrap();
        let port = here.local_addr().unwrap().port();
        let cylinders = write_disk(&folder.path().join("disk"));
        fs::write(
            folder.path().join("settings"),
            format!(
                "display_library: {display}\n\
                 cpu: ips=10000000\n\
                 memory: guest=128, host=128\n\
                 ata0-master: type=disk, path=disk, mode=flat, cylinders={cylinders}, heads=16, spt=63\n\
                 boot: disk\n\
                 com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}\n\
                 log: log\n\
                 panic: action=fatal\n"
            ),
        )
        .unwrap();
        let words = folder.path().join("words");
        let output = File::create(&words).unwrap();
        let started = Command::new("bochs")
            .args(["-q", "-f", "settings"])
            .current_dir(folder.path())
            .env("SDL_VIDEODRIVER", "dummy")
            .env("SDL_AUDIODRIVER", "dummy")
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn();
        let mut machine = match started {
            Ok(machine) => machine,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(Lack::Bochs),
            Err(error) => panic!("Bochs cannot be started: {error}"),
        };
        // A Bochs that was built with its debugger asks what to do. Its standard input stays open: at the end it would ask again.
        let input = machine.stdin.as_mut().expect("it is a pipe");
        input.write_all(b"continue\n").ok();
        let started = Instant::now();
        let serial = loop {
            match here.accept() {
                Ok((serial, _)) => break serial,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("the serial port cannot be listened to: {error}"),
            }
            if machine.try_wait().unwrap().is_some() {
                return Err(Lack::Display(fs::read_to_string(words).unwrap()));
            }
            assert!(started.elapsed() < PATIENCE, "Bochs opened no serial port");
            sleep(Duration::from_millis(10));
        };
        serial.set_nonblocking(false).unwrap();
        serial.set_read_timeout(Some(PATIENCE)).unwrap();
        Ok(Self {
            machine,
            serial,
            said: String::new(),
            _folder: folder,
        })
    }

    /// Reads until the last that was said are these words, and gives what came since the last call.
    fn await_words(&mut self, words: &str) -> String {
        let start = self.said.len();
        while !self.said[start..].ends_with(words) {
            let mut byte = [0];
            match self.serial.read(&mut byte) {
                Ok(1) => self.said.push(char::from(byte[0])),
                other => panic!(
                    "{words:?} was awaited and {other:?} came after\n{}",
                    self.said
                ),
            }
        }
        self.said[start..].to_owned()
    }

    /// What is said after this line is typed, its echo first, up to these words.
    fn type_line(&mut self, line: &str, until: &str) -> String {
        self.serial
            .write_all(format!("{line}\r").as_bytes())
            .unwrap();
        self.await_words(until)
    }
}

impl Drop for Bochs {
    fn drop(&mut self) {
        self.machine.kill().ok();
        self.machine.wait().ok();
    }
}

/// Writes the kernel's disk, and gives its size in cylinders.
fn write_disk(path: &Path) -> u64 {
    let made = run(kernel(), &["--image-only"]);
    assert_eq!(made.status, Some(0), "{made:?}");
    fs::copy(made.guest.trim_end(), path).unwrap();
    let cylinders = fs::metadata(path).unwrap().len().div_ceil(CYLINDER * 512);
    let disk = File::options().write(true).open(path).unwrap();
    disk.set_len(cylinders * CYLINDER * 512).unwrap();
    cylinders
}

#[test]
fn bochs_gives_the_same_tour_and_audit_and_hands_over_what_is_typed() {
    let Some(mut bochs) = Bochs::start() else {
        return;
    };
    let in_all = |said: &str| -> Vec<String> {
        let costs = said
            .lines()
            .filter_map(|line| line.trim().strip_prefix("in all: "));
        costs.map(str::to_owned).collect()
    };
    assert_eq!(in_all(&bochs.said), COSTS, "{}", bochs.said);
    // Of every length, since its receiver announces bytes by the dozen, and what is left after a pause.
    for length in 0..60 {
        let line = format!("# {}", "x".repeat(length));
        assert_eq!(bochs.type_line(&line, "\r\n> "), format!("{line}\r\n> "));
    }
    let again = bochs.type_line("tour example", "\r\n> ");
    assert_eq!(in_all(&again), COSTS, "{again}");
    let audit = bochs.type_line("audit", "\r\n> ");
    assert!(audit.contains("audit=ok"), "{audit}");
    bochs.type_line(
        "exit 7",
        "halted with status 7: this machine has no exit device\r\n",
    );
}

#[test]
fn bochs_gives_the_same_reports() {
    let reports: [(&str, &[&str]); 2] = [
        (
            "null",
            &[
                "#PF Page Fault: null pointer\n",
                " mov byte [",
                "  tried:       write to 0x0 by the kernel, the page is absent\n",
                "  error code:  0x2: write, supervisor mode, page not present\n",
                "  refused:     the null page: address 0 and the 4095 after it are never mapped\n",
                "  walk:        level 4 [  0] unused\n",
                "  cr2=0000000000000000\n",
                "  backtrace:\n  #0 0xffff8000",
            ],
        ),
        (
            "stack",
            &[
                "#DF Double Fault: stack overflow of the kernel stack\n",
                ": in the guard page, ",
                "not mapped at level 1\n",
                "\n  #24 0xffff8000",
            ],
        ),
    ];
    for (name, words) in reports {
        let Some(mut bochs) = Bochs::start() else {
            return;
        };
        let halted = "halted with status 102: this machine has no exit device\r\n";
        let report = bochs.type_line(&format!("crash {name}"), halted);
        says(&report.replace("\r\n", "\n"), words);
    }
}
