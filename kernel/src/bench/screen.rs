//! What it costs to show memory on the screen. Nothing is printed without one.

use memory::space::{Backing, Request};

use super::place::{PAGE, allocate, free, page, write};
use super::{Bench, SAMPLES};
use crate::console::input::Cancelled;
use crate::dashboard;

pub(super) fn run(bench: &Bench) -> Result<(), Cancelled> {
    bench.report("dashboard first draw", 0..1, |_| dashboard::init())?;
    if !dashboard::is_on() {
        return Ok(());
    }
    bench.report("dashboard nothing new", 0..16, |_| dashboard::refresh())?;
    let request = Request::new(SAMPLES as u64 * PAGE, Backing::Demand);
    let region = allocate(request);
    dashboard::refresh();
    let touched = (0..SAMPLES).map(|index| write(page(&region, index)));
    bench.report("dashboard after a fault", touched, |()| {
        dashboard::refresh()
    })?;
    free(&region);
    Ok(())
}
