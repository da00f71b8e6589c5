//! What the boot loader is asked for, and what it hands over.
//!
//! Every kernel of this project (the real one, the library's own tests, each
//! test kernel) starts through [`entry!`](crate::entry), so that they all ask
//! for the same machine:
//!
//! ```text
//! 0xffff_ffff_ffff_ffff ┐
//!                       │ upper half: kernel image, boot stack, framebuffer,
//! 0xffff_8000_0000_0000 ┘ all physical memory, one top-level slot each
//!                         (not canonical)
//! 0x0000_7fff_ffff_ffff ┐ lower half: free for regions, but for what the
//! 0x0000_0000_0000_0000 ┘ loader's last jump leaves behind in the first slot
//! ```

use crate::stack::{self, Stack};
use bootloader_api::config::Mapping;
use bootloader_api::info::{FrameBuffer, MemoryRegion};
use x86_64::{PhysAddr, VirtAddr};

#[doc(hidden)]
pub use bootloader_api;

/// The lowest address of the upper half under 4-level paging.
pub const UPPER_HALF: VirtAddr = VirtAddr::new(0xffff_8000_0000_0000);

/// Size of the stack that the kernel starts on, in bytes.
pub const STACK_SIZE: u64 = 128 * 1024;

/// What every kernel asks of the boot loader.
pub const CONFIG: bootloader_api::BootloaderConfig = {
    let mut config = bootloader_api::BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::Dynamic);
    config.mappings.dynamic_range_start = Some(UPPER_HALF.as_u64());
    config.kernel_stack_size = STACK_SIZE;
    config
};

/// What the boot loader hands over, in this project's words.
#[derive(Debug)]
pub struct BootInfo {
    /// Physical memory as the loader describes it: unsorted, any kind, any alignment.
    pub memory_regions: &'static [MemoryRegion],
    /// Where physical address 0 is mapped; address `p` is at this plus `p`.
    pub physical_memory_offset: VirtAddr,
    /// The stack that the kernel runs on, without its guard page.
    pub stack: Stack,
    /// Where the kernel's image begins, as loaded.
    pub image_start: VirtAddr,
    /// Where firmware keeps the root of its ACPI tables, if it said so.
    pub rsdp: Option<PhysAddr>,
    /// The screen, until the console takes it.
    pub framebuffer: Option<FrameBuffer>,
}

impl BootInfo {
    /// Takes over what the loader left, and makes the boot stack known to [`stack`].
    ///
    /// # Panics
    ///
    /// If the loader did not map physical memory, which [`CONFIG`] asks for.
    #[must_use]
    pub fn take(loader: &'static mut bootloader_api::BootInfo) -> Self {
        let offset = loader
            .physical_memory_offset
            .into_option()
            .expect("the boot loader should have mapped physical memory: boot::CONFIG asks for it");
        let stack = Stack {
            name: "the boot stack",
            bottom: VirtAddr::new(loader.kernel_stack_bottom),
            top: VirtAddr::new(loader.kernel_stack_bottom + loader.kernel_stack_len),
        };
        stack::set_boot_stack(stack);
        Self {
            physical_memory_offset: VirtAddr::new(offset),
            stack,
            image_start: VirtAddr::new(loader.kernel_image_offset),
            rsdp: loader.rsdp_addr.into_option().map(PhysAddr::new),
            framebuffer: loader.framebuffer.take(),
            memory_regions: &loader.memory_regions,
        }
    }
}

/// Makes `$main: fn(BootInfo) -> !` the start of a kernel, and gives it its panic handler.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        const _: () = {
            fn enter(loader: &'static mut $crate::boot::bootloader_api::BootInfo) -> ! {
                $crate::cpu::tsc::start();
                let main: fn($crate::boot::BootInfo) -> ! = $main;
                main($crate::boot::BootInfo::take(loader))
            }

            $crate::boot::bootloader_api::entry_point!(enter, config = &$crate::boot::CONFIG);

            #[panic_handler]
            fn panic(info: &core::panic::PanicInfo) -> ! {
                $crate::panic::panic(info)
            }
        };
    };
}
