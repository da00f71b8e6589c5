//! The runner's flow, from the command line to the exit status.

use std::io::{self, Write};
use std::num::NonZero;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{env, fs, path};

use anyhow::{Context, Result, bail};
use boot::backtrace::Named;
use boot::baseline::{Baseline, Verdict};
use boot::control::connection;
use boot::display::{self, Display};
use boot::environment::Environment;
use boot::figures::{Figures, Picked};
use boot::image::Firmware;
use boot::machine::{Parts, QEMU, arguments};
use boot::options::{Options, format_memory};
use boot::run::{Connections, Ended, Run, run};
use boot::script::Script;
use boot::status::{Outcome, RUNNER_FAILED};
use boot::symbols::Symbols;
use boot::typed::Played;
use boot::{firmware, gdb, guest, image, reset};
use clap::Parser as _;

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(answer) => {
            // clap's own printing chooses the stream; a failure to print leaves nobody to tell.
            answer.print().ok();
            return if answer.use_stderr() {
                RUNNER_FAILED.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match boot(&options) {
        Ok(status) => status.into(),
        Err(error) => {
            say_error(&format!("{error:#}"), RUNNER_FAILED);
            RUNNER_FAILED.into()
        }
    }
}

fn say_error(words: &str, status: u8) {
    eprintln!("boot: error: {words} (status {status})");
}

fn boot(options: &Options) -> Result<u8> {
    options.check()?;
    let cmdline = guest::cmdline(options)?;
    let script = Script::of(options)?;
    let image = up_to_date_image(options)?;
    if options.image_only {
        println!("{}", path::absolute(&image)?.display());
        return Ok(0);
    }
    if let Some(file) = &options.compare {
        return measure(options, &image, file);
    }
    let ended = start(options, &image, &cmdline, script, io::stdout())?;
    let outcome = ended.outcome;
    for words in ended.played.iter().flat_map(Played::words) {
        eprintln!("boot: {words}");
    }
    let picture = options.screenshot.as_ref();
    let missing = picture.filter(|_| !ended.picture_taken);
    let plain_success = outcome == Outcome::Exit(0);
    let silent = missing.is_some() || options.is_test() || options.quiet;
    if !(plain_success && silent) {
        eprintln!("boot: {}", outcome.words());
    }
    if let Some(picture) = missing {
        let status = NonZero::new(outcome.status()).map_or(RUNNER_FAILED, NonZero::get);
        let picture = picture.display();
        let words = format!("there is no picture {picture}: the machine ended before it was taken");
        say_error(&words, status);
        return Ok(status);
    }
    Ok(outcome.status())
}

fn up_to_date_image(options: &Options) -> Result<PathBuf> {
    let (firmware, name) = if options.uefi {
        (Firmware::Uefi, "UEFI")
    } else {
        (Firmware::Bios, "BIOS")
    };
    let image = image::path(&options.kernel, firmware);
    let boot = env::current_exe().context("boot cannot find its own file")?;
    if image::is_stale(&image, &[&options.kernel, &boot]) {
        let started = Instant::now();
        if !options.quiet {
            eprint!(
                "boot: making the {name} disk image of {} ... ",
                options.kernel_name()
            );
        }
        image::write(&options.kernel, firmware, &image)?;
        if !options.quiet {
            eprintln!("{:.1} s", started.elapsed().as_secs_f32());
        }
    }
    Ok(image)
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
fn measure(options: &Options, image: &Path, file: &Path) -> Result<u8> {
    let before = Baseline::read(file)?;
    if before.is_none() && !options.update {
        bail!(
            "there is no {} to compare with: `--update` writes it",
            file.display()
        );
    }
    let mut now = Baseline {
        environment: Environment::of(options)?,
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
        eprintln!(
            "boot: measuring with {} of memory",
            format_memory(options.memory)
        );
        let (picked, figures) = Picked::new(io::stdout());
        let cmdline = guest::cmdline(&options)?;
        let ended = start(&options, image, &cmdline, Script::of(&options)?, picked)?;
        if ended.outcome != Outcome::Exit(0) {
            eprintln!("boot: {}", ended.outcome.words());
            return Ok(ended.outcome.status());
        }
        let known = now.instructions.len();
        let figures = figures.iter().map(|(name, count)| (name + &suffix, count));
        now.instructions.extend(figures);
        if now.instructions.len() == known {
            bail!("the guest ended well and printed no figure: is it a kernel that measures?");
        }
    }
    if let Some(before) = &before {
        let (text, verdict) = before.compare(&now);
        println!("\n{text}");
        if verdict == Verdict::Worse && !options.update {
            return Ok(Outcome::Panic.status());
        }
    }
    if options.update {
        now.write(file)?;
        println!("{} is written", file.display());
    }
    Ok(0)
}

fn start(
    options: &Options,
    image: &Path,
    cmdline: &str,
    script: Option<Script>,
    output: impl Write + Send + 'static,
) -> Result<Ended> {
    let private = tempfile::tempdir().context("there is no room for temporary files")?;
    let flash = if options.uefi {
        let ovmf = firmware::find(options.ovmf.as_deref(), &firmware::FOLDERS.map(Path::new))?;
        Some(firmware::prepare(&ovmf, private.path())?)
    } else {
        None
    };
    let reset_log = private.path().join("reset.log");
    let (serial, serial_of_qemu) = connection()?;
    let (control, control_of_qemu) = connection()?;
    let (questions, questions_of_qemu) = connection()?;
    let arguments = arguments(
        options,
        &Parts {
            image,
            flash: flash.as_ref(),
            cmdline,
            display: &choose_display(options),
            serial: serial_of_qemu.as_raw_fd(),
            control: control_of_qemu.as_raw_fd(),
            questions: questions_of_qemu.as_raw_fd(),
            reset_log: &reset_log,
        },
    );
    let plan = Run {
        program: QEMU,
        arguments,
        connections: Connections {
            serial,
            control,
            questions,
            of_qemu: [serial_of_qemu, control_of_qemu, questions_of_qemu],
        },
        timeout: options.timeout_seconds(),
        firmware_talks: options.uefi,
        notice: !options.quiet && !options.gdb,
        script,
        scratch: private.path().to_owned(),
    };
    let may_run = || {
        if options.gdb {
            eprintln!("boot: stopped before the first instruction; in another terminal type");
            eprintln!("  {}", gdb::command_line(&options.kernel));
        }
        !options.gdb
    };
    let mut symbols = Symbols::of(&options.kernel);
    let output = Named::new(output, move |address| symbols.at(address));
    let mut ended = run(plan, may_run, output)?;
    if let Some(registers) = &ended.registers {
        eprintln!("boot: {}", reset::report(registers));
    }
    let log = fs::read(&reset_log).unwrap_or_default();
    if ended.outcome == Outcome::Reset && reset::is_logged(&String::from_utf8_lossy(&log)) {
        ended.outcome = Outcome::TripleFault;
    }
    Ok(ended)
}

/// A window for the kernel itself, where one can be opened; test kernels never have one.
fn choose_display(options: &Options) -> Display {
    if options.is_headless() || !display::session_has_screen() {
        return Display::None;
    }
    display::window_of(QEMU).unwrap_or_else(|| {
        eprintln!("boot: this {QEMU} can open no window (Debian has them in qemu-system-gui); going on without");
        Display::None
    })
}
