//! The disk image: the boot loader, its configuration, the stripped kernel, and the archive of files.
//!
//! Every run makes its own, which takes less than a tenth of a second: nothing
//! that was made before can be taken for the image of this kernel. Where it is
//! kept (`--image-only`) it is written under another name and then renamed, so a
//! reader never sees half of one, and two `boot`s may make the same image.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

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

/// Where the image of a kernel is kept: beside it.
#[must_use]
pub fn path(kernel: &Path, firmware: Firmware) -> PathBuf {
    let mut name = kernel.as_os_str().to_owned();
    name.push(match firmware {
        Firmware::Bios => ".bios.img",
        Firmware::Uefi => ".uefi.img",
    });
    name.into()
}

/// Writes the image of a kernel, with an archive of files if there is one.
///
/// # Errors
/// The kernel cannot be read or is none, or the image cannot be written.
pub fn write(
    kernel: &Path,
    archive: Option<&[u8]>,
    firmware: Firmware,
    image: &Path,
) -> Result<()> {
    let failed = || format!("no disk image can be made of {}", kernel.display());
    let bytes = fs::read(kernel).with_context(failed)?;
    let stripped = strip(&bytes).with_context(failed)?;

    // The builder takes files, and derives the volume's label from the kernel's name.
    let folder = tempfile::tempdir().context("there is no room for temporary files")?;
    let kernel_file = folder.path().join("kernel");
    fs::write(&kernel_file, stripped)
        .context("the temporary copy of the kernel cannot be written")?;
    let mut builder = DiskImageBuilder::new(kernel_file);
    if let Some(archive) = archive {
        let archive_file = folder.path().join("archive");
        fs::write(&archive_file, archive)
            .context("the temporary archive of files cannot be written")?;
        builder.set_ramdisk(archive_file);
    }

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
    use super::*;

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
    fn what_is_no_kernel_gives_one_line_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        fs::write(&text, "not a kernel").unwrap();
        let error = write(&text, None, Firmware::Bios, &path(&text, Firmware::Bios)).unwrap_err();
        let words = format!("{error:#}");
        assert!(
            words.contains("text") && words.contains("no ELF file"),
            "{words}"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
