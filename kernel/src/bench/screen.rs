//! What it costs to show memory on the screen. Nothing is printed without one.

use memory::space::{Backing, Request};

use super::{Bench, SAMPLES};
use crate::cpu::access::write_byte;
use crate::{dashboard, spaces};

pub(super) fn run(bench: &Bench) {
    bench.report("dashboard first draw", 0..1, |_| dashboard::init());
    if !dashboard::is_on() {
        return;
    }
    bench.report("dashboard nothing new", 0..16, |_| dashboard::refresh());
    let request = Request::new(SAMPLES as u64 * 4096, Backing::Demand);
    let region = spaces::current(|space, memory| space.allocate(request, memory))
        .expect("a machine for benchmarks has room");
    dashboard::refresh();
    let touched = (0..SAMPLES as u64).map(|page| {
        // SAFETY: the address lies in the benchmark's own region, where no
        // Rust value stands.
        unsafe { write_byte(region.base + page * 4096, 1) };
    });
    bench.report("dashboard after a fault", touched, |()| {
        dashboard::refresh()
    });
    spaces::current(|space, memory| space.free(region.base, memory))
        .expect("the region is the benchmark's own");
}
