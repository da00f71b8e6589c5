//! The kernel's own image: which of its pages are code, constants and data, and
//! in which frames they lie.
//!
//! The boot loader keeps the ELF file in memory and maps most segments right
//! into it. Rights come from the program headers; frames from the loader's
//! tables, while they are still loaded. The guard pages of the exception
//! stacks lie within the image and are no part of any run.

use core::ops::Range;

use arrayvec::ArrayVec;
use memory::space::Rights;
use object::LittleEndian;
use object::elf::{FileHeader64, PF_W, PF_X, PT_GNU_RELRO, PT_LOAD, ProgramHeader64};
use object::read::elf::{FileHeader, ProgramHeader};
use spin::Once;
use x86_64::structures::paging::{OffsetPageTable, Translate};
use x86_64::{PhysAddr, VirtAddr};

use crate::boot::BootInfo;
use crate::stack::exception_stacks;

static TEXT: Once<Range<VirtAddr>> = Once::new();

/// Where the image's code lies, once [`runs`] has found it.
#[must_use]
pub fn text() -> Option<Range<VirtAddr>> {
    TEXT.get().cloned()
}

/// The most runs that an image may be scattered over.
pub const MOST_RUNS: usize = 64;

/// Neighbouring pages of the image that lie in neighbouring frames and have
/// the same rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first address; page-aligned.
    pub start: VirtAddr,
    /// The first frame.
    pub frame: PhysAddr,
    /// Bytes; a multiple of 4 KiB.
    pub size: u64,
    /// What the section may do.
    pub rights: Rights,
}

/// Why the image could not be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageError {
    /// The file that the loader left is not an ELF file of this machine.
    NotElf,
    /// The loader did not map this page of a segment.
    NotMapped(VirtAddr),
    /// The image is scattered over more than [`MOST_RUNS`] runs.
    TooManyRuns,
}

/// The image's pages, by section and frame.
///
/// # Errors
///
/// See [`ImageError`].
///
/// # Safety
///
/// - `loader` describes the loaded tables, which show all physical memory where
///   `boot` says.
/// - The ELF file that `boot` names is still in memory.
pub unsafe fn runs(
    boot: &BootInfo,
    loader: &OffsetPageTable<'_>,
) -> Result<ArrayVec<Run, MOST_RUNS>, ImageError> {
    // SAFETY: as the caller vouches.
    let segments = unsafe { segments(boot) }?;
    let constant_after_loading = segments
        .iter()
        .find(|segment| segment.p_type(LittleEndian) == PT_GNU_RELRO)
        .map(|segment| segment.p_vaddr(LittleEndian));

    let guards = exception_stacks().map(|stack| stack.guard().start);
    let mut runs = ArrayVec::new();
    let mut text = None;
    for segment in segments {
        if segment.p_type(LittleEndian) != PT_LOAD {
            continue;
        }
        let flags = segment.p_flags(LittleEndian);
        let address = segment.p_vaddr(LittleEndian);
        let rights = if flags & PF_X != 0 {
            Rights::ReadExecute
        } else if flags & PF_W != 0 && constant_after_loading != Some(address) {
            Rights::ReadWrite
        } else {
            Rights::Read
        };
        let start = (boot.image_start + address).align_down(4096_u64);
        let end = (boot.image_start + address + segment.p_memsz(LittleEndian)).align_up(4096_u64);
        if rights == Rights::ReadExecute {
            let code = boot.image_start + address;
            text.get_or_insert(code..code + segment.p_memsz(LittleEndian));
        }
        for page in (0..end - start).step_by(4096).map(|offset| start + offset) {
            if guards.contains(&page) {
                continue;
            }
            let frame = loader
                .translate_addr(page)
                .ok_or(ImageError::NotMapped(page))?;
            push(&mut runs, page, frame, rights)?;
        }
    }
    if let Some(text) = text {
        TEXT.call_once(|| text);
    }
    Ok(runs)
}

/// The segments of the kernel's ELF file. No more of the file is read than its
/// headers: the data of the running kernel lies in the rest.
///
/// # Safety
///
/// As for [`runs`].
unsafe fn segments(boot: &BootInfo) -> Result<&[ProgramHeader64<LittleEndian>], ImageError> {
    let file = boot.physical_memory_offset + boot.image_file.start.as_u64();
    let length = boot.image_file.end - boot.image_file.start;
    let start = |bytes: u64| {
        if bytes > length {
            return Err(ImageError::NotElf);
        }
        // SAFETY: the caller vouches that the file is there, and that all
        // physical memory is mapped. The headers are the file's first bytes;
        // the linker puts them into a segment that is read-only, and the loader
        // copies a page before it changes it.
        Ok(unsafe { core::slice::from_raw_parts(file.as_ptr::<u8>(), bytes as usize) })
    };
    let first = start(size_of::<FileHeader64<LittleEndian>>() as u64)?;
    let header = FileHeader64::<LittleEndian>::parse(first).map_err(|_| ImageError::NotElf)?;
    let count = u64::from(header.e_phnum(LittleEndian));
    let table = count * size_of::<ProgramHeader64<LittleEndian>>() as u64;
    let end = header.e_phoff(LittleEndian).checked_add(table);
    let headers = start(end.ok_or(ImageError::NotElf)?)?;
    header
        .program_headers(LittleEndian, headers)
        .map_err(|_| ImageError::NotElf)
}

/// Adds a page to the last run, if it continues it, or as a run of its own.
fn push(
    runs: &mut ArrayVec<Run, MOST_RUNS>,
    start: VirtAddr,
    frame: PhysAddr,
    rights: Rights,
) -> Result<(), ImageError> {
    match runs.last_mut() {
        Some(last)
            if last.start + last.size == start
                && last.frame + last.size == frame
                && last.rights == rights =>
        {
            last.size += 4096;
            Ok(())
        }
        _ => runs
            .try_push(Run {
                start,
                frame,
                size: 4096,
                rights,
            })
            .map_err(|_| ImageError::TooManyRuns),
    }
}

/// What a section is called in reports.
#[must_use]
pub fn label(rights: Rights) -> &'static str {
    match rights {
        Rights::ReadExecute => "kernel text",
        // No section is without any access.
        Rights::Read | Rights::NoAccess => "kernel constants",
        Rights::ReadWrite => "kernel data",
    }
}
