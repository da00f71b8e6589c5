//! Frames, page tables, regions and page-fault resolution for x86_64 kernels.
//!
//! When does virtual memory become physical? This crate is the part of a kernel
//! that decides it: at once, on the first touch, or on the first write. It
//! executes no privileged instruction, takes no lock, prints nothing and needs
//! no heap, so the same code runs in a kernel and, against ordinary memory in
//! the place of physical memory, in tests on the host.
//!
//! # Layers
//!
//! Each knows only those above it in this table.
//!
//! | module | is |
//! |---|---|
//! | [`memory_map`] | what the boot loader says about memory, made sorted, clipped and free of overlaps |
//! | [`frames`] | the physical memory manager: who has which 4 KiB frame |
//! | [`direct_map`] | the one place where a frame becomes a pointer |
//! | [`paging`] | four-level tables, and the one cursor that edits them |
//! | [`physical`] | frames, direct map, the zero frame and the [`journal`] of faults, as all spaces share them |
//! | [`gather`] | what was taken out of the tables, until the processor has forgotten it ([`tlb`]) |
//! | [`space`] | address spaces: regions, their backing, [`Space::resolve`] and [`Space::audit`] |
//! | [`heap`] | the kernel heap over such a space: size classes, growth, trim |
//!
//! # In a kernel of your own
//!
//! Chapter 11 of the book, `docs/11-memory-in-your-kernel.md`, does it step by
//! step; chapter 12, `docs/12-where-next.md`, says what comes next.
//!
//! The kernel brings five things: the boot loader's memory map, an address at
//! which all physical memory is mapped, what CPUID says ([`Features`]), a way to
//! make the processor forget translations ([`Tlb`]), and a page-fault handler
//! that calls [`Space::resolve`]. This example runs on the host, where a piece
//! of ordinary memory plays 4 MiB of physical memory from 1 MiB on:
//!
//! ```
//! use memory::frames::{Frames, Layout};
//! use memory::journal::{Event, RING};
//! use memory::memory_map::{Kind, MemoryMap, Region};
//! use memory::space::{Backing, Request};
//! use memory::{Access, DirectMap, Fault, Features, Flush, Outcome, Physical, Scope, Space, Tlb};
//! use x86_64::VirtAddr;
//!
//! #[repr(align(4096))]
//! struct Page(#[allow(dead_code)] [u8; 4096]);
//!
//! /// On a processor: INVLPG, or CR3 loaded anew. Nothing is cached here.
//! struct Processor;
//! impl Tlb for Processor {
//!     fn flush(&mut self, _: Scope, _: Flush<'_>) {}
//! }
//!
//! // What the boot loader tells: unsorted, unaligned, overlapping, as it comes.
//! let regions = [
//!     Region { start: 0x10_0000, end: 0x50_0000, kind: Kind::Usable },
//!     Region { start: 0x0, end: 0x9_fc00, kind: Kind::Usable },
//!     Region { start: 0x10_0000, end: 0x10_0800, kind: Kind::Reserved },
//! ];
//! let features = Features {
//!     gigabyte_pages: false,
//!     no_execute: true,
//!     global_pages: true,
//!     physical_bits: 40,
//! };
//! let map = MemoryMap::new(regions).physical_bits(features.physical_bits);
//!
//! // Physical memory, shown at an offset.
//! let pages: Vec<Page> = (0..1024).map(|_| Page([0; 4096])).collect();
//! let start = pages.leak().as_mut_ptr().expose_provenance() as u64;
//! // SAFETY: all usable memory is mapped there for good, and only used through this.
//! let direct_map = unsafe { DirectMap::new(VirtAddr::new(start - 0x10_0000)) };
//!
//! // The frame allocator keeps its bitmap in frames of its own.
//! let layout = Layout::of(map.managed());
//! let held = layout.place(map.managed()).ok_or("no room for the bitmap")?;
//! let words: *mut u64 = direct_map.address_of(held.start()).as_mut_ptr();
//! // SAFETY: the place lies in the memory above, and the allocator reserves it.
//! let storage = unsafe { core::slice::from_raw_parts_mut(words, layout.words()) };
//! // SAFETY: nothing else uses what is usable in the map, and `held` holds the storage.
//! let frames = unsafe { Frames::new(map.managed(), storage, held)? };
//! assert_eq!(frames.counts().total, 1023); // a frame that is reserved in part is not used
//!
//! // The kernel half, which regions of the kernel go into, and a space.
//! let mut events = [Event::NONE; RING];
//! let mut physical = Physical::new(frames, direct_map, features, &mut events)?;
//! let mut tlb = Processor;
//! let kernel = Space::new_kernel_half(510..511, &[], &mut physical).expect("enough frames");
//! let mut space = Space::new(&kernel, &mut physical)?;
//!
//! // A region on demand takes no frame for its pages,
//! let request = Request::new(0x10_0000, Backing::Demand).label("heap");
//! let region = space.allocate(request, &mut physical, &mut tlb).expect("room");
//! assert_eq!(physical.frames().counts().private, 0);
//!
//! // until one is touched. This fault would come with CR2 and an error code.
//! let touched = region.base + 0x1234_u64;
//! let fault = Fault::supervisor(touched, Access::Write);
//! assert_eq!(space.resolve(fault, &mut physical, &mut tlb), Outcome::Demand);
//! assert_eq!(physical.frames().counts().private, 1);
//! let memory = space.translate(touched).expect("mapped now");
//! assert_eq!(memory.as_u64() % 0x1000, 0x234);
//!
//! // Outside of all regions there is nothing to resolve, and nothing changes.
//! let stray = Fault::supervisor(region.base - 1_u64, Access::Read);
//! let outcome = space.resolve(stray, &mut physical, &mut tlb);
//! assert_eq!(outcome.to_string(), "the null page: address 0 and the 4095 after it are never mapped");
//!
//! // Every frame is accounted for, every table is needed, every leaf is right.
//! let audit = kernel.audit(&physical);
//! let mut scratch = vec![0; audit.words()];
//! let report = audit.run([&space].into_iter(), &mut scratch)?;
//! assert_eq!((report.regions, report.private), (1, 1));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! In a kernel the fault handler builds [`Fault`] from CR2 and the error code,
//! calls [`Space::resolve`] and returns with `iretq`; on [`Outcome::Refused`]
//! it reports. A device driver asks for a region with
//! [`Backing::Device`](space::Backing::Device), a loader of programs for one
//! with other [`Rights`](space::Rights), and everything goes back with
//! [`Space::free`].
#![no_std]
#![deny(unsafe_code)]
#![deny(missing_docs)]

pub mod audit;
pub mod direct_map;
pub mod fault;
pub mod fault_log;
pub mod features;
mod flush;
pub mod frames;
pub mod heap;
pub mod memory;
pub mod memory_map;
pub mod paging;
pub mod space;
pub mod tlb;

pub use audit::Audit;
pub use direct_map::DirectMap;
pub use fault::{Access, Cause, Fault, Outcome, Refusal};
pub use features::Features;
pub use memory::{Memory, NewMemoryError};
pub use space::{KernelHalf, Space};
pub use tlb::{Flush, Scope, Tlb};
