//! Memory maps of real machines, from the boot loader's words to the last frame.

use faultline_memory::frames::{Frame, FrameKind, Frames, Layout};
use faultline_memory::memory_map::Kind::{self, Reclaimable, Reserved, Usable};
use faultline_memory::memory_map::{MemoryMap, Region};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

type Row = (u64, u64, Kind);

/// QEMU's q35 with SeaBIOS and 128 MiB: the firmware's areas, PCI Express, and
/// the reserved range below 1 TiB that QEMU keeps for AMD's HyperTransport.
const BIOS_128M: [Row; 12] = [
    (0x0, 0x9_fc00, Usable),
    (0x9_fc00, 0xa_0000, Reserved),
    (0xf_0000, 0x10_0000, Reserved),
    (0x10_0000, 0x40_0000, Usable),
    (0x40_0000, 0x5c_3000, Reclaimable), // kernel image, its tables, boot info
    (0x5c_3000, 0x7fe_0000, Usable),
    (0x7fe_0000, 0x800_0000, Reserved),
    (0xb000_0000, 0xc000_0000, Reserved),
    (0xfed1_c000, 0xfed2_0000, Reserved),
    (0xfeff_c000, 0xff00_0000, Reserved),
    (0xfffc_0000, 0x1_0000_0000, Reserved),
    (0xfd_0000_0000, 0x100_0000_0000, Reserved),
];

/// The same machine with 6 GiB: 2 GiB below the hole, 4 GiB above.
const BIOS_6G: [Row; 9] = [
    (0x0, 0x9_fc00, Usable),
    (0x9_fc00, 0xa_0000, Reserved),
    (0xf_0000, 0x10_0000, Reserved),
    (0x10_0000, 0x7ffe_0000, Usable),
    (0x7ffe_0000, 0x8000_0000, Reserved),
    (0xb000_0000, 0xc000_0000, Reserved),
    (0xfffc_0000, 0x1_0000_0000, Reserved),
    (0x1_0000_0000, 0x2_0000_0000, Usable),
    (0xfd_0000_0000, 0x100_0000_0000, Reserved),
];

/// OVMF with 128 MiB: many short regions, in the firmware's order, not sorted.
const UEFI_128M: [Row; 24] = [
    (0x0, 0x1000, Usable),
    (0x1000, 0xa_0000, Usable),
    (0x10_0000, 0x80_0000, Usable),
    (0x80_0000, 0x80_8000, Reserved), // ACPI NVS
    (0x80_8000, 0x80_b000, Usable),
    (0x80_b000, 0x80_c000, Reserved),
    (0x80_c000, 0x81_1000, Usable),
    (0x81_1000, 0x90_0000, Reserved),
    (0x90_0000, 0x158_1000, Usable),
    (0x15c_2000, 0x4f1_6000, Usable),
    (0x158_1000, 0x15c_2000, Reclaimable),
    (0x4f1_6000, 0x52d_0000, Reclaimable),
    (0x52d_0000, 0x5ea_6000, Usable),
    (0x63c_9000, 0x66e_1000, Usable),
    (0x5ea_6000, 0x63c_9000, Reclaimable),
    (0x66e_1000, 0x6ae_d000, Usable),
    (0x6ae_d000, 0x6be_d000, Reserved), // runtime services
    (0x6be_d000, 0x6bf_f000, Reserved), // ACPI tables
    (0x6bf_f000, 0x6c0_0000, Usable),
    (0x6c0_0000, 0x7ee_b000, Usable),
    (0x7f6_f000, 0x7f7_8000, Reserved),
    (0x7ee_b000, 0x7f6_f000, Usable),
    (0x7f7_8000, 0x800_0000, Reserved),
    (0xffc0_0000, 0x1_0000_0000, Reserved),
];

fn regions(rows: &[Row]) -> impl Iterator<Item = Region> + Clone + '_ {
    rows.iter()
        .map(|&(start, end, kind)| Region { start, end, kind })
}

/// Starts an allocator as a kernel does, its storage inside the map.
#[allow(unsafe_code)]
fn start(rows: &[Row]) -> (Frames<'static>, u64) {
    let map = MemoryMap::new(regions(rows)).physical_bits(48);
    let layout = Layout::of(map.managed());
    let held = layout.place(map.managed()).expect("room for the bitmap");
    let storage = vec![u64::MAX; held.bytes() as usize / 8].leak();
    // SAFETY: no memory is behind the frames.
    let frames = unsafe { Frames::new(map.managed(), storage, held) }.expect("the map is clean");
    (frames, layout.words() as u64 * 8)
}

