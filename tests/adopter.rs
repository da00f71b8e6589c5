//! A foreign kernel that takes the memory library in, and nothing else of this
//! project: the boot loader's page tables stay, the locks are `spin`'s, and the
//! page-fault handler is an ordinary `x86-interrupt` function.
//! In the book: chapter 11, `docs/11-memory-in-your-kernel.md`, which quotes it.
#![no_std]
#![no_main]
#![feature(abi_x86_interrupt)]

extern crate alloc;

/// To the serial port, which always takes it.
macro_rules! print {
    ($($text:tt)*) => { write!(machine::Serial, $($text)*).expect("taken") };
}
macro_rules! println {
    ($($text:tt)*) => { writeln!(machine::Serial, $($text)*).expect("taken") };
}

use alloc::vec;
use core::alloc::{GlobalAlloc, Layout};
use core::fmt::Write as _;
use core::ptr::{NonNull, null_mut};

use bootloader_api::config::Mapping;
use bootloader_api::info::{MemoryRegion, MemoryRegionKind};
use bootloader_api::{BootInfo, BootloaderConfig, entry_point};
use memory::demand::{DemandPages, Reach};
use memory::frames::FrameKind;
use memory::heap::Heap;
use memory::memory_map::{Kind, Region};
use memory::space::{Backing, Request};
use memory::{Audit, Fault, Flush, KernelHalf, Memory, Outcome, Scope, Space, Tlb};
use spin::{Mutex, Once};
use x86_64::VirtAddr;
use x86_64::instructions::tlb;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr2, Cr3, Cr3Flags};
use x86_64::registers::model_specific::{Efer, EferFlags};
use x86_64::structures::idt::{InterruptStackFrame, PageFaultErrorCode};

// --- what the boot loader is asked for, and what it hands over ---------------

const CONFIG: BootloaderConfig = {
    let mut config = BootloaderConfig::new_default();
    config.mappings.dynamic_range_start = Some(0xffff_8000_0000_0000);
    config.mappings.physical_memory = Some(Mapping::Dynamic);
    config
};
entry_point!(kernel_main, config = &CONFIG);

/// What the boot loader says of a range of physical memory, in the library's words.
fn region(region: &MemoryRegion) -> Region {
    let kind = match region.kind {
        MemoryRegionKind::Usable => Kind::Usable,
        MemoryRegionKind::Bootloader => Kind::Reclaimable,
        _ => Kind::Reserved,
    };
    let (start, end) = (region.start, region.end);
    Region { start, end, kind }
}

// --- the machine's memory, each half behind a lock -----------------------------

static MEMORY: Once<Memory> = Once::new();
static KERNEL: Mutex<Option<KernelHalf>> = Mutex::new(None);
static SPACE: Mutex<Option<Space>> = Mutex::new(None);

/// Level 4 slot 510, which the boot loader left free: regions of the kernel.
const SLOT: u16 = 510;
const SLOT_START: VirtAddr = VirtAddr::new_truncate((SLOT as u64) << 39);
const SLOT_END: u64 = SLOT_START.as_u64() + (1 << 39);

fn kernel_main(boot: &'static mut BootInfo) -> ! {
    machine::load_tables(page_fault);
    // SAFETY: the loader maps nothing with reserved bits, and writes nothing
    // that it mapped read-only.
    unsafe {
        Efer::update(|efer| efer.insert(EferFlags::NO_EXECUTE_ENABLE));
        Cr0::update(|cr0| cr0.insert(Cr0Flags::WRITE_PROTECT));
    }
    let offset = boot.physical_memory_offset.into_option();
    let offset = VirtAddr::new(offset.expect("the loader was asked for it"));
    let regions = boot.memory_regions.iter().map(region);
    // SAFETY: the loader maps all memory at the offset, and nobody else uses it.
    let memory = unsafe { Memory::new(regions, offset, machine::features(), &Processor) };
    let memory = MEMORY.call_once(|| memory.expect("room for the bitmap"));
    // SAFETY: these tables are loaded and stay. The slot is nobody's, and this
    // is the machine's one kernel half.
    let kernel = unsafe { KernelHalf::adopt(Cr3::read().0, SLOT..SLOT + 1, memory) };
    let kernel = kernel.expect("the slot is free");
    let space = Space::new(&kernel, memory).expect("a frame for its root");
    // SAFETY: all that the kernel uses lies in the upper half, which is shared.
    unsafe { Cr3::write(space.root(), Cr3Flags::empty()) };
    (*KERNEL.lock(), *SPACE.lock()) = (Some(kernel), Some(space));
    run_tests()
}

/// How this machine's processor forgets translations.
struct Processor;

impl Tlb for Processor {
    fn flush(&self, scope: Scope, flush: Flush<'_>) {
        match (scope, flush) {
            (Scope::Space(root), _) if root != Cr3::read().0 => {} // Loading another forgot it.
            (_, Flush::Pages(pages)) => pages.iter().for_each(|page| tlb::flush(*page)),
            (_, Flush::Everything) => tlb::flush_all(),
        }
    }
}

