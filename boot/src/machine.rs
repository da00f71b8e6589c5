//! The machine as QEMU's command line.
//!
//! Fixed are the devices that runner and guest agree on: the first serial port
//! and the control connections, all inherited descriptors; the debug-exit port
//! through which the guest ends the run; fw_cfg for the guest's options; a
//! screen; no network.

use std::ffi::{OsStr, OsString};
use std::os::fd::RawFd;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::disks::Disk;
use crate::display::Display;
use crate::firmware::Flash;
use crate::guest::CMDLINE_FILE;
use crate::options::{Options, format_memory};
use crate::qemu::tied;

/// The emulator, looked for on PATH.
pub const QEMU: &str = "qemu-system-x86_64";

/// QEMU's list of processors.
///
/// # Errors
/// QEMU cannot be started, or does not answer.
pub fn processors() -> Result<String> {
    let answer = tied(QEMU)
        .args(["-cpu", "help"])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{QEMU} cannot be asked"))?;
    Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
}

/// What a run brings besides the options.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The disk to boot from; never written
    pub image: &'a Path,
    /// The UEFI firmware; BIOS is built into QEMU
    pub flash: Option<&'a Flash>,
    /// The disks besides that one
    pub disks: &'a [Disk],
    /// The line of words for the guest, see [`crate::guest`]
    pub cmdline: &'a str,
    /// Where the screen is shown
    pub display: &'a Display,
    /// QEMU's end of the first serial port
    pub serial: RawFd,
    /// QEMU's end of the control connection
    pub control: RawFd,
    /// QEMU's end of the second control connection, for questions
    pub questions: RawFd,
    /// Where QEMU logs that a reset was a triple fault: a file by its descriptor, since QEMU finds
    /// a pattern in a path with `%`
    pub reset_log: RawFd,
}

/// QEMU's arguments, those of `--qemu-arg` last.
#[must_use]
pub fn arguments(options: &Options, parts: &Parts<'_>) -> Vec<OsString> {
    let mut arguments = Arguments(Vec::new());
    arguments.pair("-name", "Faultline");
    arguments.pair("-machine", options.machine.name());
    arguments.pair("-accel", &options.accel);
    arguments.pair("-cpu", &options.cpu);
    arguments.pair("-m", format_memory(options.memory));
    // No floppy and no CD-ROM, which firmware would try to boot from, but a screen.
    arguments.flag("-nodefaults");
    arguments.pair("-vga", "std");
    arguments.pair("-nic", "none");
    arguments.pair("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04");

    arguments.pair("-chardev", format!("socket,id=serial,fd={}", parts.serial));
    arguments.pair("-serial", "chardev:serial");
    arguments.pair(
        "-chardev",
        format!("socket,id=control,fd={}", parts.control),
    );
    arguments.pair("-mon", "chardev=control,mode=control");
    arguments.pair(
        "-chardev",
        format!("socket,id=questions,fd={}", parts.questions),
    );
    arguments.pair("-mon", "chardev=questions,mode=control");
    arguments.flag("-S"); // until the control connection lets the guest run

    // A reset stops the machine instead of starting it over, and what has stopped can be looked at.
    arguments.flag("-no-reboot");
    arguments.pair("-action", "shutdown=pause");
    arguments.pair("-d", "cpu_reset");
    arguments.pair("-D", format!("/dev/fd/{}", parts.reset_log));

    match parts.display {
        Display::None => arguments.pair("-display", "none"),
        Display::Window(kind) => arguments.pair("-display", kind),
    }
    if let Some(flash) = parts.flash {
        let mut unit = 0;
        if let Some(code) = &flash.code {
            arguments.pair(
                "-drive",
                option("if=pflash,unit=0,format=raw,readonly=on,file=", code),
            );
            unit = 1;
        }
        arguments.pair(
            "-drive",
            option(
                &format!("if=pflash,unit={unit},format=raw,file="),
                &flash.private,
            ),
        );
    }
    // With a snapshot the image is opened for reading only, and several runs can share it.
    arguments.pair(
        "-drive",
        option("format=raw,snapshot=on,file=", parts.image),
    );
    for disk in parts.disks {
        let mut drive = OsString::from(disk.drive());
        for (name, path) in disk.files() {
            drive.push(option(&format!(",{name}="), path));
        }
        arguments.pair("-drive", drive);
        arguments.pair("-device", disk.device());
    }
    if !parts.cmdline.is_empty() {
        arguments.pair(
            "-fw_cfg",
            option(&format!("name={CMDLINE_FILE},string="), parts.cmdline),
        );
    }
    if options.gdb {
        arguments.flag("-s");
    }
    if options.bench_guest {
        // The time stamp counter then counts instructions, the same on any machine.
        arguments.pair("-icount", "shift=0,sleep=off");
    }
    for argument in &options.qemu_arg {
        arguments.flag(argument);
    }
    arguments.0
}

