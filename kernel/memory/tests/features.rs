//! What CPUID says, as features: only the leaves that exist are asked, and each
//! bit is read where the manuals say (Intel SDM vol. 2A, CPUID).

use std::cell::RefCell;

use faultline_memory::Features;

const NOTHING: Features = Features {
    gigabyte_pages: false,
    no_execute: false,
    global_pages: false,
    physical_bits: 36,
};

/// A processor: EAX of leaf 0x8000_0000, EDX of leaves 1 and 0x8000_0001, and
/// EAX of 0x8000_0008. All other words are full of ones.
#[derive(Clone, Copy)]
struct Cpuid {
    highest: u32,
    basic: u32,
    abilities: u32,
    widths: u32,
}

impl Cpuid {
    fn answer(self, leaf: u32) -> [u32; 4] {
        let ones = u32::MAX;
        match leaf {
            1 => [ones, ones, ones, self.basic],
            0x8000_0000 => [self.highest, ones, ones, ones],
            0x8000_0001 => [ones, ones, ones, self.abilities],
            0x8000_0008 => [self.widths, ones, ones, ones],
            _ => panic!("nobody needs leaf {leaf:#x}"),
        }
    }

    fn features(self) -> Features {
        Features::from_cpuid(|leaf| self.answer(leaf))
    }
}

const BARE: Cpuid = Cpuid {
    highest: 0x8000_0008,
    basic: 0,
    abilities: 0,
    widths: 36,
};

#[test]
fn each_feature_is_one_bit() {
    assert_eq!(BARE.features(), NOTHING);
    for bit in 0..32 {
        let basic = Cpuid {
            basic: 1 << bit,
            ..BARE
        };
        let expected = Features {
            global_pages: bit == 13,
            ..NOTHING
        };
        assert_eq!(basic.features(), expected, "bit {bit} of leaf 1");
        let extended = Cpuid {
            abilities: 1 << bit,
            ..BARE
        };
        let expected = Features {
            no_execute: bit == 20,
            gigabyte_pages: bit == 26,
            ..NOTHING
        };
        assert_eq!(extended.features(), expected, "bit {bit} of 0x8000_0001");
    }
}

#[test]
fn the_physical_width_is_the_lowest_byte_and_within_what_entries_hold() {
    for (widths, expected) in [
        (0x3028, 40),
        (0x0003_3030, 48),
        (52, 52),
        (57, 52),
        (255, 52),
        (32, 32),
        (31, 32),
        (0xff00, 36),
        (0, 36),
    ] {
        let features = Cpuid { widths, ..BARE }.features();
        assert_eq!(features.physical_bits, expected, "{widths:#x}");
    }
}

#[test]
fn leaves_that_do_not_exist_are_not_asked_and_say_nothing() {
    let all = Cpuid {
        basic: 1 << 13,
        abilities: 1 << 20 | 1 << 26,
        widths: 46,
        ..BARE
    };
    let with_abilities = Features {
        gigabyte_pages: true,
        no_execute: true,
        global_pages: true,
        physical_bits: 36,
    };
    let only_global = Features {
        global_pages: true,
        ..NOTHING
    };
    let complete = Features {
        physical_bits: 46,
        ..with_abilities
    };
    for (highest, expected) in [
        (0, only_global),
        // Some old processors repeat a basic leaf here.
        (0x7fff_ffff, only_global),
        (0x8000_0000, only_global),
        (0x8000_0001, with_abilities),
        (0x8000_0007, with_abilities),
        (0x8000_0008, complete),
        (0x8000_001f, complete),
    ] {
        let asked = RefCell::new(Vec::new());
        let features = Features::from_cpuid(|leaf| {
            asked.borrow_mut().push(leaf);
            Cpuid { highest, ..all }.answer(leaf)
        });
        assert_eq!(features, expected, "{highest:#x}");
        let beyond = |&leaf: &u32| leaf > 0x8000_0000 && leaf > highest;
        assert!(!asked.borrow().iter().any(beyond), "{highest:#x}");
    }
}