// --- page faults ---------------------------------------------------------------

extern "x86-interrupt" fn page_fault(stack: InterruptStackFrame, code: PageFaultErrorCode) {
    let fault = Fault {
        address: VirtAddr::new_truncate(Cr2::read_raw()),
        code,
        instruction: stack.instruction_pointer,
    };
    match resolve(&fault) {
        Some(
            Outcome::Demand
            | Outcome::ZeroRead
            | Outcome::ZeroWrite
            | Outcome::PrivateCopy
            | Outcome::SharedCopy
            | Outcome::TakenOver
            | Outcome::ObjectMapped
            | Outcome::ObjectNew
            | Outcome::ObjectCopy,
        ) => {}
        Some(Outcome::Spurious) if memory().fault_log(|log| log.is_stuck()) => {
            panic!("{fault}, twice, though the page is as it should be")
        }
        Some(Outcome::Spurious) => {}
        Some(Outcome::Blocked) => panic!("{fault}: there are no files here"),
        Some(Outcome::Refused(refusal)) => panic!("{fault}: {refusal}"),
        None => panic!("{fault}, while memory was locked"),
    }
}

/// Asks the half that holds the address. Waits for no lock: whoever holds it
/// is what faulted.
fn resolve(fault: &Fault) -> Option<Outcome> {
    let memory = MEMORY.get().filter(|memory| !memory.is_locked())?;
    let is_kernels = fault.address.as_u64() >> 63 == 1;
    Some(match is_kernels {
        true => KERNEL.try_lock()?.as_mut()?.resolve(fault, memory),
        false => SPACE.try_lock()?.as_mut()?.resolve(fault, memory),
    })
}

// --- the heap --------------------------------------------------------------------

struct Reached;

// SAFETY: there is one kernel half, made from this memory; its tables are loaded
// and `page_fault` resolves what is touched there.
unsafe impl Reach for Reached {
    fn reach<R>(&self, work: impl FnOnce(&mut KernelHalf, &Memory) -> R) -> R {
        let mut kernel = KERNEL.lock();
        work(kernel.as_mut().expect("set up"), memory())
    }
}

struct KernelHeap(Mutex<Heap<DemandPages<Reached>>>);

// SAFETY: a heap behind a lock, whose blocks are as large and as aligned as asked.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = self.0.lock().allocate(layout);
        block.map_or(null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let block = NonNull::new(block).expect("a block");
        // SAFETY: it came from `alloc`, with this layout, as the caller vouches.
        unsafe { self.0.lock().deallocate(block, layout) }
    }
}

#[global_allocator]
static HEAP: KernelHeap = KernelHeap(Mutex::new(Heap::new(DemandPages::new(
    Reached, SLOT_START, SLOT_END, "heap",
))));

// --- what it does with all that ----------------------------------------------------

const PAGE: u64 = 4096;

fn memory() -> &'static Memory {
    MEMORY.get().expect("set up")
}

fn space<R>(work: impl FnOnce(&mut Space, &Memory) -> R) -> R {
    work(SPACE.lock().as_mut().expect("set up"), memory())
}

/// Runs `work`, and says how many faults and private frames it took.
fn cost(work: impl FnOnce()) -> (u64, u64) {
    let faults = || memory().fault_log(|log| log.faults());
    let frames = || memory().counts().private;
    let before = (faults(), frames());
    work();
    (faults() - before.0, frames() - before.1)
}

/// Writes to the first byte of each of these pages.
fn touch(start: VirtAddr, pages: u64) {
    for page in 0..pages {
        // SAFETY: pages of a region on demand that holds no Rust value.
        unsafe { (start + page * PAGE).as_mut_ptr::<u8>().write_volatile(1) };
    }
}

fn a_page_on_demand_takes_its_frame_when_it_is_touched() {
    let request = Request::new(16 * PAGE, Backing::Demand).label("data");
    let region = space(|space, memory| space.allocate(request, memory)).expect("room");
    assert_eq!(cost(|| touch(region.base, 4)), (4, 4));
    let event = memory().next_event().expect("each fault is in the log");
    assert_eq!(event.fault.address, region.base);
    assert_eq!(event.outcome, Outcome::Demand);
    assert_eq!(cost(|| touch(region.base, 4)), (0, 0));
    let freed = space(|space, memory| space.free(region.base, memory));
    assert_eq!(freed, Ok(4));
}

fn pages_of_zeroes_share_a_frame_until_they_are_written() {
    let request = Request::new(16 * PAGE, Backing::Zero).label("zeroes");
    let region = space(|space, memory| space.allocate(request, memory)).expect("room");
    let read = |page: u64| {
        let byte: *const u8 = (region.base + page * PAGE).as_ptr();
        // SAFETY: a page of the region, which can be read.
        assert_eq!(unsafe { byte.read_volatile() }, 0);
    };
    assert_eq!(cost(|| (0..16).for_each(read)), (16, 0));
    assert_eq!(cost(|| touch(region.base, 2)), (2, 2));
}

