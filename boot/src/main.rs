//! The runner's flow, from the command line to the exit status.

#![warn(clippy::print_stderr, clippy::print_stdout)]

use std::io;
use std::panic;
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use boot::image::Firmware;
use boot::launch::launch;
use boot::measure::measure;
use boot::options::Options;
use boot::scratch::Scratch;
use boot::status::{Early, RUNNER_FAILED};
use boot::watch::Watch;
use boot::{archive, disks, image, machine, manifest, programs, say, suite};
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
            let printed = say::written(answer.print());
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

fn boot(options: Options, watch: &Watch) -> Result<u8> {
    let options = manifest::complete(options)?;
    options.check()?;
    if options.cpu == "help" {
        return watch.during(|| say::print(&machine::processors()?).map(|()| 0));
    }
    let asked = options.clone();
    if let Some(answer) = watch.during(move || suite::answer(&asked))? {
        return watch.during(move || say::print(&answer).map(|()| 0));
    }
    let scratch = watch.during(Scratch::new)?;
    let image = make_image(&options, watch, scratch.path())?;
    if options.image_only {
        return watch.during(move || say::print(&format!("{}\n", image.display())).map(|()| 0));
    }
    if let Some(file) = options.compare.clone() {
        return measure(&options, watch, &scratch, &image, file);
    }
    let ended = launch(&options, watch, &scratch, &image, io::stdout())?;
    if let Some(text) = ended.unmarked() {
        watch.during(move || say::print(&text))?;
    }
    let mut status = ended.outcome.status();
    let missing = options.screenshot.as_ref();
    let missing = missing.filter(|_| !ended.picture_taken);
    let quiet = missing.is_some() || options.is_test() || options.quiet;
    let mut words = ended.words(quiet);
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

fn make_image(options: &Options, watch: &Watch, scratch: &Path) -> Result<PathBuf> {
    let firmware = if options.uefi {
        Firmware::Uefi
    } else {
        Firmware::Bios
    };
    let (options, scratch) = (options.clone(), scratch.to_owned());
    let image = if options.image_only {
        path::absolute(image::path(&options.kernel, firmware))?
    } else {
        scratch.join("disk.img")
    };
    watch.during(move || {
        let mut archive = pack_files(&options, &scratch)?;
        if options.files_disk
            && let Some(archive) = archive.take()
        {
            disks::write_files(&archive, &scratch)?;
        }
        image::write(&options.kernel, archive.as_deref(), firmware, &image)?;
        Ok(image)
    })
}

/// The archive of files for the guest; `None` when there is nothing to pack.
fn pack_files(options: &Options, scratch: &Path) -> Result<Option<Vec<u8>>> {
    let mut entries = match &options.files {
        Some(folder) => archive::files_of(folder)?,
        None => Vec::new(),
    };
    if programs::are_wanted(options)? {
        entries.extend(programs::entries(scratch)?);
    }
    if entries.is_empty() {
        return Ok(None);
    }
    let archive = archive::pack(entries)?;
    if !options.files_disk {
        options.check_archive(archive.len())?;
    }
    Ok(Some(archive))
}
