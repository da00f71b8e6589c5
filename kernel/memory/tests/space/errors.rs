//! What people read of a refusal: every variant of every error of a space, as an
//! error that carries the number concerned.

use std::error::Error;

use faultline_memory::frames::{OutOfFrames, Shortage};
use faultline_memory::space::{
    AllocateError, BackError, Backing, BytesError, BytesRefusal, DiscardError, ForkError,
    FreeError, FreeRangeError, GrowError, HALF, KernelHalfError, MoveError, ProtectError,
    ReserveError,
};
use faultline_memory::{Access, NewMemoryError, Refusal};
use x86_64::{PhysAddr, VirtAddr};

const AT: VirtAddr = VirtAddr::new(0x4000_0000);
const SHORTAGE: Shortage = Shortage {
    needed: 7,
    available: 2,
};

/// Fails unless the errors say these words, also behind `dyn Error`.
fn assert_words<const N: usize>(cases: [(&dyn Error, &str); N]) {
    for (error, words) in cases {
        assert_eq!(error.to_string(), words, "{error:?}");
        assert!(error.source().is_none(), "{error:?} says all itself");
    }
}

#[test]
fn an_allocation() {
    use AllocateError as E;
    let start = 0x4000_0000;
    assert_words([
        (&E::ZeroSize, "a region has at least one byte"),
        (
            &E::TooLarge { size: 1 << 48 },
            "0x1000000000000 bytes are more than the space holds",
        ),
        (
            &E::BadAlignment { align: 0x3000 },
            "the alignment 0x3000 is not a power of two of at least 0x1000",
        ),
        (
            &E::Unaligned {
                address: AT,
                size: 0x20_0000,
            },
            "0x40000000 is not a multiple of 0x200000",
        ),
        (
            &E::OutsideHalf { address: AT },
            "0x40000000 and what follows does not lie in this half of the address space",
        ),
        (
            &E::Overlap { base: AT },
            "the region at 0x40000000 is in the way",
        ),
        (&E::NoRoom, "there is no gap of that size within the bounds"),
        (&E::FixedNeedsAddress, "a fixed region needs an address"),
        (
            &E::NoSlot { address: AT },
            "the level 4 slot of 0x40000000 has no table: it is not the kernel half's to map",
        ),
        (
            &E::BadFaultAround { pages: 3 },
            "fault-around is a power of two from 1 to 512, not 3",
        ),
        (
            &E::GivenMemory {
                start: PhysAddr::new(start),
            },
            "the memory at 0x40000000 is mapped into the kernel half as a device's only",
        ),
        (&E::UserInKernelHalf, "the kernel half is not for user mode"),
        (
            &E::BadDeviceAddress { start },
            "device memory at 0x40000000 is not page-aligned, or past the processor's physical addresses",
        ),
        (
            &E::DeviceIsManaged { start },
            "0x40000000 is ordinary memory, which the frame allocator manages",
        ),
        (
            &E::ExecutableDevice { start },
            "the device memory at 0x40000000 may be read and written, but not executed",
        ),
        (
            &E::OutOfFrames(SHORTAGE),
            "with small pages the region needs 7 frames, and 2 may be handed out: free some memory, or raise the limit",
        ),
    ]);
}

#[test]
fn a_range_that_is_freed_or_moved_and_a_growth() {
    use {FreeRangeError as F, GrowError as G, MoveError as M};
    let (base, address, start) = (AT, AT, AT + 1);
    let unaligned = "0x40000001 and 0x7 are not whole pages: both must be multiples of 0x1000, and the size not 0";
    let needs = |what: &str| {
        format!(
            "{what} needs 7 frames, and 2 may be handed out: free some memory, or raise the limit"
        )
    };
    let (fixed, in_the_way) = (
        "the region at 0x40000000 is fixed and stays",
        "the region at 0x40000000 is in the way",
    );
    assert_words([
        (&F::Unaligned { start, size: 7 }, unaligned),
        (
            &F::OutsideHalf { end: HALF + 4096 },
            "a range that ends at 0x800000001000 leaves the half",
        ),
        (&F::Fixed { base }, fixed),
        (
            &F::OutOfFrames(SHORTAGE),
            &needs("splitting regions and large pages"),
        ),
    ]);
    assert_words([
        (
            &G::Unaligned { by: 7 },
            "0x7 bytes are not whole pages: it must be a multiple of 0x1000, and not 0",
        ),
        (&G::NoRegion { address }, "no region holds 0x40000000"),
        (
            &G::NotTheBase { base },
            "that is inside the allocation at 0x40000000, which grows by its base",
        ),
        (
            &G::NotLazy {
                base,
                backing: Backing::Immediate,
            },
            "the region at 0x40000000 has immediate backing and does not grow: only demand, zero, object and guard regions do",
        ),
        (
            &G::NoSuchPages { first: 7 },
            "the pages from 7 on reach past the end of any object",
        ),
        (
            &G::OutsideHalf { limit: HALF },
            "the half ends at 0x800000000000, before the region would",
        ),
        (&G::InTheWay { base }, in_the_way),
    ]);
    assert_words([
        (&M::Unaligned { start, size: 7 }, unaligned),
        (
            &M::UnalignedTarget { address: start },
            "0x40000001 is not a multiple of 0x1000",
        ),
        (&M::NoRegion { address }, "no region holds 0x40000000"),
        (
            &M::PastTheRegion { base },
            "the range ends behind the region at 0x40000000: pages of one region are moved at a time",
        ),
        (&M::Fixed { base }, fixed),
        (
            &M::OutsideHalf { address },
            "pages at 0x40000000 would leave the half",
        ),
        (&M::InTheWay { base }, in_the_way),
        (&M::OutOfFrames(SHORTAGE), &needs("moving the pages")),
    ]);
}

