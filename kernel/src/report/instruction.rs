//! The instruction that raised an exception, decoded: its text, and the
//! addresses that it asked for.
//!
//! #GP and #SS push no address, so it is worked out from the operands and the
//! registers. The bytes are read from the kernel's text, which is mapped and
//! never written, or from a program's memory, by accesses that may be refused.
//! Nothing here allocates.

use core::fmt;

use x86_64::VirtAddr;
use yaxpeax_x86::long_mode::{InstDecoder, Instruction as Decoded, Opcode, Operand, RegSpec};

use super::backtrace;
use crate::cpu::access;
use crate::cpu::exception::ExceptionContext;
use crate::image;

/// The longest instruction, in bytes (Intel SDM vol. 2A, 2.3.11).
const LONGEST: u64 = 15;

/// A decoded instruction, and the registers at it.
pub(super) struct Instruction<'a> {
    decoded: Decoded,
    context: &'a ExceptionContext,
}

impl<'a> Instruction<'a> {
    /// Decodes the instruction that the context points to. `None` outside of the
    /// kernel's text or the program's memory, or if the bytes there are none.
    #[must_use]
    pub(super) fn at(context: &'a ExceptionContext) -> Option<Self> {
        if context.is_programs() {
            return Self::of_program(context);
        }
        let start = VirtAddr::try_new(context.rip).ok()?;
        let text = image::text().filter(|text| text.contains(&start))?;
        let length = LONGEST.min(text.end - start) as usize;
        // SAFETY: these bytes are code of this kernel, which is mapped for
        // reading as long as it runs, and which nobody writes to.
        let bytes = unsafe { core::slice::from_raw_parts(start.as_ptr::<u8>(), length) };
        let decoded = InstDecoder::default().decode_slice(bytes).ok()?;
        Some(Self { decoded, context })
    }

    fn of_program(context: &'a ExceptionContext) -> Option<Self> {
        let mut bytes = [0; LONGEST as usize];
        let length = access::read_program(context.rip, &mut bytes);
        let decoded = InstDecoder::default().decode_slice(&bytes[..length]).ok()?;
        Some(Self { decoded, context })
    }

    /// The first address that the instruction asked for and that is not canonical.
    #[must_use]
    pub(super) fn non_canonical(&self) -> Option<u64> {
        let size = self
            .decoded
            .mem_size()
            .and_then(|size| size.bytes_size())
            .map_or(1, u64::from);
        self.addresses()
            .flat_map(|first| [first, first.wrapping_add(size - 1)])
            .find(|address| !is_canonical(*address))
    }

    /// The addresses of its operands in memory, and of where it jumps to.
    fn addresses(&self) -> impl Iterator<Item = u64> + '_ {
        let operands = (0..self.decoded.operand_count()).map(|index| self.decoded.operand(index));
        let returns = (self.decoded.opcode() == Opcode::RETURN)
            .then(|| self.pushed())
            .flatten();
        operands
            .filter_map(|operand| self.address(operand))
            .chain(returns)
    }

    fn address(&self, operand: Operand) -> Option<u64> {
        let value = |register| self.register(register);
        let scaled = |index, scale| Some(value(index)?.wrapping_mul(u64::from(scale)));
        let plus = |address: u64, disp: i32| address.wrapping_add_signed(i64::from(disp));
        match operand {
            Operand::Register { reg }
                if matches!(self.decoded.opcode(), Opcode::CALL | Opcode::JMP) =>
            {
                value(reg)
            }
            Operand::AbsoluteU64 { addr } => Some(addr),
            Operand::MemDeref { base } => value(base),
            Operand::Disp { base, disp } => Some(plus(value(base)?, disp)),
            Operand::MemIndexScale { index, scale } => scaled(index, scale),
            Operand::MemIndexScaleDisp { index, scale, disp } => {
                Some(plus(scaled(index, scale)?, disp))
            }
            Operand::MemBaseIndexScale { base, index, scale } => {
                Some(value(base)?.wrapping_add(scaled(index, scale)?))
            }
            Operand::MemBaseIndexScaleDisp {
                base,
                index,
                scale,
                disp,
            } => Some(plus(value(base)?.wrapping_add(scaled(index, scale)?), disp)),
            _ => None,
        }
    }

    /// The word that was pushed last.
    fn pushed(&self) -> Option<u64> {
        let rsp = self.context.rsp;
        if self.context.is_programs() {
            let mut bytes = [0; 8];
            let is_there = access::read_program(rsp, &mut bytes) == bytes.len();
            is_there.then(|| u64::from_le_bytes(bytes))
        } else {
            backtrace::word(rsp)
        }
    }

    /// What a general register held when the instruction began. What is
    /// relative to RIP lies near the kernel, and is always canonical.
    fn register(&self, register: RegSpec) -> Option<u64> {
        let numbered = self.context.general_registers();
        let (_, value) = numbered
            .into_iter()
            .zip(0..)
            .map(|((_, value), number)| (RegSpec::q(number), value))
            .find(|(other, _)| *other == register)?;
        Some(value)
    }
}

impl fmt::Display for Instruction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decoded.fmt(f)
    }
}

/// Whether bits 48 to 63 repeat bit 47.
#[must_use]
pub(super) fn is_canonical(address: u64) -> bool {
    VirtAddr::try_new(address).is_ok()
}

/// The general registers whose values are no addresses, by name.
pub(super) struct NonCanonicalRegisters<'a>(pub(super) &'a ExceptionContext);

impl fmt::Display for NonCanonicalRegisters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut none = true;
        for (name, value) in self.0.general_registers() {
            if !is_canonical(value) {
                write!(f, "{}{name}={value:#018x}", if none { "" } else { ", " })?;
                none = false;
            }
        }
        if none {
            f.write_str("none")?;
        }
        Ok(())
    }
}
