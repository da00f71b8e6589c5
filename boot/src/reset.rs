//! What QEMU logged of a triple fault, made readable.
//!
//! A triple fault resets the machine, so the guest cannot report it. QEMU logs
//! the processor's state just before: the line "Triple fault", then all
//! registers. The log begins with the resets of power-on, which say nothing.

/// The report for people: the telling registers in one line, then the general ones as QEMU wrote them.
///
/// `None` when QEMU logged no triple fault: another kind of reset, or an accelerator that does not log.
#[must_use]
pub fn report(log: &str) -> Option<String> {
    let (_, state) = log.rsplit_once("Triple fault")?;
    let state: Vec<_> = state
        .lines()
        .take_while(|line| !line.starts_with("FCW="))
        .collect();
    let registers: Vec<_> = ["RIP", "RSP", "CR2", "CR3"]
        .into_iter()
        .filter_map(|name| register(&state, name))
        .collect();
    let mut report = String::from("the processor at the triple fault:");
    for register in &registers {
        report.push(' ');
        report.push_str(register);
    }
    for line in state.iter().skip(1).filter(|line| !line.is_empty()) {
        report.push_str("\n  ");
        report.push_str(line);
    }
    Some(report)
}

/// `NAME=value` for people from QEMU's line of several.
fn register(state: &[&str], name: &str) -> Option<String> {
    let words = state.iter().flat_map(|line| line.split_whitespace());
    let value = words
        .filter_map(|word| word.split_once('='))
        .find(|(key, _)| *key == name)?
        .1;
    Some(format!("{name}=0x{value}"))
}
