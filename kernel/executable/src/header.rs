//! The head of an ELF file: the ELF header, and the program headers after it.
//!
//! What must always hold: only the first [`HEAD`] bytes are read, and no
//! arithmetic on the file's numbers overflows unnoticed.

use object::LittleEndian as LE;
use object::elf::{
    self, ELFCLASS64, ELFDATA2LSB, ELFMAG, EM_X86_64, ET_DYN, ET_EXEC, PT_INTERP, PT_LOAD,
};
use object::read::ReadRef;

use crate::{Error, HEAD, Kind, PAGE, Room, Segment};

pub(crate) type ProgramHeader = elf::ProgramHeader64<LE>;
type FileHeader = elf::FileHeader64<LE>;

const FILE_HEADER: u64 = size_of::<FileHeader>() as u64;
/// Bytes of a program header (`AT_PHENT`).
pub(crate) const PROGRAM_HEADER: u64 = size_of::<ProgramHeader>() as u64;

/// The head of a file of the right kind.
pub(crate) struct Header<'head> {
    file: &'head FileHeader,
    kind: Kind,
    programs: &'head [ProgramHeader],
}

impl<'head> Header<'head> {
    /// Finds the headers in the first bytes of a file.
    pub(crate) fn read(head: &'head [u8]) -> Result<Self, Error> {
        let head = &head[..head.len().min(HEAD)];
        if !head.starts_with(&ELFMAG) {
            return Err(Error::NotElf);
        }
        let file: &FileHeader = head
            .read_at(0)
            .map_err(|()| Error::Truncated { size: head.len() })?;
        let (class, data) = (file.e_ident.class, file.e_ident.data);
        if (class, data) != (ELFCLASS64, ELFDATA2LSB) {
            return Err(Error::Format { class, data });
        }
        let machine = file.e_machine.get(LE);
        if machine != EM_X86_64 {
            return Err(Error::Machine(machine));
        }
        let kind = match file.e_type.get(LE) {
            ET_EXEC => Kind::Fixed,
            ET_DYN => Kind::PositionIndependent,
            other => return Err(Error::Type(other)),
        };
        let bytes = file.e_phentsize.get(LE);
        let count = file.e_phnum.get(LE);
        if count == 0 {
            return Err(Error::NoSegment);
        }
        if u64::from(bytes) != PROGRAM_HEADER {
            return Err(Error::HeaderSize(bytes));
        }
        let offset = file.e_phoff.get(LE);
        let programs: &[ProgramHeader] = head
            .read_slice_at(offset, count.into())
            .map_err(|()| Error::HeadersOutside { offset, count })?;
        if offset < FILE_HEADER {
            return Err(Error::HeadersOutside { offset, count });
        }
        if programs
            .iter()
            .any(|header| header.p_type.get(LE) == PT_INTERP)
        {
            return Err(Error::Interpreter);
        }
        Ok(Self {
            file,
            kind,
            programs,
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The first instruction, by the file's own addresses.
    pub(crate) fn entry(&self) -> u64 {
        self.file.e_entry.get(LE)
    }

    pub(crate) fn count(&self) -> u16 {
        self.file.e_phnum.get(LE)
    }

    /// The headers of what is to be loaded.
    pub(crate) fn loads(&self) -> impl Iterator<Item = &'head ProgramHeader> {
        let is_load = |header: &&ProgramHeader| header.p_type.get(LE) == PT_LOAD;
        self.programs.iter().filter(is_load)
    }

    /// What is to be added to the file's addresses, modulo 2^64: 0 for a fixed
    /// program; another begins at the room's base, as aligned as it asks for.
    pub(crate) fn bias(&self, room: Room) -> Result<u64, Error> {
        let mut most = PAGE;
        for load in self.loads() {
            let align = load.p_align.get(LE);
            // 0 and 1 ask for nothing.
            if align != 0 && !align.is_power_of_two() {
                let address = load.p_vaddr.get(LE);
                return Err(Error::Alignment { address, align });
            }
            most = most.max(align);
        }
        let Some(first) = self.loads().next() else {
            return Err(Error::NoSegment);
        };
        match self.kind {
            Kind::Fixed => Ok(0),
            Kind::PositionIndependent => {
                let first = first.p_vaddr.get(LE);
                let base = room.base.checked_next_multiple_of(most);
                let base = base.ok_or(Error::Outside {
                    start: room.base,
                    end: u64::MAX,
                })?;
                Ok(base.wrapping_sub(first & !(most - 1)))
            }
        }
    }

    /// Where the program headers lie in memory, if the file's part of a segment
    /// holds them all.
    pub(crate) fn address(&self, segments: &[Segment]) -> Option<u64> {
        let offset = self.file.e_phoff.get(LE);
        let end = offset + u64::from(self.count()) * PROGRAM_HEADER;
        let holds = |segment: &&Segment| {
            let bytes = segment.file_bytes();
            bytes.start <= offset && end <= bytes.end
        };
        let segment = segments.iter().find(holds)?;
        Some(segment.pages().start + (offset - segment.offset))
    }
}
