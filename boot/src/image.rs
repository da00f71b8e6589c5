//! The disk image: the boot loader, its configuration, and the stripped kernel.
//!
//! It lies next to the kernel, as `<kernel>.bios.img` or `<kernel>.uefi.img`,
//! and is used again while neither the kernel nor `boot` (which holds the boot
//! loader) is newer. It is written under another name and then renamed, so a
//! reader never sees half of one, and two `boot`s may make the same image.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow};
use bootloader::{BootConfig, DiskImageBuilder};

use crate::strip::strip;

/// The firmware an image is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// A partition table of the MBR kind and a boot sector
    Bios,
    /// A GUID partition table with an EFI system partition
    Uefi,
}

/// Where the image of a kernel lies.
#[must_use]
pub fn path(kernel: &Path, firmware: Firmware) -> PathBuf {
    let mut name = kernel.as_os_str().to_owned();
    name.push(match firmware {
        Firmware::Bios => ".bios.img",
        Firmware::Uefi => ".uefi.img",
    });
    name.into()
}

/// Whether the image has to be made: it is missing, or older than one of its sources.
#[must_use]
pub fn is_stale(image: &Path, sources: &[&Path]) -> bool {
    let modified = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let Some(made) = modified(image) else {
        return true;
    };
    sources
        .iter()
        .any(|source| modified(source).is_none_or(|changed| changed >= made))
}

/// Writes the image of a kernel.
///
/// # Errors
/// The kernel cannot be read or is none, or the image cannot be written.
pub fn write(kernel: &Path, firmware: Firmware, image: &Path) -> Result<()> {
    let failed = || format!("no disk image can be made of {}", kernel.display());
    let bytes = fs::read(kernel).with_context(failed)?;
    let stripped = strip(&bytes).with_context(failed)?;

    // The builder takes the kernel as a file and derives the volume's label from its name.
    let folder = tempfile::tempdir().context("there is no room for temporary files")?;
    let kernel_file = folder.path().join("kernel");
    fs::File::create(&kernel_file)
        .and_then(|mut file| file.write_all(&stripped))
        .context("the temporary copy of the kernel cannot be written")?;

    // Standard output is the guest's: the loader is told to say nothing.
    let mut config = BootConfig::default();
    config.serial_logging = false;
    config.frame_buffer_logging = false;

    let beside = image.parent().unwrap_or(Path::new("."));
    let unfinished = tempfile::Builder::new()
        .prefix(".image-")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(if beside.as_os_str().is_empty() {
            Path::new(".")
        } else {
            beside
        })
        .with_context(|| format!("the disk image {} cannot be written", image.display()))?;
    let mut builder = DiskImageBuilder::new(kernel_file);
    builder.set_boot_config(&config);
    match firmware {
        Firmware::Bios => builder.create_bios_image(unfinished.path()),
        Firmware::Uefi => builder.create_uefi_image(unfinished.path()),
    }
    .with_context(failed)?;
    unfinished.persist(image).map_err(|error| {
        anyhow!(
            "the disk image {} cannot be written: {}",
            image.display(),
            error.error
        )
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn file_of_age(folder: &Path, name: &str, seconds: u64) -> PathBuf {
        let path = folder.join(name);
        let file = fs::File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
            .unwrap();
        path
    }

    #[test]
    fn the_image_lies_beside_the_kernel_one_for_each_firmware() {
        let kernel = Path::new("/t/debug/deps/frames-12ab");
        assert_eq!(
            path(kernel, Firmware::Bios),
            Path::new("/t/debug/deps/frames-12ab.bios.img")
        );
        assert_eq!(
            path(kernel, Firmware::Uefi),
            Path::new("/t/debug/deps/frames-12ab.uefi.img")
        );
    }

    #[test]
    fn an_image_is_used_again_until_a_source_is_newer() {
        let folder = tempfile::tempdir().unwrap();
        let old = file_of_age(folder.path(), "old", 30);
        let image = file_of_age(folder.path(), "image", 20);
        let new = file_of_age(folder.path(), "new", 10);
        assert!(!is_stale(&image, &[&old]));
        assert!(is_stale(&image, &[&old, &new]));
        assert!(
            is_stale(&image, &[&image]),
            "the same instant may have been before the change"
        );
        assert!(is_stale(&folder.path().join("missing"), &[&old]));
    }

    #[test]
    fn what_is_no_kernel_gives_one_line_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        fs::write(&text, "not a kernel").unwrap();
        let error = write(&text, Firmware::Bios, &path(&text, Firmware::Bios)).unwrap_err();
        let words = format!("{error:#}");
        assert!(
            words.contains("text") && words.contains("no ELF file"),
            "{words}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
