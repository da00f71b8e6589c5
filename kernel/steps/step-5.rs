//! Step 5: four levels.
//!
//! A walk through the page tables for an address, and pages mapped and unmapped
//! by writing entries. In the book: `docs/build/5-four-levels.md`.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]
#![allow(dead_code)] // The example of a step does not use all that earlier steps built.

use core::fmt::Write;
use core::ops::Range;
use core::panic::PanicInfo;
use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU64, Ordering};

use bootloader_api::config::Mapping;
use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use bootloader_api::{BootInfo, BootloaderConfig, entry_point};
use spin::Once;
use uart_16550::backend::PioBackend;
use uart_16550::{Config, Uart16550, Uart16550Tty};
use volatile::VolatilePtr;
use x86_64::instructions::port::Port;
use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::instructions::{hlt, tlb};
use x86_64::registers::control::{Cr2, Cr3};
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable};
use x86_64::structures::idt::{InterruptDescriptorTable, InterruptStackFrame, PageFaultErrorCode};
use x86_64::structures::paging::{
    PageTable, PageTableFlags, PhysFrame, page_table::PageTableEntry,
};
use x86_64::structures::tss::TaskStateSegment;
use x86_64::{PhysAddr, VirtAddr};

// --- Speaking ---------------------------------------------------------------

/// The first serial port of a PC.
const COM1: u16 = 0x3f8;

/// The first serial port, as a place to write text.
fn serial() -> Uart16550Tty<PioBackend> {
    // SAFETY: these eight I/O ports are the serial port's, and only this kernel uses it.
    let port = unsafe { Uart16550::new_port(COM1) };
    Uart16550Tty::from_inner(port.expect("a port number that exists"))
}

/// Sets the serial port up: speed, word length, queues.
fn init_serial() {
    let result = serial().inner_mut().init(Config::default());
    result.expect("a serial port that answers");
}

/// Like `println!` of the standard library, on the serial port.
macro_rules! println {
    ($($words:tt)*) => {
        writeln!(serial(), $($words)*).expect("the serial port takes all text")
    };
}

// --- Ending -----------------------------------------------------------------

/// The statuses that this kernel ends with.
const SUCCESS: u32 = 0;
const PANICKED: u32 = 101;
const FELL: u32 = 102;

/// Ends the machine. QEMU's exit device listens at port 0xf4.
fn exit(status: u32) -> ! {
    let mut device = Port::<u32>::new(0xf4);
    // SAFETY: nothing but the exit device is at this port.
    unsafe { device.write(0x10 + status) };
    loop {
        hlt(); // a machine without the device: sleep for ever
    }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    println!("{info}");
    exit(PANICKED)
}

// --- What memory there is ----------------------------------------------------

/// The size of a frame (of physical memory) and of a page (of virtual memory), in bytes.
const PAGE_SIZE: u64 = 4096;

/// Below 1 MiB, firmware and old devices have their memory, listed or not.
const FIRST_FRAME: u64 = 0x10_0000 / PAGE_SIZE;