/// Takes all memory, gives it back, and finds everything as it was.
fn exhaust_and_refill(frames: &mut Frames<'_>, rows: &[Row]) {
    let before = frames.counts();
    let blocks = frames.free_2m_blocks();
    let mut all: Vec<Frame> = Vec::new();
    while let Ok(frame) = frames.allocate(FrameKind::Private) {
        let (first, last) = (frame.start().as_u64(), frame.start().as_u64() + 4095);
        let told = |&&(start, end, _): &&Row| start <= last && first < end;
        assert!(
            rows.iter().filter(told).all(|row| row.2 == Usable),
            "{frame:?}"
        );
        assert!(first >= MIB);
        all.push(frame);
    }
    assert_eq!(all.len() as u64, before.free);
    all.into_iter().for_each(|frame| frames.free(frame));
    assert_eq!((frames.counts(), frames.free_2m_blocks()), (before, blocks));
}

#[test]
fn q35_with_bios_and_128_mib() {
    let (mut frames, _) = start(&BIOS_128M);
    let counts = frames.counts();
    assert_eq!(counts.total, (0x7fe_0000 - MIB) / 4096);
    assert_eq!(counts.reserved, 0x1c_3000 / 4096 + 2); // the loader's, and two for the bitmap
    exhaust_and_refill(&mut frames, &BIOS_128M);
}

#[test]
fn q35_with_bios_and_6_gib_uses_memory_above_the_hole() {
    let (mut frames, _) = start(&BIOS_6G);
    assert_eq!(frames.counts().total, (0x7ffe_0000 - MIB + 4 * GIB) / 4096);
    // 2 MiB blocks: 1,023 below, and above all but the one with the bitmap.
    assert_eq!(frames.free_2m_blocks(), 1022 + 2047);
    exhaust_and_refill(&mut frames, &BIOS_6G);
}

#[test]
fn ovmf_with_128_mib() {
    let (mut frames, _) = start(&UEFI_128M);
    let of_kind = |kind| {
        UEFI_128M
            .iter()
            .filter(move |row| row.2 == kind && row.0 >= MIB)
    };
    let sum = |kind| of_kind(kind).map(|row| row.1 - row.0).sum::<u64>() / 4096;
    let counts = frames.counts();
    assert_eq!(counts.total, sum(Usable) + sum(Reclaimable));
    assert_eq!(counts.reserved, sum(Reclaimable) + 2);
    exhaust_and_refill(&mut frames, &UEFI_128M);
}

/// Bytes of bitmap and summaries at most: 1/30,000 of memory, a page per range.
fn bound(rows: &[Row]) -> u64 {
    let map = MemoryMap::new(regions(rows)).physical_bits(52);
    let memory: u64 = map.managed().map(|entry| entry.range.bytes()).sum();
    memory / 30_000 + 4096 * map.managed().count() as u64
}

#[test]
fn bitmap_and_summaries_take_a_thirty_thousandth_of_memory() {
    let tib = 1 << 40;
    let large = [
        (MIB, 2 * GIB, Usable),
        (4 * GIB, tib, Usable),
        (5 * tib, 21 * tib, Usable),
    ];
    for rows in [&BIOS_128M[..], &BIOS_6G, &UEFI_128M, &large] {
        let map = MemoryMap::new(regions(rows)).physical_bits(52);
        let bytes = Layout::of(map.managed()).words() as u64 * 8;
        assert!(
            bytes <= bound(rows),
            "{bytes} bytes of at most {}",
            bound(rows)
        );
    }
}

proptest! {
    #[test]
    fn random_maps_start_and_stay_within_the_storage_bound(
        rows in proptest::collection::vec((0..1_u64 << 34, 0..1_u64 << 27, 0..6_u8), 1..20),
    ) {
        let rows: Vec<Row> = rows.into_iter().map(|(start, length, kind)| {
            let kind = match kind { 0 => Reserved, 1 => Reclaimable, _ => Usable };
            (start, start + if kind == Reclaimable { length >> 6 } else { length }, kind)
        }).collect();
        let map = MemoryMap::new(regions(&rows));
        let layout = Layout::of(map.managed());
        prop_assume!(layout.place(map.managed()).is_some());
        prop_assert!(layout.words() as u64 * 8 <= bound(&rows));
        let (frames, _) = start(&rows);
        let of_kind = |kind| map.managed().filter(move |e| e.kind == kind).map(|e| e.range.frames()).sum::<u64>();
        prop_assert_eq!(frames.counts().free, of_kind(Usable) - layout.frames());
        prop_assert_eq!(frames.counts().reserved, of_kind(Reclaimable) + layout.frames());
    }
}
