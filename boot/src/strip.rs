//! The copies of the kernel and of programs that go into the disk image: without symbols and debug
//! information.
//!
//! The boot loader reads its disk through the firmware, slowly, and a debug
//! kernel is mostly debug information. What the loader uses stays byte for
//! byte: every segment at its old file offset, and the section
//! `.bootloader-config`, which it looks up by name. The kernel's own file keeps
//! its symbols, for backtraces and gdb.

use anyhow::{Context, Result, bail};
use object::build::elf::{Builder, SectionData};

/// The section in which the kernel tells the boot loader what it wants mapped.
pub const LOADER_CONFIG_SECTION: &str = ".bootloader-config";

/// A copy of a kernel without the sections that are not loaded into memory.
///
/// # Errors
/// The bytes are no ELF file for x86_64, or no kernel for the boot loader (no [`LOADER_CONFIG_SECTION`]).
pub fn strip(kernel: &[u8]) -> Result<Vec<u8>> {
    let elf = read(kernel)?;
    if !elf
        .sections
        .iter()
        .any(|section| section.name.as_slice() == LOADER_CONFIG_SECTION.as_bytes())
    {
        bail!(
            "it has no section {LOADER_CONFIG_SECTION}, so the boot loader cannot start it: \
             a kernel names its entry with bootloader_api's `entry_point!`"
        );
    }
    without_unloaded(elf)
}

/// The same of a program.
///
/// # Errors
/// The bytes are no ELF file for x86_64.
pub fn strip_program(program: &[u8]) -> Result<Vec<u8>> {
    without_unloaded(read(program)?)
}

fn read(file: &[u8]) -> Result<Builder<'_>> {
    let elf = Builder::read(file).context("it is no ELF file that can be read")?;
    if elf.header.e_machine != object::elf::EM_X86_64 {
        bail!("it is an ELF file for another processor than x86_64");
    }
    Ok(elf)
}

fn without_unloaded(mut elf: Builder<'_>) -> Result<Vec<u8>> {
    for symbol in elf.symbols.iter_mut() {
        symbol.delete = true;
    }
    for section in elf.sections.iter_mut() {
        let names_of_sections = matches!(section.data, SectionData::SectionString);
        section.delete = !section.is_alloc() && !names_of_sections;
    }
    let mut stripped = Vec::new();
    elf.write(&mut stripped)
        .context("it cannot be written without its debug information")?;
    Ok(stripped)
}

#[cfg(test)]
mod tests {
    use object::elf::ET_DYN;
    use object::read::elf::{ElfFile64, FileHeader as _, ProgramHeader as _};
    use object::{Endianness, Object as _, ObjectSection as _, elf::FileHeader64};

    use super::*;
    use crate::fixture::kernel_with;

    /// Of every segment: address, file offset, and bytes.
    fn segments(file: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
        let header = FileHeader64::<Endianness>::parse(file).unwrap();
        let endian = Endianness::Little;
        let segments = header.program_headers(endian, file).unwrap();
        let described = |segment: &object::elf::ProgramHeader64<Endianness>| {
            let data = segment.data(endian, file).unwrap().to_vec();
            (segment.p_vaddr(endian), segment.p_offset(endian), data)
        };
        segments.iter().map(described).collect()
    }

    #[test]
    fn segments_and_the_loaders_configuration_stay_byte_for_byte() {
        let kernel = kernel_with(LOADER_CONFIG_SECTION, vec![0xC5; 124], ET_DYN);
        let stripped = strip(&kernel).unwrap();
        assert_eq!(segments(&kernel).len(), 2);
        assert_eq!(segments(&kernel), segments(&stripped));
        let stripped = ElfFile64::<Endianness>::parse(&*stripped).unwrap();
        let config = stripped.section_by_name(LOADER_CONFIG_SECTION).unwrap();
        assert_eq!(config.data().unwrap(), [0xC5; 124]);
        assert_eq!(stripped.entry(), 0x1000);
    }

    #[test]
    fn symbols_and_debug_information_go() {
        let kernel = kernel_with(LOADER_CONFIG_SECTION, vec![0xC5; 124], ET_DYN);
        let original = ElfFile64::<Endianness>::parse(&*kernel).unwrap();
        assert_eq!(original.symbols().count(), 1);
        assert!(kernel.len() > 100_000);
        let bytes = strip(&kernel).unwrap();
        let stripped = ElfFile64::<Endianness>::parse(&*bytes).unwrap();
        assert_eq!(stripped.symbols().count(), 0);
        assert!(stripped.section_by_name(".debug_info").is_none());
        assert!(bytes.len() < 20_000, "{} bytes", bytes.len());
    }

    #[test]
    fn stripping_twice_changes_nothing_more() {
        let once = strip(&kernel_with(LOADER_CONFIG_SECTION, vec![0xC5; 124], ET_DYN)).unwrap();
        assert_eq!(strip(&once).unwrap(), once);
    }

    #[test]
    fn a_program_that_is_no_kernel_is_refused_with_what_it_lacks() {
        let error = strip(&kernel_with(".rodata", vec![0; 124], ET_DYN))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(".bootloader-config") && error.contains("entry_point!"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_no_elf_is_refused() {
        let error = strip(b"#!/bin/sh\n").unwrap_err().to_string();
        assert!(error.contains("no ELF file"), "{error}");
    }
}