/// Whether a frame can be used: a region of usable memory holds all of it, and
/// no region of another kind holds any of it. In doubt, a frame is not usable.
fn is_usable(frame: u64, regions: &[MemoryRegion]) -> bool {
    let (start, end) = (frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    let mut inside = false;
    for region in regions {
        if region.kind == MemoryRegionKind::Usable {
            inside |= region.start <= start && end <= region.end;
        } else if region.start < end && start < region.end {
            return false;
        }
    }
    inside && frame >= FIRST_FRAME
}

/// One more than the last frame of usable memory.
fn frame_limit(regions: &[MemoryRegion]) -> u64 {
    let usable = regions.iter().filter(|region| region.kind == MemoryRegionKind::Usable);
    usable.map(|region| region.end / PAGE_SIZE).max().unwrap_or(0)
}

// --- Frames ------------------------------------------------------------------

/// Where the boot loader maps all physical memory: byte `p` of it is at `DIRECT_MAP + p`.
const DIRECT_MAP: u64 = 0xffff_8000_0000_0000;

/// The physical memory manager: one bit a frame, 1 for used.
struct Frames {
    /// Bit `i` of word `w` is frame `64 * w + i`.
    bitmap: &'static mut [u64],
    /// The frames in which the bitmap lies.
    own: Range<u64>,
    regions: &'static [MemoryRegion],
    free: u64,
}

/// Why a frame was not freed.
#[derive(Debug, PartialEq)]
enum FreeError {
    /// It is not one of those that are handed out.
    NotManaged,
    /// It is free: whoever frees it has freed it before.
    AlreadyFree,
}

impl Frames {
    /// Finds a place for the bitmap, and makes all frames free that can be used.
    ///
    /// # Safety
    ///
    /// `regions` is the boot loader's list, physical memory is mapped at
    /// [`DIRECT_MAP`], and this is called once.
    unsafe fn new(regions: &'static [MemoryRegion]) -> Self {
        let limit = frame_limit(regions);
        let words = limit.div_ceil(64);
        let size = (words * 8).div_ceil(PAGE_SIZE);

        // The first place where so many usable frames are in a row.
        let fits = |first: &u64| (*first..first + size).all(|frame| is_usable(frame, regions));
        let first = (0..limit).find(fits).expect("room for the bitmap");

        let address = (DIRECT_MAP + first * PAGE_SIZE) as *mut u64;
        // SAFETY: these frames are usable, so nobody uses them, and they are mapped there.
        let bitmap = unsafe { slice::from_raw_parts_mut(address, words as usize) };
        bitmap.fill(u64::MAX); // all used

        let own = first..first + size;
        let mut frames = Self { bitmap, own, regions, free: 0 };
        for frame in 0..limit {
            if frames.is_managed(frame) {
                frames.set_free(frame);
            }
        }
        frames
    }

    /// Whether this frame is handed out at all: usable, and not the bitmap's own.
    fn is_managed(&self, frame: u64) -> bool {
        is_usable(frame, self.regions) && !self.own.contains(&frame)
    }

    fn set_free(&mut self, frame: u64) {
        self.bitmap[frame as usize / 64] &= !(1 << (frame % 64));
        self.free += 1;
    }

    /// Takes the first free frame, with whatever it contains.
    fn allocate(&mut self) -> Option<PhysFrame> {
        let word = self.bitmap.iter().position(|word| *word != u64::MAX)?;
        let bit = self.bitmap[word].trailing_ones(); // the lowest 0
        self.bitmap[word] |= 1 << bit;
        self.free -= 1;
        let frame = 64 * word as u64 + u64::from(bit);
        Some(PhysFrame::containing_address(PhysAddr::new(frame * PAGE_SIZE)))
    }

    /// Gives a frame back.
    fn free(&mut self, frame: PhysFrame) -> Result<(), FreeError> {
        let frame = frame.start_address().as_u64() / PAGE_SIZE;
        if !self.is_managed(frame) {
            return Err(FreeError::NotManaged);
        }
        if self.bitmap[frame as usize / 64] & (1 << (frame % 64)) == 0 {
            return Err(FreeError::AlreadyFree);
        }
        self.set_free(frame);
        Ok(())
    }
}

// --- Falling -----------------------------------------------------------------

/// The entry of the task state segment for the double fault's stack, and its size in bytes.
const DOUBLE_FAULT_STACK: u16 = 0;
const STACK_SIZE: usize = 20 * 1024;

static TASK: Once<TaskStateSegment> = Once::new();
static SEGMENTS: Once<GlobalDescriptorTable> = Once::new();
static HANDLERS: Once<InterruptDescriptorTable> = Once::new();

/// Loads this kernel's own descriptor tables.
fn init_exceptions() {
    static mut STACK: [u8; STACK_SIZE] = [0; STACK_SIZE];
    let task = TASK.call_once(|| {
        let mut task = TaskStateSegment::new();
        let bottom = VirtAddr::from_ptr(&raw const STACK);
        // A stack grows towards lower addresses: it starts at its upper end.
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
        SS::set_reg(data); // `iretq` checks it
        DS::set_reg(data);
        ES::set_reg(data);
        load_tss(task);
    }

    let mut handlers = InterruptDescriptorTable::new();
    handlers.page_fault.set_handler_fn(page_fault);
    let double_fault = handlers.double_fault.set_handler_fn(double_fault);
    // SAFETY: the stack is this handler's alone.
    unsafe { double_fault.set_stack_index(DOUBLE_FAULT_STACK) };
    HANDLERS.call_once(|| handlers).load();
}

extern "x86-interrupt" fn page_fault(context: InterruptStackFrame, code: PageFaultErrorCode) {
    println!("page fault: {} at {:#x}", access(code), Cr2::read_raw());
    println!("by the instruction at {:#x}", context.instruction_pointer);
    exit(FELL)
}

/// The error code of a page fault in words.
fn access(code: PageFaultErrorCode) -> &'static str {
    let present = code.contains(PageFaultErrorCode::PROTECTION_VIOLATION);
    let write = code.contains(PageFaultErrorCode::CAUSED_BY_WRITE);
    if code.contains(PageFaultErrorCode::INSTRUCTION_FETCH) {
        "an instruction was fetched"
    } else {
        match (present, write) {
            (false, false) => "a read of a page that is not present",
            (false, true) => "a write to a page that is not present",
            (true, false) => "a read that the page's entry does not allow",
            (true, true) => "a write that the page's entry does not allow",
        }
    }
}

extern "x86-interrupt" fn double_fault(context: InterruptStackFrame, _code: u64) -> ! {
    println!("double fault: no exception context can be pushed at {:#x}", context.stack_pointer);
    println!("the address that faulted: {:#x}", Cr2::read_raw());
    exit(FELL)
}

// --- Four levels -------------------------------------------------------------

/// Which entry of a table of this level (4 to 1) an address selects: 9 bits of it.
fn index(address: u64, level: u32) -> usize {
    (address >> (12 + 9 * (level - 1))) as usize & 0x1ff
}

/// The table in a frame.
///
/// # Safety
///
/// The frame holds a page table, and no other reference to it is in use.
unsafe fn table(frame: PhysFrame) -> &'static mut PageTable {
    let address = DIRECT_MAP + frame.start_address().as_u64();
    // SAFETY: all physical memory is mapped at `DIRECT_MAP`; the rest is the caller's.
    unsafe { &mut *(address as *mut PageTable) }
}

