//! What the exercises about hardware need of a machine: frames, the entry of level
//! 1 for an address, descriptor tables, and a page fault's handler that asks the
//! exercise what to do.
//!
//! Like steps 3 to 6, in short: the frames are [`POOL`] frames in a row of the boot
//! loader's largest usable region, and one word of a bitmap stands for 64 of them.
#![allow(dead_code)] // No exercise uses all of it.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use bootloader_api::BootloaderConfig;
use bootloader_api::config::Mapping;
use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use spin::{Mutex, Once};
use volatile::VolatilePtr;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr2, Cr3};
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable};
use x86_64::structures::idt::{InterruptDescriptorTable, InterruptStackFrame, PageFaultErrorCode};
use x86_64::structures::paging::{
    PageTable, PageTableFlags, PhysFrame, page_table::PageTableEntry,
};
use x86_64::structures::tss::TaskStateSegment;
use x86_64::{PhysAddr, VirtAddr};

/// The size of a frame and of a page, in bytes.
pub(crate) const PAGE_SIZE: u64 = 4096;

/// Where the boot loader maps all physical memory: byte `p` of it is at `DIRECT_MAP + p`.
pub(crate) const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;

/// What the boot loader is asked for.
pub(crate) static CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::FixedAddress(DIRECT_MAP));
    config.mappings.dynamic_range_start = Some(0xffff_9000_0000_0000); // all the rest
    config
};

/// What is done about a page fault at an address. It returns when the access may be tried again.
pub(crate) type Handler = fn(address: u64, code: PageFaultErrorCode);

/// Prepares frames and descriptor tables. From now on page faults are handed to `handler`.
pub(crate) fn init(regions: &[MemoryRegion], handler: Handler) {
    FRAMES.lock().first = first_of_pool(regions);
    HANDLER.call_once(|| handler);
    load_tables(|handlers| {
        handlers.page_fault.set_handler_fn(page_fault);
        let double_fault = handlers.double_fault.set_handler_fn(double_fault);
        // SAFETY: the stack is this handler's alone.
        unsafe { double_fault.set_stack_index(DOUBLE_FAULT_STACK) };
    });
}

// --- Frames -----------------------------------------------------------------

/// How many frames there are.
const POOL: u64 = 256;

pub(crate) static FRAMES: Mutex<Frames> = Mutex::new(Frames { first: 0, used: [0; 4] });

/// The frames of the pool: one bit a frame, 1 for used.
pub(crate) struct Frames {
    first: u64,
    used: [u64; (POOL / 64) as usize],
}

/// Why a frame was not freed.
#[derive(Debug, PartialEq)]
pub(crate) enum FreeError {
    NotManaged,
    AlreadyFree,
}

impl Frames {
    /// Takes the first free frame, with whatever it contains.
    pub(crate) fn allocate(&mut self) -> Option<PhysFrame> {
        let word = self.used.iter().position(|word| *word != u64::MAX)?;
        let bit = self.used[word].trailing_ones();
        self.used[word] |= 1 << bit;
        let frame = self.first + 64 * word as u64 + u64::from(bit);
        Some(PhysFrame::containing_address(PhysAddr::new(frame * PAGE_SIZE)))
    }

    /// Gives a frame back.
    pub(crate) fn free(&mut self, frame: PhysFrame) -> Result<(), FreeError> {
        let frame = frame.start_address().as_u64() / PAGE_SIZE;
        let number = frame.checked_sub(self.first).filter(|number| *number < POOL);
        let number = number.ok_or(FreeError::NotManaged)?;
        let (word, bit) = (&mut self.used[number as usize / 64], 1 << (number % 64));
        if *word & bit == 0 {
            return Err(FreeError::AlreadyFree);
        }
        *word &= !bit;
        Ok(())
    }

    /// How many frames are taken.
    pub(crate) fn taken(&self) -> u32 {
        self.used.iter().map(|word| word.count_ones()).sum()
    }
}

/// The first frame of the pool: that of the largest region of usable memory.
fn first_of_pool(regions: &[MemoryRegion]) -> u64 {
    let usable = regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable);
    let largest = usable.max_by_key(|region| region.end - region.start).expect("usable memory");
    let first = largest.start.div_ceil(PAGE_SIZE);
    assert!((first + POOL) * PAGE_SIZE <= largest.end, "no room for {POOL} frames");
    first
}

/// A frame of zeroes.
pub(crate) fn zeroed(frames: &mut Frames) -> Option<PhysFrame> {
    let frame = frames.allocate()?;
    // SAFETY: the frame is ours alone. A table of zeroes is a page of zeroes.
    unsafe { table(frame) }.zero();
    Some(frame)
}

// --- Four levels ------------------------------------------------------------

/// Which entry of a table of this level (4 to 1) an address selects: 9 bits of it.
pub(crate) fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * (level - 1))) as usize & 0x1ff
}