fn the_heap_takes_frames_as_it_is_written() {
    let mut bytes = vec![];
    assert_eq!(cost(|| bytes.reserve_exact(64 * PAGE as usize)), (2, 2)); // the heap's notes
    assert_eq!(cost(|| bytes.resize(16 * PAGE as usize, 7_u8)), (16, 16));
    assert!(bytes.iter().all(|byte| *byte == 7));
}

fn a_devices_buffer_is_a_run_of_frames() {
    // 16 frames in a row, aligned to 64 KiB, below 4 GiB for a device with 32 address bits.
    let run = memory().allocate_run(16, 64 << 10, 1 << 32, FrameKind::Kernel);
    let run = run.expect("16 frames in a row");
    let buffer: *mut u8 = memory().direct_map().address_of(run.start()).as_mut_ptr();
    // SAFETY: the run is ours alone, mapped in the direct map, and 64 KiB long.
    unsafe { buffer.write_bytes(0, 64 << 10) };
    // The device is told `run.start()`. When it has stopped:
    memory().free_run(run);
}

fn an_audit_finds_every_frame_accounted_for() {
    let words = Audit::of(KERNEL.lock().as_ref().expect("set up"), memory()).words();
    // Written here, so mapped: while the halves are locked no fault is resolved.
    let mut scratch = vec![1; words];
    let (kernel, space) = (KERNEL.lock(), SPACE.lock());
    let audit = Audit::of(kernel.as_ref().expect("set up"), memory());
    let report = audit.run(space.iter(), &mut scratch);
    let report = report.expect("no invariant is broken");
    assert_eq!((report.halves, report.regions), (2, 2)); // zeroes, and the heap
    assert_eq!(report.zero, 14); // pages that were read and not written
    assert_eq!(report.private, memory().counts().private);
}

/// The functions of these names, each with its name.
macro_rules! named {
    ($($name:ident)*) => { [$((stringify!($name), $name as fn())),*] };
}

/// Runs the tests in this order, and prints what cargo would.
fn run_tests() -> ! {
    let tests = named! {
        a_page_on_demand_takes_its_frame_when_it_is_touched
        pages_of_zeroes_share_a_frame_until_they_are_written
        the_heap_takes_frames_as_it_is_written
        a_devices_buffer_is_a_run_of_frames
        an_audit_finds_every_frame_accounted_for
    };
    println!("\nrunning {} tests", tests.len());
    for (name, test) in tests {
        print!("test adopter::{name} ... ");
        test();
        println!("ok");
    }
    println!("\ntest result: ok. {} passed; 0 failed\n", tests.len());
    machine::exit(0)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    println!("FAILED\n{info}\n\ntest result: FAILED. 0 passed; 1 failed\n");
    machine::exit(101)
}

/// The machine without its memory: descriptor tables, CPUID, serial port, exit.
mod machine {
    use core::arch::x86_64::__cpuid;
    use core::fmt;

    use memory::Features;
    use spin::Once;
    use x86_64::instructions::hlt;
    use x86_64::instructions::port::{Port, PortReadOnly};
    use x86_64::instructions::segmentation::{CS, SS, Segment as _};
    use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable};
    use x86_64::structures::idt::{InterruptDescriptorTable, PageFaultHandlerFunc};

    static GDT: Once<GlobalDescriptorTable> = Once::new();
    static IDT: Once<InterruptDescriptorTable> = Once::new();

    /// Loads descriptor tables of the kernel's own: those of the boot loader lie
    /// in the low half, which goes when a space is loaded.
    pub fn load_tables(page_fault: PageFaultHandlerFunc) {
        let mut gdt = GlobalDescriptorTable::new();
        let code = gdt.append(Descriptor::kernel_code_segment());
        let data = gdt.append(Descriptor::kernel_data_segment());
        GDT.call_once(|| gdt).load();
        // SAFETY: both selectors are of the table that was loaded just now.
        unsafe {
            CS::set_reg(code);
            SS::set_reg(data);
        }
        let mut idt = InterruptDescriptorTable::new();
        idt.page_fault.set_handler_fn(page_fault);
        IDT.call_once(|| idt).load();
    }

    /// What the processor can do. No page is made global: so loading CR3 makes
    /// it forget everything.
    pub fn features() -> Features {
        let features = Features::from_cpuid(|leaf| {
            let answer = __cpuid(leaf);
            [answer.eax, answer.ebx, answer.ecx, answer.edx]
        });
        Features {
            global_pages: false,
            ..features
        }
    }

    pub struct Serial;

    impl fmt::Write for Serial {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let (mut data, mut status) = (Port::new(0x3f8), PortReadOnly::<u8>::new(0x3fd));
            for byte in text.bytes() {
                // SAFETY: the first serial port; its status has no side effect.
                unsafe {
                    while status.read() & 0x20 == 0 {}
                    data.write(byte);
                }
            }
            Ok(())
        }
    }

    /// Ends the machine with a status, by QEMU's `isa-debug-exit`.
    pub fn exit(status: u32) -> ! {
        // SAFETY: the port is that device's, or nobody's.
        unsafe { Port::new(0xf4).write(0x10 + status) };
        loop {
            hlt();
        }
    }
}
