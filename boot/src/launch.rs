//! From options and an image to a finished run: finds what QEMU needs besides, starts it, and judges its end.

use std::io::{Read as _, Seek as _, Write};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::backtrace::Named;
use crate::control::{connection, inherited};
use crate::display::{self, Display};
use crate::ended::Ended;
use crate::machine::{Parts, QEMU, arguments};
use crate::options::Options;
use crate::programs::ProgramSymbols;
use crate::run::{Connections, Run, run};
use crate::scratch::Scratch;
use crate::script::Script;
use crate::status::Outcome;
use crate::symbols::Symbols;
use crate::watch::Watch;
use crate::{disks, firmware, gdb, guest, reset, say};

/// Runs the machine that `options` describe; the guest's bytes go to `output`.
///
/// # Errors
/// One line: what is missing or cannot be written, or why there was no run.
pub fn launch(
    options: &Options,
    watch: &Watch,
    scratch: &Scratch,
    image: &Path,
    output: impl Write + Send + 'static,
) -> Result<Ended> {
    let cmdline = guest::cmdline(options)?;
    let (asked, folder) = (options.clone(), scratch.path().to_owned());
    let (script, flash, disks, display, mut symbols) = watch.during(move || {
        let script = Script::of(&asked)?;
        let flash = if asked.uefi {
            let ovmf = firmware::find(asked.ovmf.as_deref(), &firmware::FOLDERS.map(Path::new))?;
            Some(firmware::prepare(&ovmf, &folder)?)
        } else {
            None
        };
        let disks = disks::of(&asked, &folder)?;
        let symbols = Symbols::of(&asked.kernel);
        Ok((script, flash, disks, choose_display(&asked), symbols))
    })?;
    let mut log = tempfile::tempfile_in(scratch.path())
        .context("QEMU's log cannot be written among the temporary files")?;
    let log_of_qemu = inherited(log.try_clone()?)?;
    let (serial, serial_of_qemu) = connection()?;
    let (control, control_of_qemu) = connection()?;
    let (questions, questions_of_qemu) = connection()?;
    let arguments = arguments(
        options,
        &Parts {
            image,
            flash: flash.as_ref(),
            disks: &disks,
            cmdline: &cmdline,
            display: &display,
            serial: serial_of_qemu.as_raw_fd(),
            control: control_of_qemu.as_raw_fd(),
            questions: questions_of_qemu.as_raw_fd(),
            reset_log: log_of_qemu.as_raw_fd(),
        },
    );
    let plan = Run {
        program: QEMU,
        arguments,
        connections: Connections {
            serial,
            control,
            questions,
            of_qemu: (
                [serial_of_qemu, control_of_qemu, questions_of_qemu],
                log_of_qemu,
            ),
        },
        uefi: options.uefi,
        gdb: options.gdb.then(|| gdb::words(&options.kernel)),
        notice: !options.quiet && !options.gdb,
        script,
        scratch: scratch.path().to_owned(),
    };
    let mut programs = ProgramSymbols::of(options);
    let output = Named::new(output, move |program, address| match program {
        Some(name) => programs.at(name, address),
        None => symbols.at(address),
    });
    let mut ended = run(plan, watch, output)?;
    if ended.outcome == Outcome::Reset {
        let mut text = Vec::new();
        log.rewind()
            .and_then(|()| log.read_to_end(&mut text))
            .context("QEMU's log cannot be read")?;
        if reset::is_logged(&String::from_utf8_lossy(&text)) {
            ended.outcome = Outcome::TripleFault;
        }
    }
    Ok(ended)
}

/// A window for the kernel itself, where one can be opened; test kernels never have one.
fn choose_display(options: &Options) -> Display {
    if options.is_headless() || !display::session_has_screen() {
        return Display::None;
    }
    display::window_of(QEMU).unwrap_or_else(|| {
        say::line(format_args!(
            "this {QEMU} can open no window (Debian has them in qemu-system-gui); going on without"
        ));
        Display::None
    })
}
