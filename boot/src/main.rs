//! The runner's flow, from the command line to the exit status.

#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::io::{self, ErrorKind, Read as _, Seek as _, Write};
use std::os::fd::AsRawFd as _;
use std::panic;
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use boot::backtrace::Named;
use boot::baseline::{Baseline, Verdict};
use boot::control::{connection, inherited};
use boot::display::{self, Display};
use boot::environment::Environment;
use boot::figures::{Figures, Picked};
use boot::image::Firmware;
use boot::machine::{Parts, QEMU, arguments};
use boot::options::{Options, format_memory};
use boot::run::{Connections, Ended, Run, run};
use boot::scratch::Scratch;
use boot::script::Script;
use boot::status::{Early, Outcome, RUNNER_FAILED};
use boot::symbols::Symbols;
use boot::watch::Watch;
use boot::{firmware, gdb, guest, image, reset, say};
use clap::Parser as _;

fn main() -> ExitCode {
    // A panic here must not end with the status of a guest that panicked.
    panic::catch_unwind(status).unwrap_or(RUNNER_FAILED).into()
}

fn status() -> u8 {
    let options = match Options::try_parse() {
        Ok(options) => options,
        // clap chooses the stream, and the colours.
        Err(answer) => {
            let printed = written(answer.print());
            return match answer.use_stderr() {
                true => RUNNER_FAILED,
                false => ended_by(printed.map(|()| 0), say::raw),
            };
        }
    };
    match Watch::start(options.timeout_seconds()) {
        Ok(watch) => ended_by(boot(options, &watch), |text| watch.say(text.to_owned())),
        Err(error) => ended_by(Err(error), say::raw),
    }
}

/// The status of what was done, and its error in words.
fn ended_by(result: Result<u8>, say: impl FnOnce(&str)) -> u8 {
    let error = match result {
        Ok(status) => return status,
        Err(error) => error,
    };
    match error.downcast_ref::<Early>() {
        Some(Early(outcome)) => {
            if !outcome.is_unheard() {
                say(&format!("boot: {}\n", outcome.words()));
            }
            outcome.status()
        }
        None => {
            say(&format!(
                "boot: error: {error:#} (status {RUNNER_FAILED})\n"
            ));
            RUNNER_FAILED
        }
    }
}

/// Writes to standard output what is no guest's.
fn print(text: &str) -> Result<()> {
    let mut output = io::stdout();
    written(
        output
            .write_all(text.as_bytes())
            .and_then(|()| output.flush()),
    )
}

fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            Err(Early(Outcome::reader_gone()).into())
        }
        result => result.context("standard output cannot be written"),
    }
}

fn boot(options: Options, watch: &Watch) -> Result<u8> {
    options.check()?;
    let scratch = watch.during(Scratch::new)?;
    let image = make_image(&options, watch, scratch.path())?;
    if options.image_only {
        return watch.during(move || print(&format!("{}\n", image.display())).map(|()| 0));
    }
    if let Some(file) = options.compare.clone() {
        return measure(&options, watch, &scratch, &image, file);
    }
    let ended = start(&options, watch, &scratch, &image, io::stdout())?;
    let mut status = ended.outcome.status();
    let missing = options.screenshot.as_ref();
    let missing = missing.filter(|_| !ended.picture_taken);
    let quiet = missing.is_some() || options.is_test() || options.quiet;
    let mut words = words_at_the_end(&ended, quiet);
    if let Some(picture) = missing {
        if status == 0 {
            status = RUNNER_FAILED;
        }
        words.push_str(&format!(
            "boot: error: there is no picture {}: the machine ended before it was taken (status {status})\n",
            picture.display()
        ));
    }
    if !ended.outcome.is_unheard() {
        watch.say(words);
    }
    Ok(status)
}

/// All that is to be said of a run's end.
fn words_at_the_end(ended: &Ended, quiet: bool) -> String {
    let mut words = String::new();
    if ended.heard.within_line {
        words.push('\n');
    }
    if let Some(text) = &ended.heard.firmware {
        words.push_str(&format!(
            "boot: no kernel started; the firmware said\n{text}\n"
        ));
    } else if !ended.heard.kernel_started && ended.outcome.is_of_machine() {
        words.push_str("boot: no kernel started: the firmware or the boot loader came to no end\n");
    }
    if let Some(registers) = &ended.registers {
        words.push_str(&format!("boot: {}\n", reset::report(registers)));
    }
    if !(quiet && ended.outcome == Outcome::Exit(0)) {
        words.push_str(&format!("boot: {}\n", ended.outcome.words()));
    }
    words
}