#[test]
fn giving_back() {
    let backing = Backing::Guard;
    assert_words([
        (
            &FreeError::NoRegion { address: AT },
            "no region holds 0x40000000",
        ),
        (
            &FreeError::NotTheBase { base: AT },
            "that is inside the allocation at 0x40000000, which is freed by its base",
        ),
        (
            &FreeError::Fixed { base: AT },
            "the region at 0x40000000 is fixed and stays",
        ),
        (
            &DiscardError::Unaligned { start: AT, size: 1 },
            "0x40000000 and 0x1 are not whole pages: both must be multiples of 0x1000, and the size not 0",
        ),
        (
            &DiscardError::NoRegion { address: HALF },
            "no region holds 0x800000000000",
        ),
        (
            &DiscardError::NotOnDemand { base: AT, backing },
            "the region at 0x40000000 has guard backing, and its pages do not come back by faults: only those of demand, zero and object regions do",
        ),
        (
            &DiscardError::OutOfFrames(SHORTAGE),
            "splitting a large page needs 7 frames, and 2 may be handed out: free some memory, or raise the limit",
        ),
    ]);
}

#[test]
fn a_change_of_rights() {
    let backing = Backing::Guard;
    assert_words([
        (
            &ProtectError::Unaligned { start: AT, size: 1 },
            "0x40000000 and 0x1 are not whole pages: both must be multiples of 0x1000, and the size not 0",
        ),
        (
            &ProtectError::NoRegion { address: HALF },
            "no region holds 0x800000000000",
        ),
        (
            &ProtectError::NotManaged { base: AT, backing },
            "the rights of the guard region at 0x40000000 cannot be changed",
        ),
        (
            &ProtectError::ExecutableDevice { base: AT },
            "the device region at 0x40000000 may be read and written, but not executed",
        ),
        (
            &ProtectError::OutOfFrames(SHORTAGE),
            "splitting regions and large pages needs 7 frames, and 2 may be handed out: free some memory, or raise the limit",
        ),
    ]);
}

#[test]
fn a_reservation_and_a_page_with_a_frame_of_its_own() {
    let backing = Backing::Zero;
    assert_words([
        (
            &ReserveError::Unaligned { start: AT, size: 1 },
            "0x40000000 and 0x1 are not whole pages: both must be multiples of 0x1000, and the size not 0",
        ),
        (
            &ReserveError::NoRegion { address: HALF },
            "no region holds 0x800000000000",
        ),
        (
            &ReserveError::NotOnDemand { base: AT, backing },
            "the region at 0x40000000 has zero backing: only pages of demand regions are reserved",
        ),
        (
            &ReserveError::OutOfFrames(SHORTAGE),
            "the reservation needs 7 frames, and 2 may be handed out: free some memory, or raise the limit",
        ),
        (
            &BackError::Unaligned { address: AT + 8 },
            "0x40000008 is not a multiple of 0x1000",
        ),
        (
            &BackError::NotOnDemand { page: AT },
            "no demand region holds 0x40000000",
        ),
        (
            &BackError::InUse { page: AT },
            "the page at 0x40000000 is backed already",
        ),
        (
            &BackError::OutOfFrames(SHORTAGE),
            "the way to the page needs 7 frames, and 2 may be handed out: free some memory, or raise the limit",
        ),
    ]);
}

#[test]
fn a_fork() {
    assert_words([
        (
            &ForkError::OutOfFrames(SHORTAGE),
            "the copy needs 7 frames, and 2 may be handed out: free some memory, or raise the limit",
        ),
        (
            &ForkError::TooManyOwners {
                frame: PhysAddr::new(0x7000),
            },
            "the frame 0x7000 has 4294967295 owners already, and more cannot be counted",
        ),
        (
            &ForkError::NotCounted {
                frame: PhysAddr::new(0x7000),
            },
            "the owners of the frame 0x7000 cannot be counted: it is not managed here, or too high",
        ),
    ]);
}

#[test]
fn bytes_from_outside() {
    let at = |refusal| BytesError {
        address: AT.as_u64(),
        refusal,
    };
    assert_words([
        (
            &at(BytesRefusal::Fault {
                refusal: Refusal::NoRegion,
            }),
            "0x40000000: no region holds the address",
        ),
        (
            &at(BytesRefusal::Fault {
                refusal: Refusal::Protection(Access::Write),
            }),
            "0x40000000: the region does not allow writing",
        ),
        (
            &at(BytesRefusal::Device),
            "0x40000000: a device's memory, which is not touched from outside",
        ),
        (
            &at(BytesRefusal::OutsideHalf),
            "0x40000000: outside this half of the address space",
        ),
    ]);
}

#[test]
fn a_memory_a_kernel_half_and_a_space() {
    assert_words([
        (
            &NewMemoryError::NoRoom { frames: 5 },
            "no usable range has 5 frames in a row for the bitmap and the fault log",
        ),
        (
            &NewMemoryError::NoRoom { frames: 1 },
            "no usable range has 1 frame in a row for the bitmap and the fault log",
        ),
        (
            &NewMemoryError::OutOfFrames,
            "no frame is left for the zero frame",
        ),
        (
            &KernelHalfError::NotInKernelHalf {
                start: 255,
                end: 257,
            },
            "the slots 255..257 do not lie in the kernel half, which is 256..512",
        ),
        (
            &KernelHalfError::SlotTaken { slot: 320 },
            "slot 320 of the root is in use already",
        ),
        (
            &KernelHalfError::OutOfFrames(SHORTAGE),
            "the kernel half needs 7 frames, and 2 may be handed out: free some memory, or raise the limit",
        ),
        (
            &OutOfFrames,
            "no frame of this size may be handed out: free some memory, or raise the limit",
        ),
    ]);
}
