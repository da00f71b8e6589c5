//! An ELF file of the shape that a linker writes for a kernel, for tests.

use object::Endianness;
use object::build::elf::{Builder, SectionData};
use object::elf;

/// Code at 0x1000 and `config` at 0x3000 in two segments, with a symbol and 100,000 bytes of debug
/// information behind them. `kind` is `ET_DYN` for a position-independent file, or `ET_EXEC`.
pub(crate) fn kernel_with(config_section: &str, config: Vec<u8>, kind: u16) -> Vec<u8> {
    let mut builder = Builder::new(Endianness::Little, true);
    builder.header.e_type = kind;
    builder.header.e_machine = elf::EM_X86_64;
    builder.header.e_entry = 0x1000;
    builder.header.e_phoff = 0x40;
    builder.load_align = 0x1000;
    let code = (0..=255).cycle().take(5000).collect();
    let loaded = [
        (".text", 0x1000, elf::SHF_ALLOC | elf::SHF_EXECINSTR, code),
        (config_section, 0x3000, elf::SHF_ALLOC, config),
    ];
    for (name, at, flags, data) in loaded {
        let section = builder.sections.add();
        section.name = name.to_owned().into_bytes().into();
        section.sh_type = elf::SHT_PROGBITS;
        section.sh_flags = flags.into();
        section.sh_size = data.len() as u64;
        (section.sh_addr, section.sh_offset, section.sh_addralign) = (at, at, 16);
        section.data = SectionData::Data(data.into());
        let id = section.id();
        let segment = builder.segments.add_load_segment(elf::PF_R, 0x1000);
        segment.append_section_range(builder.sections.get(id));
        segment.sections.push(id);
    }
    let debug = SectionData::Data(vec![0xDB; 100_000].into());
    let not_loaded = [
        (".debug_info", debug, elf::SHT_PROGBITS),
        (".symtab", SectionData::Symbol, elf::SHT_SYMTAB),
        (".strtab", SectionData::String, elf::SHT_STRTAB),
        (".shstrtab", SectionData::SectionString, elf::SHT_STRTAB),
    ];
    for (name, data, kind) in not_loaded {
        let section = builder.sections.add();
        section.name = name.as_bytes().into();
        section.sh_type = kind;
        section.sh_addralign = 1;
        section.data = data;
    }
    let symbol = builder.symbols.add();
    symbol.name = b"kernel_main".as_slice().into();
    symbol.st_value = 0x1000;
    symbol.st_shndx = elf::SHN_ABS;
    builder.set_section_sizes();
    let mut bytes = Vec::new();
    builder
        .write(&mut bytes)
        .expect("the fixture is a file that can be written");
    bytes
}