struct Arguments(Vec<OsString>);

impl Arguments {
    fn flag(&mut self, name: &str) {
        self.0.push(name.into());
    }

    fn pair(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.0.push(name.into());
        self.0.push(value.as_ref().into());
    }
}

/// A value at the end of one of QEMU's comma-separated options: a comma in it is doubled.
fn option(start: &str, value: impl AsRef<OsStr>) -> OsString {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

    let mut bytes = start.as_bytes().to_vec();
    for &byte in value.as_ref().as_bytes() {
        bytes.push(byte);
        if byte == b',' {
            bytes.push(b',');
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::Parser as _;

    use super::*;

    fn line<'a>(typed: &[&str], change: impl FnOnce(&mut Parts<'a>)) -> Vec<String> {
        let options = Options::parse_from(["boot", "kernel"].iter().chain(typed));
        let mut parts: Parts<'a> = Parts {
            image: Path::new("/t/kernel.bios.img"),
            flash: None,
            disks: &[],
            cmdline: "",
            display: &Display::None,
            serial: 7,
            control: 9,
            questions: 11,
            reset_log: 13,
        };
        change(&mut parts);
        arguments(&options, &parts)
            .into_iter()
            .map(|argument| argument.into_string().unwrap())
            .collect()
    }

    /// Every value that follows `name` in the command line.
    fn values(line: &[String], name: &str) -> Vec<String> {
        line.windows(2)
            .filter(|pair| pair[0] == name)
            .map(|pair| pair[1].clone())
            .collect()
    }

    #[test]
    fn the_devices_that_runner_and_guest_agree_on_are_always_there() {
        let line = line(&[], |_| ());
        assert_eq!(
            values(&line, "-device"),
            ["isa-debug-exit,iobase=0xf4,iosize=0x04"]
        );
        assert_eq!(values(&line, "-nic"), ["none"]);
        assert_eq!(values(&line, "-serial"), ["chardev:serial"]);
        assert_eq!(
            values(&line, "-chardev"),
            [
                "socket,id=serial,fd=7",
                "socket,id=control,fd=9",
                "socket,id=questions,fd=11"
            ]
        );
        for flag in ["-S", "-no-reboot", "-nodefaults"] {
            assert!(line.iter().any(|argument| argument == flag), "{flag}");
        }
        assert_eq!(values(&line, "-action"), ["shutdown=pause"]);
    }

    #[test]
    fn options_reach_qemu() {
        let typed = [
            "--machine",
            "pc",
            "--cpu",
            "qemu64",
            "--accel",
            "kvm",
            "--memory",
            "6G",
        ];
        let line = line(&typed, |_| ());
        assert_eq!(values(&line, "-machine"), ["pc"]);
        assert_eq!(values(&line, "-cpu"), ["qemu64"]);
        assert_eq!(values(&line, "-accel"), ["kvm"]);
        assert_eq!(values(&line, "-m"), ["6G"]);
    }

    #[test]
    fn the_image_is_shared_and_a_comma_in_its_path_is_doubled() {
        let line = line(&[], |parts| parts.image = Path::new("/a,b/k.img"));
        assert_eq!(
            values(&line, "-drive"),
            ["format=raw,snapshot=on,file=/a,,b/k.img"]
        );
    }

    #[test]
    fn uefi_brings_read_only_code_and_private_variables() {
        let pair = Flash {
            code: Some(PathBuf::from("/u/CODE.fd")),
            private: PathBuf::from("/run/flash.fd"),
        };
        let drives = values(
            &line(&["--uefi"], |parts| parts.flash = Some(&pair)),
            "-drive",
        );
        assert_eq!(
            drives[0],
            "if=pflash,unit=0,format=raw,readonly=on,file=/u/CODE.fd"
        );
        assert_eq!(drives[1], "if=pflash,unit=1,format=raw,file=/run/flash.fd");
        let whole = Flash { code: None, ..pair };
        let drives = values(
            &line(&["--uefi"], |parts| parts.flash = Some(&whole)),
            "-drive",
        );
        assert_eq!(drives[0], "if=pflash,unit=0,format=raw,file=/run/flash.fd");
    }

    #[test]
    fn a_disk_is_a_drive_and_a_device_with_its_serial() {
        let disk = |serial, read_only| Disk {
            serial,
            path: PathBuf::from("/a,b/disk.img"),
            read_only,
            failures: None,
        };
        let mut disks = [disk("swap", false), disk("files", true)];
        let with = line(&[], |parts| parts.disks = &disks);
        assert_eq!(
            values(&with, "-drive")[1..],
            [
                "if=none,id=swap,format=raw,cache=unsafe,werror=report,rerror=report,file=/a,,b/disk.img",
                "if=none,id=files,format=raw,cache=unsafe,werror=report,rerror=report,readonly=on,file=/a,,b/disk.img",
            ]
        );
        assert_eq!(
            values(&with, "-device")[1..],
            [
                "virtio-blk-pci,drive=swap,serial=swap,request-merging=off",
                "virtio-blk-pci,drive=files,serial=files,request-merging=off"
            ]
        );
        disks[1].failures = Some(PathBuf::from("/a,b/rules"));
        let with = line(&[], |parts| parts.disks = &disks);
        let end = "readonly=on,file.driver=blkdebug,file.config=/a,,b/rules,\
                   file.image.driver=file,file.image.filename=/a,,b/disk.img";
        assert!(values(&with, "-drive")[2].ends_with(end), "{with:?}");
    }

    #[test]
    fn the_guests_words_go_through_fw_cfg_and_nothing_does_when_there_are_none() {
        let with = line(&[], |parts| parts.cmdline = "filter=a,b exact");
        assert_eq!(
            values(&with, "-fw_cfg"),
            ["name=opt/faultline/cmdline,string=filter=a,,b exact"]
        );
        assert!(values(&line(&[], |_| ()), "-fw_cfg").is_empty());
    }

    #[test]
    fn gdb_opens_the_usual_port_and_only_then() {
        assert!(line(&["--gdb"], |_| ()).contains(&"-s".to_owned()));
        assert!(!line(&[], |_| ()).contains(&"-s".to_owned()));
    }

    #[test]
    fn a_guest_that_is_measured_counts_instructions_and_only_that_one() {
        let measured = line(&["--bench-guest"], |_| ());
        assert_eq!(values(&measured, "-icount"), ["shift=0,sleep=off"]);
        assert_eq!(values(&measured, "-accel"), ["tcg"]);
        assert!(values(&line(&[], |_| ()), "-icount").is_empty());
    }

    #[test]
    fn a_window_is_opened_only_where_one_was_found() {
        assert_eq!(values(&line(&[], |_| ()), "-display"), ["none"]);
        let window = Display::Window("gtk");
        let line = line(&[], |parts| parts.display = &window);
        assert_eq!(values(&line, "-display"), ["gtk"]);
    }

    #[test]
    fn the_users_own_arguments_come_last() {
        let line = line(&["--qemu-arg", "-smp", "--qemu-arg", "2"], |_| ());
        assert_eq!(line[line.len() - 2..], ["-smp", "2"]);
    }
}
