//! What the boot loader is asked for, and what it hands over.
//!
//! Every kernel of this project asks for the same machine: everything in the
//! kernel half, where [`layout`] says. What the loader hands over lies in its own
//! memory, which the kernel takes for itself later; what is needed then is
//! copied first.

use crate::layout;
use crate::stack::{self, Stack};
use bootloader_api::config::Mapping;
use bootloader_api::info::{FrameBuffer, MemoryRegion};
use core::ops::Range;
use spin::Once;
use x86_64::registers::control::Cr3;
use x86_64::structures::paging::{OffsetPageTable, Translate as _};
use x86_64::{PhysAddr, VirtAddr};

#[doc(hidden)]
pub use bootloader_api;

/// What every kernel asks of the boot loader.
pub const CONFIG: bootloader_api::BootloaderConfig = {
    let mut config = bootloader_api::BootloaderConfig::new_default();
    config.mappings.kernel_base = Mapping::FixedAddress(layout::IMAGE.as_u64());
    config.mappings.physical_memory = Some(Mapping::FixedAddress(layout::DIRECT_MAP.as_u64()));
    config.mappings.framebuffer = Mapping::FixedAddress(layout::FRAMEBUFFER.as_u64());
    config.mappings.dynamic_range_start = Some(layout::KERNEL_HALF.as_u64());
    config.kernel_stack_size = layout::STACK_SIZE;
    config
};

/// What the boot loader hands over, in this project's words.
#[derive(Debug)]
pub struct BootInfo {
    /// Physical memory as the loader describes it: unsorted, any kind, any alignment.
    pub memory_regions: &'static [MemoryRegion],
    /// Where physical address 0 is mapped; address `p` is at this plus `p`.
    pub physical_memory_offset: VirtAddr,
    /// The stack that the kernel starts on, without its guard page.
    pub stack: Stack,
    /// The physical addresses of the kernel's ELF file.
    pub image_file: Range<PhysAddr>,
    /// The physical addresses of the archive of files, if there is one; the first is a frame's.
    pub archive: Option<Range<PhysAddr>>,
    /// Where the kernel's image begins, as loaded.
    pub image_start: VirtAddr,
    /// Where firmware keeps the root of its ACPI tables, if it said so.
    pub rsdp: Option<PhysAddr>,
    /// Where the framebuffer is mapped.
    pub screen: Option<Range<VirtAddr>>,
    /// The screen, until the console takes it.
    pub framebuffer: Option<FrameBuffer>,
}

impl BootInfo {
    /// Takes over what the loader left, and makes the boot stack known to [`stack`].
    ///
    /// # Panics
    ///
    /// If the loader did not map physical memory, which [`CONFIG`] asks for.
    ///
    /// # Safety
    ///
    /// `loader` is what the boot loader passed to the kernel's entry point, and
    /// its tables and its stack are in use.
    #[must_use]
    pub unsafe fn take(loader: &'static mut bootloader_api::BootInfo) -> Self {
        let offset = loader
            .physical_memory_offset
            .into_option()
            .expect("the boot loader should have mapped physical memory: boot::CONFIG asks for it");
        let bottom = VirtAddr::new(loader.kernel_stack_bottom);
        let stack = Stack::new("the boot stack", bottom, bottom + loader.kernel_stack_len);
        // SAFETY: the loader mapped its stack, and the caller vouches that this is its word.
        unsafe { stack::set_current(stack) };
        let file = PhysAddr::new(loader.kernel_addr);
        let offset = VirtAddr::new(offset);
        // SAFETY: the caller vouches for the tables, and the loader for the offset.
        let tables = unsafe { loaders_tables(offset) };
        // The loader says where it mapped its ramdisk: neighbouring frames.
        let ramdisk = loader.ramdisk_addr.into_option().map(VirtAddr::new);
        let archive = ramdisk.and_then(|start| tables.translate_addr(start));
        let mut framebuffer = loader.framebuffer.take();
        let screen = framebuffer.as_mut().map(|framebuffer| {
            let pixels = framebuffer.buffer_mut().as_ptr_range();
            VirtAddr::from_ptr(pixels.start)..VirtAddr::from_ptr(pixels.end)
        });
        Self {
            physical_memory_offset: offset,
            stack,
            image_start: VirtAddr::new(loader.kernel_image_offset),
            rsdp: loader.rsdp_addr.into_option().map(PhysAddr::new),
            image_file: file..file + loader.kernel_len,
            archive: archive.map(|start| start..start + loader.ramdisk_len),
            screen,
            framebuffer,
            memory_regions: &loader.memory_regions,
        }
    }

    /// The physical addresses of all frames that the archive of files lies in.
    #[must_use]
    pub fn archive_frames(&self) -> Option<Range<u64>> {
        let archive = self.archive.as_ref()?;
        Some(archive.start.as_u64()..archive.end.align_up(4096_u64).as_u64())
    }
}

/// The tables that are loaded.
///
/// # Safety
///
/// They are the boot loader's, which show all physical memory at `offset`, and
/// are only read through what is returned.
pub(crate) unsafe fn loaders_tables(offset: VirtAddr) -> OffsetPageTable<'static> {
    let (root, _) = Cr3::read();
    let table = offset + root.start_address().as_u64();
    // SAFETY: as the caller vouches; the loaded root is a page table.
    unsafe { OffsetPageTable::new(&mut *table.as_mut_ptr(), offset) }
}

static INFO: Once<BootInfo> = Once::new();

/// What the boot loader handed over, once memory is set up.
///
/// # Panics
///
/// Before [`spaces::init`](crate::spaces::init).
#[must_use]
pub fn info() -> &'static BootInfo {
    try_info().expect("spaces::init keeps it")
}

/// The same, or `None` as long as memory is not set up.
#[must_use]
pub fn try_info() -> Option<&'static BootInfo> {
    INFO.get()
}

/// Keeps what the boot loader handed over for [`info`].
///
/// # Safety
///
/// `boot` is what [`BootInfo::take`] returned, and nothing of it lies in the
/// loader's memory any more.
pub(crate) unsafe fn keep(boot: BootInfo) -> &'static BootInfo {
    INFO.call_once(|| boot)
}
