//! Whether a kernel can start at all on the machine that QEMU has made, asked before its first instruction.
//!
//! The boot loader checks nothing of this: without it the processor resets, or
//! the machine stands still without a word. What QEMU cannot be asked counts as
//! there.

use std::io;

use qapi::qmp;

use crate::control::Control;

/// What the boot loader needs of the processor: QEMU's name for it, and ours.
const PROCESSOR: [(&str, &str); 2] = [
    ("lm", "runs 32-bit code only (no long mode)"),
    ("nx", "cannot forbid the execution of pages (no NX)"),
];

/// Where QEMU keeps devices: those of the chipset, those with a name, those without.
const DEVICES: [&str; 3] = [
    "/machine/unattached",
    "/machine/peripheral",
    "/machine/peripheral-anon",
];

/// By these words in their types' names screens are known.
const SCREENS: [&str; 5] = ["vga", "qxl", "ramfb", "display", "cirrus"];

/// What the machine lacks and a kernel cannot start without, and what would be right.
pub(crate) fn lack(control: &mut Control, uefi: bool) -> Option<String> {
    if let Some(lack) = processor(control).ok()? {
        return Some(format!(
            "this processor {lack}, and the boot loader needs that: take another --cpu, such as max or qemu64"
        ));
    }
    (!uefi && !has_screen(control).ok()?).then(|| {
        "this machine has no screen, and the boot loader needs one on BIOS: \
         leave it its VGA (--headless only opens no window), or start through --uefi"
            .to_owned()
    })
}

fn processor(control: &mut Control) -> io::Result<Option<&'static str>> {
    let processors = control.execute(&qmp::query_cpus_fast {})?;
    let Some(qmp::CpuInfoFast::x86_64(first)) = processors.into_iter().next() else {
        return Ok(None);
    };
    for (property, words) in PROCESSOR {
        let question = qmp::qom_get {
            path: first.qom_path.clone(),
            property: property.to_owned(),
        };
        if control.execute(&question)? == serde_json::Value::Bool(false) {
            return Ok(Some(words));
        }
    }
    Ok(None)
}

fn has_screen(control: &mut Control) -> io::Result<bool> {
    for folder in DEVICES {
        let path = folder.to_owned();
        for device in control.execute(&qmp::qom_list { path })? {
            let kind = device.type_.to_ascii_lowercase();
            if SCREENS.iter().any(|screen| kind.contains(screen)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