/// Prints the entries on the way to an address.
fn walk(address: u64) {
    println!("walk to {address:#x}:");
    let mut frame = Cr3::read().0;
    for level in (1..=4).rev() {
        // SAFETY: CR3 and the entries of upper levels hold frames of tables.
        let entry = &unsafe { table(frame) }[index(address, level)];
        println!(
            "  level {level} [{:>3}] {:#x} {:?}",
            index(address, level),
            entry.addr(),
            entry.flags()
        );
        if !entry.flags().contains(PageTableFlags::PRESENT) {
            return println!("  not mapped");
        }
        frame = PhysFrame::containing_address(entry.addr());
    }
    println!("  mapped to {:#x}", frame.start_address() + address % PAGE_SIZE);
}

/// Why a page was not mapped.
#[derive(Debug)]
enum MapError {
    AlreadyMapped,
    OutOfFrames,
}

/// How many tables were made.
static TABLES: AtomicU64 = AtomicU64::new(0);

/// The entry of level 1 for an address; makes the tables that are missing on the way.
fn entry(address: u64, frames: &mut Frames) -> Option<&'static mut PageTableEntry> {
    let mut frame = Cr3::read().0;
    for level in [4, 3, 2] {
        // SAFETY: as in `walk`. The reference ends with this turn of the loop.
        let entry = &mut unsafe { table(frame) }[index(address, level)];
        if entry.is_unused() {
            let new = frames.allocate()?;
            // SAFETY: the frame is ours alone. Nothing reads it before all entries are zero.
            unsafe { table(new) }.zero();
            entry.set_frame(new, PageTableFlags::PRESENT | PageTableFlags::WRITABLE);
            TABLES.fetch_add(1, Ordering::Relaxed);
        }
        frame = PhysFrame::containing_address(entry.addr());
    }
    // SAFETY: the same.
    Some(&mut unsafe { table(frame) }[index(address, 1)])
}

