//! The gdb command for a kernel that waits to be debugged.
//!
//! A kernel is a position-independent file, so gdb has to be told where the
//! boot loader puts it. That follows from what the kernel asks of the loader in
//! its section `.bootloader-config`: a fixed base, or the first free top-level
//! slot (512 GiB each) of its dynamic range. Without either, gdb is given the
//! file alone.

use std::fs;
use std::path::Path;

use bootloader_api::BootloaderConfig;
use bootloader_api::config::Mapping;
use object::{Object as _, ObjectKind, ObjectSection as _, ObjectSegment as _};

use crate::strip::LOADER_CONFIG_SECTION;

/// What one top-level table entry maps (Intel SDM vol. 3A, 4.5).
const SLOT: u64 = 1 << 39;

/// What is said to a person who is to start gdb.
#[must_use]
pub fn words(kernel: &Path) -> String {
    format!(
        "stopped before the first instruction; in another terminal type\n  {}",
        command_line(kernel)
    )
}

/// The line to type. It ends at the kernel's first instruction, where the place of the kernel is known.
///
/// The breakpoint is a hardware one: the kernel's memory is not mapped yet.
#[must_use]
pub fn command_line(kernel: &Path) -> String {
    let offset = fs::read(kernel).ok().and_then(|file| load_offset(&file));
    let name = for_gdb(&kernel.to_string_lossy());
    let (load, rest) = match offset {
        Some(offset) => (
            format!("symbol-file {name} -o {offset:#x}"),
            " -ex 'hbreak _start' -ex continue",
        ),
        None => (format!("file {name}"), ""),
    };
    format!(
        "gdb -ex {} -ex 'target remote :1234'{rest}",
        for_shell(&load)
    )
}

/// A file's name as one word for gdb, which knows quotes and backslashes like a shell.
fn for_gdb(name: &str) -> String {
    let mut word = String::new();
    for character in name.chars() {
        if character.is_whitespace() || matches!(character, '\'' | '"' | '\\') {
            word.push('\\');
        }
        word.push(character);
    }
    word
}

/// Text as one word for a shell.
fn for_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What the boot loader adds to the addresses in the file; `None` when the file does not determine it.
#[must_use]
pub fn load_offset(kernel: &[u8]) -> Option<u64> {
    let file = object::File::parse(kernel).ok()?;
    let config = file.section_by_name(LOADER_CONFIG_SECTION)?.data().ok()?;
    let mappings = BootloaderConfig::deserialize(config).ok()?.mappings;
    if file.kind() == ObjectKind::Executable {
        return Some(0);
    }
    let lowest = file.segments().map(|segment| segment.address()).min()?;
    match (mappings.kernel_base, mappings.dynamic_range_start) {
        (Mapping::FixedAddress(base), _) => Some(base),
        (Mapping::Dynamic, Some(start)) if !mappings.aslr && start.is_multiple_of(SLOT) => {
            Some(start - lowest)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use object::elf::{ET_DYN, ET_EXEC};

    use super::*;
    use crate::fixture::kernel_with;

    fn kernel(change: impl FnOnce(&mut BootloaderConfig), kind: u16) -> Vec<u8> {
        let mut config = BootloaderConfig::new_default();
        change(&mut config);
        kernel_with(LOADER_CONFIG_SECTION, config.serialize().to_vec(), kind)
    }

    #[test]
    fn a_dynamic_range_begins_with_the_kernel() {
        let upper_half = |config: &mut BootloaderConfig| {
            config.mappings.dynamic_range_start = Some(0xffff_8000_0000_0000);
        };
        // The fixture's first segment lies at 0x1000, and the loader moves it to the range's start.
        assert_eq!(
            load_offset(&kernel(upper_half, ET_DYN)),
            Some(0xffff_7fff_ffff_f000)
        );
    }

    #[test]
    fn a_fixed_base_is_the_offset_and_a_fixed_file_has_none() {
        let fixed = |config: &mut BootloaderConfig| {
            config.mappings.kernel_base = Mapping::FixedAddress(0x10_0000_0000);
        };
        assert_eq!(load_offset(&kernel(fixed, ET_DYN)), Some(0x10_0000_0000));
        assert_eq!(load_offset(&kernel(|_| (), ET_EXEC)), Some(0));
    }

    #[test]
    fn a_place_that_the_file_does_not_determine_is_not_guessed() {
        let random = |config: &mut BootloaderConfig| {
            config.mappings.aslr = true;
            config.mappings.dynamic_range_start = Some(0xffff_8000_0000_0000);
        };
        assert_eq!(load_offset(&kernel(random, ET_DYN)), None);
        assert_eq!(load_offset(&kernel(|_| (), ET_DYN)), None);
        assert_eq!(load_offset(b"no ELF file"), None);
    }

    #[test]
    fn the_line_names_the_kernel_its_place_and_the_usual_port() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faultline");
        let fixed = |config: &mut BootloaderConfig| {
            config.mappings.kernel_base = Mapping::FixedAddress(0x10_0000_0000);
        };
        fs::write(&path, kernel(fixed, ET_DYN)).unwrap();
        let symbols = format!("-ex 'symbol-file {} -o 0x1000000000'", path.display());
        let line = command_line(&path);
        assert!(
            line.contains(&symbols) && line.contains("-ex 'target remote :1234'"),
            "{line}"
        );
        let odd = folder.path().join("it's a kernel");
        fs::copy(&path, &odd).unwrap();
        let word = format!("{}/it\\'\\''s\\ a\\ kernel", folder.path().display());
        let line = command_line(&odd);
        assert!(line.contains(&format!("'symbol-file {word} -o ")), "{line}");
        fs::write(&path, "no ELF file").unwrap();
        let line = command_line(&path);
        assert!(
            line.contains(&format!("-ex 'file {}'", path.display())) && !line.contains("-o"),
            "{line}"
        );
    }
}
