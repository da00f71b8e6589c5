//! Frames, page tables, regions and page-fault resolution for x86_64 kernels.
//!
//! When does virtual memory become physical? This crate is the part of a kernel
//! that decides it: at once, on the first touch, or on the first write. It
//! executes no privileged instruction, prints nothing and needs no heap, so the
//! same code runs in a kernel and, with ordinary memory as physical memory, in
//! tests on the host.
//!
//! # Layers
//!
//! Each layer knows only those above it in this table.
//!
//! | module | is | knows |
//! |---|---|---|
//! | [`memory_map`] | the boot loader's regions made sorted, clipped, non-overlapping | nothing |
//! | [`frames`] | the physical memory manager: a bitmap of 4 KiB frames with summary levels; owned [`Frame`](frames::Frame)s | ranges |
//! | [`direct_map`] | the one place where a frame becomes bytes: zero, copy, read, write | frames |
//! | [`paging`] | 4-level tables: typed entries, and the cursor that is the only way to write one | frames, direct map |
//! | [`slot`] | places for pages on a disk, by number | frames |
//! | [`policy`] | which pages go when frames are short | nothing |
//! | [`object`] | pages by offset that belong to no address space: shared memory, files | paging |
//! | [`memory`](mod@memory) | the one handle that all operations take: the layers above, the zero frame, the owner counts of shared frames, the [`Tlb`] and the [`fault_log`] | all above |
//! | `flush` | the batch of what was taken out of the tables, freed only after the flush ([`tlb`]) | the handle |
//! | [`space`] | address spaces: regions, their backing, [`resolve`](Space::resolve), and [`fork`](Space::fork): a copy that shares its pages until one of the two writes | all above |
//! | [`audit`] | checks all invariants, from outside | all above |
//! | [`heap`] | the kernel heap's policy: size classes, growth and trim | a trait for a span of memory |
//! | [`demand`] | that trait over regions on demand | space and heap |
//!
//! # In a kernel of your own
//!
//! The kernel brings five things: the boot loader's memory map, an address at
//! which all physical memory is mapped, what CPUID says ([`Features`]), a way to
//! flush translations ([`Tlb`]), and a page-fault handler that calls `resolve`.
//! Chapter 11 of the book, `docs/11-memory-in-your-kernel.md`, does it step by
//! step. This example runs on the host, where 4 MiB of ordinary memory are the
//! physical memory from 1 MiB on:
//!
//! ```
//! use faultline_memory::memory_map::{Kind, Region};
//! use faultline_memory::space::{Backing, Request};
//! use faultline_memory::{Access, Audit, Fault, Features, Flush, KernelHalf, Memory, Outcome, Scope, Space, Tlb};
//! # #[repr(align(4096))]
//! # struct Page(#[allow(dead_code)] [u8; 4096]);
//! # let pages: Vec<Page> = (0..1024).map(|_| Page([0; 4096])).collect();
//! # let start = pages.leak().as_mut_ptr().expose_provenance() as u64;
//! # let offset = x86_64::VirtAddr::new(start - 0x10_0000);
//! # let cpuid = |_: u32| [0x8000_0008, 0, 0, 1 << 13 | 1 << 20 | 1 << 26];
//!
//! struct Processor; // Here nothing is cached. In a kernel: INVLPG, or CR3 reloaded.
//! impl Tlb for Processor {
//!     fn flush(&self, _: Scope, _: Flush<'_>) {}
//! }
//!
//! let regions = [Region { start: 0x10_0000, end: 0x50_0000, kind: Kind::Usable }];
//! let features = Features::from_cpuid(cpuid);
//! // SAFETY: physical memory is mapped at `offset`, and nobody else uses it.
//! let memory = unsafe { Memory::new(regions, offset, features, &Processor)? };
//! // SAFETY: it is the machine's one kernel half.
//! let kernel = unsafe { KernelHalf::new(510..511, &[], &memory)? };
//! let mut space = Space::new(&kernel, &memory)?;
//!
//! // A region on demand takes no frame for its pages,
//! let request = Request::new(0x10_0000, Backing::Demand).label("data");
//! let region = space.allocate(request, &memory)?;
//! assert_eq!(memory.counts().private, 0);
//!
//! // until one is touched. In a kernel this fault is CR2 and an error code.
//! let touched = region.base + 0x1234;
//! let fault = Fault::supervisor(touched, Access::Write);
//! assert_eq!(space.resolve(&fault, &memory), Outcome::Demand);
//! assert_eq!(memory.counts().private, 1);
//! let physical = space.translate(touched).expect("mapped now");
//! assert_eq!(physical.as_u64() % 0x1000, 0x234);
//!
//! // Outside of all regions there is nothing to resolve, and nothing changes.
//! let stray = Fault::supervisor(region.base - 1, Access::Read);
//! let outcome = space.resolve(&stray, &memory);
//! assert_eq!(outcome.to_string(), "the null page: address 0 and the 4095 after it are never mapped");
//!
//! // Every frame is accounted for, every table is needed, every leaf is right.
//! let audit = Audit::of(&kernel, &memory);
//! let mut scratch = vec![0; audit.words()];
//! let report = audit.run([&space].into_iter(), &mut scratch)?;
//! assert_eq!((report.regions, report.private), (1, 1));
//!
//! // The region goes, and its frame with it.
//! assert_eq!(space.free(region.base, &memory)?, 1);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! On any [`Outcome`] but [`Refused`](Outcome::Refused) the fault handler returns
//! with `iretq`; on that one it reports. A device driver asks for a region with
//! [`Backing::Device`](space::Backing::Device), through
//! [`KernelHalf::map_device`]; a loader of programs asks for one with other
//! [`Rights`](space::Rights). In a [`Space`], where no Rust value lives, every
//! operation but [`destroy`](Space::destroy) is safe. In the [`KernelHalf`] whatever
//! could take memory from under a reference is an `unsafe fn`.
//!
//! # Cargo features
//!
//! - `heap`, on by default: the modules [`heap`] and [`demand`]. Without it the
//!   crate does not depend on `linked_list_allocator`.
//! - `checks`: the heap checks each block in optimised builds, too. With debug
//!   assertions it always does.
//!
//! # What may grow
//!
//! Errors, and what an audit finds, are `#[non_exhaustive]`: a later version may
//! refuse for one more reason. What a kernel has to answer is not, so that its
//! `match` needs no `_` and the compiler names what is new: [`Outcome`] and
//! [`Refusal`], [`Backing`](space::Backing), [`EntryKind`](paging::EntryKind),
//! [`Content`](space::Content), [`FrameKind`](frames::FrameKind),
//! [`Eviction`](space::Eviction). A new one of these comes with a new major version.
#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs)]

pub mod audit;
#[cfg(feature = "heap")]
pub mod demand;
pub mod direct_map;
pub mod fault;
pub mod fault_log;
pub mod features;
mod flush;
pub mod frames;
#[cfg(feature = "heap")]
pub mod heap;
pub mod memory;
pub mod memory_map;
pub mod object;
pub mod paging;
pub mod policy;
pub mod slot;
pub mod space;
pub mod tlb;
pub mod words;

pub use audit::Audit;
pub use direct_map::DirectMap;
pub use fault::{Access, Cause, Fault, Outcome, Refusal};
pub use features::Features;
pub use memory::{Memory, NewMemoryError};
pub use object::{Object, ObjectId, ObjectKind, Sharing};
pub use slot::Slot;
pub use space::{KernelHalf, Space};
pub use tlb::{Flush, Scope, Tlb};
/// Addresses, pages and frames are this crate's, and of this version of it.
pub use x86_64;

/// The set-up that the crate is shown with.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// Programs that must not compile, each beside one that does.
#[cfg(doctest)]
#[doc = include_str!("../tests/misuse.md")]
mod misuse {}
