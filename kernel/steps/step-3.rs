//! Step 3: frames.
//!
//! A bitmap of physical memory: one bit a frame, in frames that it takes for
//! itself. In the book: `docs/build/3-frames.md`.
#![no_std]
#![no_main]

use core::fmt::Write;
use core::ops::Range;
use core::panic::PanicInfo;
use core::slice;

use bootloader_api::config::Mapping;
use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use bootloader_api::{BootInfo, BootloaderConfig, entry_point};
use uart_16550::backend::PioBackend;
use uart_16550::{Config, Uart16550, Uart16550Tty};
use x86_64::PhysAddr;
use x86_64::instructions::hlt;
use x86_64::instructions::port::Port;
use x86_64::structures::paging::PhysFrame;

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

// --- The beginning ----------------------------------------------------------

/// What the boot loader is asked for.
static CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.physical_memory = Some(Mapping::FixedAddress(DIRECT_MAP));
    config.mappings.dynamic_range_start = Some(0xffff_9000_0000_0000); // all the rest
    config
};

entry_point!(main, config = &CONFIG);

fn main(boot: &'static mut BootInfo) -> ! {
    init_serial();
    println!("step 3: frames");

    // SAFETY: the boot loader's list, the mapping that `CONFIG` asks for, once.
    let mut frames = unsafe { Frames::new(&boot.memory_regions) };
    let at_first = frames.free;
    println!("the bitmap: {} words in frames {:?}", frames.bitmap.len(), frames.own);
    println!("free: {at_first}");

    let [a, b, c] = [(); 3].map(|()| frames.allocate().expect("a free frame"));
    println!("allocated: {a:?}, {b:?}, {c:?}");
    println!("free {b:?}: {:?}", frames.free(b));
    println!("free it again: {:?}", frames.free(b));
    let again = frames.allocate().expect("a free frame");
    println!("allocated: {again:?}, the same: {}", again == b);
    let firmware = PhysFrame::containing_address(PhysAddr::new(0xf_0000));
    println!("free {firmware:?}: {:?}", frames.free(firmware));

    let mut taken = 3;
    while frames.allocate().is_some() {
        taken += 1;
    }
    println!("allocated until none was left: {taken}, free: {}", frames.free);
    exit(if taken == at_first { SUCCESS } else { PANICKED })
}