fn make_image(options: &Options, watch: &Watch, scratch: &Path) -> Result<PathBuf> {
    let firmware = if options.uefi {
        Firmware::Uefi
    } else {
        Firmware::Bios
    };
    let kernel = options.kernel.clone();
    let image = if options.image_only {
        path::absolute(image::path(&kernel, firmware))?
    } else {
        scratch.join("disk.img")
    };
    watch.during(move || {
        image::write(&kernel, firmware, &image)?;
        Ok(image)
    })
}

/// What a comparison measures: memory management as a whole on the machine that
/// was asked for, and everyday faults on smaller and larger ones (bytes).
const PARTS: [(&str, Option<u64>); 4] = [
    ("memory", None),
    ("faults", Some(64 << 20)),
    ("faults", Some(1 << 30)),
    ("faults", Some(16 << 30)),
];

/// Measures on one machine after the other, and compares with the figures in `file`, or writes them there.
fn measure(
    options: &Options,
    watch: &Watch,
    scratch: &Scratch,
    image: &Path,
    file: PathBuf,
) -> Result<u8> {
    let (measured, path) = (options.clone(), file.clone());
    let (before, environment) =
        watch.during(move || Ok((Baseline::read(&path)?, Environment::of(&measured)?)))?;
    if before.is_none() && !options.update {
        bail!(
            "there is no {} to compare with: `--update` writes it",
            file.display()
        );
    }
    let mut now = Baseline {
        environment,
        instructions: Figures::new(),
    };
    for (part, memory) in PARTS {
        let mut options = options.clone();
        let words = options.cmdline.get_or_insert_default();
        words.push_str(&format!(" bench-part={part}"));
        let mut suffix = String::new();
        if let Some(memory) = memory {
            options.memory = memory;
            suffix = format!(", {} of memory", format_memory(memory));
        }
        watch.say(format!(
            "boot: measuring with {} of memory\n",
            format_memory(options.memory)
        ));
        let (picked, figures) = Picked::new(io::stdout());
        let ended = start(&options, watch, scratch, image, picked)?;
        if ended.outcome != Outcome::Exit(0) {
            if !ended.outcome.is_unheard() {
                watch.say(words_at_the_end(&ended, false));
            }
            return Ok(ended.outcome.status());
        }
        let known = now.instructions.len();
        let figures = figures.iter().map(|(name, count)| (name + &suffix, count));
        now.instructions.extend(figures);
        if now.instructions.len() == known {
            bail!("the guest ended well and printed no figure: is it a kernel that measures?");
        }
    }
    let update = options.update;
    watch.during(move || {
        if let Some(before) = &before {
            let (text, verdict) = before.compare(&now);
            print(&format!("\n{text}\n"))?;
            if verdict == Verdict::Worse && !update {
                return Ok(Outcome::Panic.status());
            }
        }
        if update {
            now.write(&file)?;
            print(&format!("{} is written\n", file.display()))?;
        }
        Ok(0)
    })
}

fn start(
    options: &Options,
    watch: &Watch,
    scratch: &Scratch,
    image: &Path,
    output: impl Write + Send + 'static,
) -> Result<Ended> {
    let cmdline = guest::cmdline(options)?;
    let (asked, folder) = (options.clone(), scratch.path().to_owned());
    let (script, flash, display, mut symbols) = watch.during(move || {
        let script = Script::of(&asked)?;
        let flash = if asked.uefi {
            let ovmf = firmware::find(asked.ovmf.as_deref(), &firmware::FOLDERS.map(Path::new))?;
            Some(firmware::prepare(&ovmf, &folder)?)
        } else {
            None
        };
        let symbols = Symbols::of(&asked.kernel);
        Ok((script, flash, choose_display(&asked), symbols))
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
    let output = Named::new(output, move |address| symbols.at(address));
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