/// The table in a frame.
///
/// # Safety
///
/// The frame holds a page table, and no other reference to it is in use.
pub(crate) unsafe fn table(frame: PhysFrame) -> &'static mut PageTable {
    let address = DIRECT_MAP + frame.start_address().as_u64();
    // SAFETY: all physical memory is mapped at `DIRECT_MAP`; the rest is the caller's.
    unsafe { &mut *(address as *mut PageTable) }
}

/// The entry of level 1 for an address; makes the tables that are missing on the way.
pub(crate) fn entry(address: u64, frames: &mut Frames) -> Option<&'static mut PageTableEntry> {
    let mut frame = Cr3::read().0;
    for level in [4, 3, 2] {
        // SAFETY: a table's frame. The reference ends with this turn of the loop.
        let entry = &mut unsafe { table(frame) }[index(address, level)];
        if entry.is_unused() {
            let new = zeroed(frames)?;
            entry.set_frame(new, PageTableFlags::PRESENT | PageTableFlags::WRITABLE);
        }
        frame = PhysFrame::containing_address(entry.addr());
    }
    // SAFETY: the same.
    Some(&mut unsafe { table(frame) }[index(address, 1)])
}

/// Maps a page to a frame of zeroes without asking, so that an access which was refused can end.
pub(crate) fn lend(address: u64) {
    let mut frames = FRAMES.lock();
    let frame = zeroed(&mut frames).expect("a free frame");
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
    entry(address, &mut frames).expect("free frames for tables").set_frame(frame, flags);
}

/// Undoes [`lend`].
pub(crate) fn take_back(address: u64) {
    let mut frames = FRAMES.lock();
    let entry = entry(address, &mut frames).expect("tables that are there");
    let frame = PhysFrame::containing_address(entry.addr());
    entry.set_unused();
    tlb::flush(VirtAddr::new(address));
    frames.free(frame).expect("a frame of the pool");
}

/// A byte of memory that is accessed whenever the source says so.
pub(crate) fn byte(address: u64) -> VolatilePtr<'static, u8> {
    let address = NonNull::new(address as *mut u8).expect("an address that is not 0");
    // SAFETY: the checks use addresses that nothing else uses.
    unsafe { VolatilePtr::new(address) }
}

// --- Falling ----------------------------------------------------------------

/// The entry of the task state segment for the double fault's stack, and its size in bytes.
pub(crate) const DOUBLE_FAULT_STACK: u16 = 0;
const STACK_SIZE: usize = 20 * 1024;

static TASK: Once<TaskStateSegment> = Once::new();
static SEGMENTS: Once<GlobalDescriptorTable> = Once::new();
static HANDLERS: Once<InterruptDescriptorTable> = Once::new();

/// Loads descriptor tables, with the handlers that `set` puts into the last of them.
pub(crate) fn load_tables(set: impl FnOnce(&mut InterruptDescriptorTable)) {
    static mut STACK: [u8; STACK_SIZE] = [0; STACK_SIZE];
    let task = TASK.call_once(|| {
        let mut task = TaskStateSegment::new();
        let bottom = VirtAddr::from_ptr(&raw const STACK);
        task.interrupt_stack_table[DOUBLE_FAULT_STACK as usize] = bottom + STACK_SIZE as u64;
        task
    });

    let mut segments = GlobalDescriptorTable::new();
    let code = segments.append(Descriptor::kernel_code_segment());
    let data = segments.append(Descriptor::kernel_data_segment());
    let task = segments.append(Descriptor::tss_segment(task));
    SEGMENTS.call_once(|| segments).load();
    // SAFETY: the selectors name the entries of the table just loaded.
    unsafe {
        CS::set_reg(code);
        SS::set_reg(data);
        DS::set_reg(data);
        ES::set_reg(data);
        load_tss(task);
    }

    let mut handlers = InterruptDescriptorTable::new();
    set(&mut handlers);
    HANDLERS.call_once(|| handlers).load();
}

static HANDLER: Once<Handler> = Once::new();
static FAULTS: AtomicU64 = AtomicU64::new(0);

/// How many page faults there were.
pub(crate) fn faults() -> u64 {
    FAULTS.load(Ordering::Relaxed)
}

/// More page faults than any exercise has if it is solved.
const TOO_MANY: u64 = 1000;

extern "x86-interrupt" fn page_fault(context: InterruptStackFrame, code: PageFaultErrorCode) {
    let address = Cr2::read_raw();
    let instruction = context.instruction_pointer;
    let faults = FAULTS.fetch_add(1, Ordering::Relaxed) + 1;
    assert!(
        faults < TOO_MANY,
        "{faults} page faults, the last at {address:#x} by the instruction at {instruction:#x}: \
         the handler returns without having mended anything, so the access faults for ever"
    );
    HANDLER.get().expect("`init` has put it there")(address, code);
}

extern "x86-interrupt" fn double_fault(context: InterruptStackFrame, _code: u64) -> ! {
    panic!("double fault, by the instruction at {:#x}", context.instruction_pointer);
}
