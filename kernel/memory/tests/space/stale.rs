//! Stale translations: each operation that takes a right or a frame away makes
//! every processor forget it, and a flush that is left out is noticed.

use faultline_memory::space::{Backing, Request, Rights};
use faultline_memory::{Access, Flush, Refusal, Scope};
use x86_64::VirtAddr;

use crate::common::machine::{KERNEL_BASE, Machine};
use crate::common::operations::{BIG, Half, KERNEL, LOW, PAGE, at};
use crate::common::processors::Stale;

const BASE: u64 = 0x4000_0000;

/// What takes something away from pages that both processors know.
#[derive(Clone, Copy, Debug)]
enum Taking {
    Write,
    Execute,
    Pages,
    Region,
    ZeroFrame,
    ZeroBlock,
}

const ALL: [Taking; 6] = [
    Taking::Write,
    Taking::Execute,
    Taking::Pages,
    Taking::Region,
    Taking::ZeroFrame,
    Taking::ZeroBlock,
];

impl Taking {
    /// A machine whose processor 1 remembers what is to be taken.
    fn machine(self, half: Half, base: u64) -> Machine {
        let mut machine = Machine::new();
        let request = match self {
            Self::Write | Self::Pages | Self::Region => Request::new(BIG, Backing::Demand),
            Self::Execute => Request::new(BIG, Backing::Demand).rights(Rights::ReadExecute),
            Self::ZeroFrame => Request::new(BIG, Backing::Zero),
            Self::ZeroBlock => Request::new(BIG, Backing::Zero)
                .page_size(faultline_memory::paging::LeafSize::Size2MiB),
        };
        machine.allocate(half, request.placement(at(base)));
        let access = match self {
            Self::Write | Self::Pages | Self::Region => Access::Write,
            Self::Execute => Access::Execute,
            Self::ZeroFrame | Self::ZeroBlock => Access::Read,
        };
        for page in 0..3 {
            let page = base + page * PAGE;
            machine.access(1, page, access, false).expect("allowed");
        }
        machine
    }

    /// Takes it, by processor 0.
    fn take(self, machine: &mut Machine, half: Half, base: u64) {
        let start = VirtAddr::new(base);
        machine.with(half, |space, memory| match self {
            Self::Write | Self::Execute => space
                .protect(start, PAGE, Rights::Read, memory)
                .expect("a demand region"),
            Self::Pages => {
                let gone = space.discard(start, PAGE, memory);
                assert_eq!(gone, Ok(1));
            }
            Self::Region => {
                assert_eq!(space.free(start, memory), Ok(3));
            }
            Self::ZeroFrame | Self::ZeroBlock => {
                let wrote = space.write(start, &[1], memory);
                assert_eq!(wrote, Ok(()));
            }
        });
    }
}

#[test]
fn nothing_stale_is_left_behind() {
    for taking in ALL {
        for (half, base) in [(LOW, BASE), (KERNEL, KERNEL_BASE)] {
            let mut machine = taking.machine(half, base);
            taking.take(&mut machine, half, base);
            assert_eq!(
                machine.processors().stale(),
                None,
                "{taking:?} at {base:#x}"
            );
            machine.check();
        }
    }
}

#[test]
fn a_flush_that_is_left_out_is_noticed() {
    for taking in ALL {
        for (half, base) in [(LOW, BASE), (KERNEL, KERNEL_BASE)] {
            let mut machine = taking.machine(half, base);
            machine.processors().ignored = usize::MAX;
            taking.take(&mut machine, half, base);
            let stale = machine.processors().stale();
            assert!(
                matches!(
                    stale,
                    Some(Stale::Leaf { processor: 1, .. } | Stale::Upper { processor: 1, .. })
                ),
                "{taking:?} at {base:#x}: {stale:?}"
            );
        }
    }
}

#[test]
fn a_table_that_goes_after_an_early_flush_is_flushed_itself() {
    let mut machine = Machine::new();
    let request = Request::new(257 * PAGE, Backing::Demand);
    machine.allocate(LOW, request.placement(at(BASE)));
    // From the last page on, so that the frames of neighbours are no run.
    for page in (0..257).rev() {
        machine
            .write_on(1, BASE + page * PAGE, 1)
            .expect("writable");
    }
    machine.processors().flushed.clear();
    // The 257th frame finishes the batch early, and only then its leaf table,
    // which other processors may have walked through meanwhile, is empty.
    assert_eq!(machine.free(LOW, BASE), 257);
    assert_eq!(machine.processors().flushed.len(), 2);
}

#[test]
fn a_processor_that_was_not_flushed_reads_zeroes_for_ever() {
    let mut machine = Taking::ZeroFrame.machine(LOW, BASE);
    machine.processors().ignored = 1;
    Taking::ZeroFrame.take(&mut machine, LOW, BASE);
    assert_eq!(machine.read(BASE), Ok(1));
    assert_eq!(machine.read_on(1, BASE), Ok(0), "what the flush is for");
    assert_eq!(machine.outcome(), None);
}

#[test]
#[should_panic(expected = "after [PrivateCopy] there is another fault")]
fn a_processor_that_does_not_flush_itself_faults_twice() {
    let mut machine = Taking::ZeroFrame.machine(LOW, BASE);
    machine.processors().ignored = 1;
    let _ = machine.write(BASE, 55);
}

#[test]
fn a_processor_that_was_not_flushed_writes_what_it_may_only_read() {
    let mut machine = Taking::Write.machine(LOW, BASE);
    machine.processors().ignored = 1;
    Taking::Write.take(&mut machine, LOW, BASE);
    assert_eq!(
        machine.write_on(1, BASE, 1),
        Ok(()),
        "what the flush is for"
    );
    let refused = Refusal::Protection(Access::Write);
    assert_eq!(machine.write(BASE, 1), Err(refused));
}

#[test]
#[should_panic(expected = "which is Some(Free)")]
fn a_frame_that_went_back_before_the_flush_is_noticed_at_the_access() {
    let mut machine = Taking::Pages.machine(LOW, BASE);
    machine.processors().ignored = 1;
    Taking::Pages.take(&mut machine, LOW, BASE);
    let _ = machine.read_on(1, BASE);
}

#[test]
fn a_flush_of_one_page_too_few_is_noticed() {
    let mut machine = Taking::Pages.machine(LOW, BASE);
    let root = machine.space(0).root();
    let start = VirtAddr::new(BASE);
    machine.processors().ignored = usize::MAX;
    machine.with(LOW, |space, memory| {
        assert_eq!(space.discard(start, 2 * PAGE, memory), Ok(2));
    });
    machine.processors().ignored = 0;
    let one = [start];
    machine
        .processors()
        .flush(Scope::Space(root), Flush::Pages(&one));
    let (processor, address) = (1, BASE + PAGE);
    let left = machine.processors().stale();
    assert_eq!(left, Some(Stale::Leaf { processor, address }));
    let other = [start + PAGE];
    machine
        .processors()
        .flush(Scope::Space(root), Flush::Pages(&other));
    machine.check();
}

#[test]
fn a_space_that_is_loaded_nowhere_has_nothing_to_forget() {
    let mut machine = Machine::new();
    let other = machine.new_space();
    let request = Request::new(4 * PAGE, Backing::Immediate).placement(at(BASE));
    machine.allocate(Some(other), request);
    machine.load(1, Some(other));
    machine.write_on(1, BASE, 1).expect("writable");
    machine.load(1, LOW);
    machine.free(Some(other), BASE);
    machine.load(1, Some(other));
    assert_eq!(machine.read_on(1, BASE), Err(Refusal::NoRegion));
}
