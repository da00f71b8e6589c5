//! What is left of a guest after a triple fault, made readable.
//!
//! A triple fault resets the machine, so the guest cannot report it: the report
//! comes from the registers as QEMU found them. Whether it was a triple fault,
//! and not a reset that the guest asked for, stands in QEMU's log.

/// Whether QEMU logged a triple fault. Its emulator does; other accelerators may not.
#[must_use]
pub fn is_logged(log: &str) -> bool {
    log.lines().any(|line| line.starts_with("Triple fault"))
}

/// Registers that say nothing about a fault in ring 0: segments, tasks, and debugging.
const QUIET: [&str; 10] = [
    "ES ", "CS ", "SS ", "DS ", "FS ", "GS ", "LDT", "TR ", "DR0", "DR6",
];

/// The registers for people: the telling ones in one line, then the others as QEMU prints them.
///
/// `registers` is the answer to QEMU's `info registers`; of floating point and vector registers nothing is taken over.
#[must_use]
pub fn report(registers: &str) -> String {
    let general: Vec<_> = registers
        .lines()
        .take_while(|line| !line.starts_with("FCW="))
        .collect();
    let mut report = String::from("the processor when it stopped:");
    for name in ["RIP", "RSP", "CR2", "CR3"] {
        if let Some(value) = value(&general, name) {
            report.push_str(&format!(" {name}=0x{value}"));
        }
    }
    let loud =
        |line: &&&str| line.contains('=') && !QUIET.iter().any(|name| line.starts_with(name));
    for line in general.iter().filter(loud) {
        report.push_str("\n  ");
        report.push_str(line.trim_end());
    }
    report
}

fn value<'a>(lines: &[&'a str], name: &str) -> Option<&'a str> {
    let words = lines.iter().flat_map(|line| line.split_whitespace());
    words
        .filter_map(|word| word.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTERS: &str = "\r\nCPU#0\r\n\
        RAX=0000000000000016 RBX=0000000000000000 RCX=0000000000000000 RDX=00000000000003fd\r\n\
        RSI=0000000000000016 RDI=0000000000000000 RBP=0000000000000000 RSP=ffff808000014c10\r\n\
        RIP=ffff800000003db2 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\r\n\
        CS =0008 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r\n\
        IDT=     0000000000000000 00000000\r\n\
        CR0=80010011 CR2=0000123456789000 CR3=0000000000101000 CR4=00000020\r\n\
        EFER=0000000000000d00\r\n\
        FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80\r\n\
        XMM00=0000000000000000 0000000000000000 XMM01=0000000000000000 0000000000000000\r\n";

    #[test]
    fn the_telling_registers_come_first() {
        let report = report(REGISTERS);
        let first = report.lines().next().unwrap();
        assert!(first.ends_with(
            "RIP=0xffff800000003db2 RSP=0xffff808000014c10 CR2=0x0000123456789000 CR3=0x0000000000101000"
        ));
    }

    #[test]
    fn the_general_and_table_registers_follow_and_the_rest_does_not() {
        let report = report(REGISTERS);
        assert_eq!(report.lines().count(), 1 + 6, "{report}");
        assert!(report.contains("\n  EFER=0000000000000d00"), "{report}");
        assert!(
            !report.contains("XMM") && !report.contains('\r'),
            "{report}"
        );
    }

    #[test]
    fn a_reset_at_power_on_is_no_triple_fault() {
        let power_on = "CPU Reset (CPU 0)\nEAX=00000000 EBX=00000000\n";
        assert!(!is_logged(power_on));
        assert!(is_logged(&format!("{power_on}Triple fault\n")));
    }
}
