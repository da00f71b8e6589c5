//! ELF files, made byte by byte.

use executable::Room;

/// Where programs lie in these tests.
pub(crate) const ROOM: Room = Room {
    start: 0x1_0000,
    end: 0x7fff_0000_0000,
    base: 0x5555_5555_4000,
};

pub(crate) const PT_LOAD: u32 = 1;
pub(crate) const PT_INTERP: u32 = 3;
pub(crate) const PT_TLS: u32 = 7;
pub(crate) const PT_GNU_STACK: u32 = 0x6474_e551;
pub(crate) const PT_GNU_RELRO: u32 = 0x6474_e552;
pub(crate) const R: u32 = 4;
pub(crate) const W: u32 = 2;
pub(crate) const X: u32 = 1;

/// A program header, field by field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) in_file: u64,
    pub(crate) in_memory: u64,
    pub(crate) align: u64,
}

/// A segment to be loaded.
pub(crate) fn load(flags: u32, offset: u64, address: u64, in_file: u64, in_memory: u64) -> Header {
    let (kind, align) = (PT_LOAD, 0x1000);
    Header {
        kind,
        flags,
        offset,
        address,
        in_file,
        in_memory,
        align,
    }
}

/// A file in the making.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) fixed: bool,
    pub(crate) entry: u64,
    pub(crate) headers: Vec<Header>,
    pub(crate) size: usize,
}

impl File {
    /// 12,000 bytes: the headers and some constants, code, and data with zeroes
    /// behind.
    pub(crate) fn good() -> Self {
        Self {
            fixed: true,
            entry: 0x40_1010,
            headers: vec![
                load(R, 0, 0x40_0000, 0x300, 0x300),
                load(R | X, 0x1000, 0x40_1000, 0x1234, 0x1234),
                load(R | W, 0x2800, 0x40_3800, 0x500, 0x3000),
            ],
            size: 12_000,
        }
    }

    /// The same, for any address.
    pub(crate) fn position_independent() -> Self {
        let mut file = Self::good();
        file.fixed = false;
        file.entry -= 0x40_0000;
        for header in &mut file.headers {
            header.address -= 0x40_0000;
        }
        file
    }

    /// The good file with one segment changed.
    pub(crate) fn with(segment: usize, change: impl FnOnce(&mut Header)) -> Self {
        let mut file = Self::good();
        change(&mut file.headers[segment]);
        file
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        bytes.resize(16, 0);
        bytes.extend([if self.fixed { 2 } else { 3 }, 0, 62, 0, 1, 0, 0, 0]);
        bytes.extend(self.entry.to_le_bytes());
        bytes.extend(64_u64.to_le_bytes()); // of the program headers
        bytes.extend([0; 12]); // of the section headers, and flags
        for half in [64, 56, self.headers.len() as u16, 64, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        for header in &self.headers {
            bytes.extend(header.kind.to_le_bytes());
            bytes.extend(header.flags.to_le_bytes());
            let Header {
                offset,
                address,
                in_file,
                in_memory,
                align,
                ..
            } = *header;
            for word in [offset, address, address, in_file, in_memory, align] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes.resize(self.size, 0xcc);
        bytes
    }
}
