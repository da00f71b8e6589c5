//! Parts of a report in words: the error code of a page fault, the way through
//! the tables, and the columns that all of it is set in.

use core::fmt::{self, Write};

use memory::paging::Walk;
use x86_64::VirtAddr;
use x86_64::registers::control::Cr3;
use x86_64::structures::idt::PageFaultErrorCode;

use crate::cpu::features;
use crate::{boot, physical};

/// A page fault's error code, bit by bit (Intel SDM vol. 3A, 4.7).
pub(super) struct ErrorCode(pub(super) u64);

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        type Code = PageFaultErrorCode;
        let code = Code::from_bits_retain(self.0);
        let either = |bit, set, clear| if code.contains(bit) { set } else { clear };
        let access = if code.contains(Code::INSTRUCTION_FETCH) {
            "instruction fetch"
        } else {
            either(Code::CAUSED_BY_WRITE, "write", "read")
        };
        let mode = either(Code::USER_MODE, "user mode", "supervisor mode");
        let present = either(
            Code::PROTECTION_VIOLATION,
            "page present",
            "page not present",
        );
        write!(f, "{:#x}: {access}, {mode}, {present}", self.0)?;
        let rare = [
            (Code::MALFORMED_TABLE, "reserved bit set"),
            (Code::PROTECTION_KEY, "protection key"),
            (Code::SHADOW_STACK, "shadow stack"),
            (Code::SGX, "SGX"),
            (Code::RMP, "RMP"),
        ];
        rare.iter()
            .filter(|(bit, _)| code.contains(*bit))
            .try_for_each(|(_, name)| write!(f, ", {name}"))
    }
}

/// The way through the loaded tables, as the processor goes it. No lock is
/// needed: entries are only read. `None` until it is known what memory there is.
pub(super) fn walk(address: VirtAddr) -> Option<Walk> {
    let boot = boot::try_info()?;
    let (root, _) = Cr3::read();
    Some(Walk::through(address, root.start_address(), |place| {
        let mut memory = physical::managed(boot.memory_regions, features::detect());
        memory.any(|range| range.contains(place)).then(|| {
            let entry = boot.physical_memory_offset + place.as_u64();
            // SAFETY: this memory exists, so the direct map shows it, and an
            // entry is aligned. The processor may write its flags meanwhile.
            unsafe { entry.as_ptr::<u64>().read_volatile() }
        })
    }))
}

/// A fact under its name; further lines of it stand below the first.
pub(super) struct Fact<T>(pub(super) &'static str, pub(super) T);

/// Width of the column of names, and the indentation before it, in characters.
const NAMES: usize = 13;
const INDENTATION: usize = 2;

impl<T: fmt::Display> fmt::Display for Fact<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, fact) = self;
        write!(f, "{:INDENTATION$}{name:<NAMES$}", "")?;
        write!(Indented(f), "{fact}")
    }
}

/// Writes text whose every line but the first is indented.
struct Indented<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Indented<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                write!(self.0, "\n{:width$}", "", width = INDENTATION + NAMES)?;
            }
            self.0.write_str(line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test_case]
    fn an_error_code_is_told_bit_by_bit() {
        assert_eq!(
            ErrorCode(0).to_string(),
            "0x0: read, supervisor mode, page not present"
        );
        assert_eq!(
            ErrorCode(0b0_0111).to_string(),
            "0x7: write, user mode, page present"
        );
        assert_eq!(
            ErrorCode(0b1_1001).to_string(),
            "0x19: instruction fetch, supervisor mode, page present, reserved bit set"
        );
    }

    #[test_case]
    fn the_walk_through_the_loaded_tables_agrees_with_the_space() {
        let mine = VirtAddr::new(walk as fn(_) -> _ as usize as u64);
        let walked = walk(mine).expect("memory is known");
        assert_eq!(
            walked,
            crate::spaces::kernel_half(|space, _| space.walk(mine))
        );
        assert!(walked.physical().is_some());
    }

    #[test_case]
    fn the_lines_of_a_fact_stand_below_each_other() {
        assert_eq!(
            Fact("walk:", "one\ntwo").to_string(),
            "  walk:        one\n               two"
        );
    }
}