/// Maps the page that contains an address to a frame.
fn map(
    address: u64,
    frame: PhysFrame,
    flags: PageTableFlags,
    frames: &mut Frames,
) -> Result<(), MapError> {
    let entry = entry(address, frames).ok_or(MapError::OutOfFrames)?;
    if !entry.is_unused() {
        return Err(MapError::AlreadyMapped);
    }
    entry.set_frame(frame, flags | PageTableFlags::PRESENT);
    Ok(())
}

/// Unmaps the page that contains an address. Returns the frame that it was mapped to.
///
/// # Safety
///
/// No reference points into the page.
unsafe fn unmap(address: u64, frames: &mut Frames) -> Option<PhysFrame> {
    let entry = entry(address, frames).filter(|entry| !entry.is_unused())?;
    let frame = PhysFrame::containing_address(entry.addr());
    entry.set_unused();
    tlb::flush(VirtAddr::new(address)); // before anybody else gets the frame
    Some(frame)
}

// --- The beginning ----------------------------------------------------------

/// What the boot loader is asked for.
static CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::FixedAddress(DIRECT_MAP));
    config.mappings.dynamic_range_start = Some(0xffff_9000_0000_0000); // all the rest
    config
};

entry_point!(main, config = &CONFIG);

/// The address of the example: entry 1 of level 4, 2 of level 3, 3 of level 2,
/// 4 of level 1, and byte 16 of the page.
const ADDRESS: u64 = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12 | 0x10;

/// 8 bytes of memory that is accessed whenever the source says so.
fn volatile(address: u64) -> VolatilePtr<'static, u64> {
    let address = NonNull::new(address as *mut u64).expect("an address that is not 0");
    // SAFETY: `main` uses it for 8 bytes of a frame of its own, where that is mapped.
    unsafe { VolatilePtr::new(address) }
}

fn main(boot: &'static mut BootInfo) -> ! {
    init_serial();
    println!("step 5: four levels");

    // SAFETY: the boot loader's list, the mapping that `CONFIG` asks for, once.
    let mut frames = unsafe { Frames::new(&boot.memory_regions) };
    init_exceptions();
    let at_first = frames.free;
    walk(ADDRESS);

    let frame = frames.allocate().expect("a free frame");
    let flags = PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
    map(ADDRESS, frame, flags, &mut frames).expect("a page that can be mapped");
    walk(ADDRESS);
    println!("map it again: {:?}", map(ADDRESS, frame, flags, &mut frames));

    let by_page = volatile(ADDRESS);
    let by_frame = volatile(DIRECT_MAP + frame.start_address().as_u64() + 0x10);
    by_page.write(0x1234);
    let read = by_frame.read();
    println!("written at {ADDRESS:#x}: 0x1234, read through the direct map: {read:#x}");
    let taken = at_first - frames.free;

    // SAFETY: nothing points into the page.
    let unmapped = unsafe { unmap(ADDRESS, &mut frames) };
    walk(ADDRESS);
    println!("free its frame: {:?}", frames.free(unmapped.expect("a page that was mapped")));
    println!(
        "tables made: {}, frames taken: {taken}, of which still taken: {}",
        TABLES.load(Ordering::Relaxed),
        at_first - frames.free
    );
    exit(if read == 0x1234 && taken == 4 { SUCCESS } else { FELL })
}
