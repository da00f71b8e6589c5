//! The dashboard: memory as it is now, on the screen beside the console's text.
//!
//! ```text
//! refresh ─> gather: faults, path, regions, blocks    (locks of memory, one by one)
//!         ─> draw: what differs from what is shown    (the console's lock)
//! ```
//!
//! [`refresh`] is called when something has just been done: after a command,
//! after a step of a tour, and some times a second while a program runs. So drawing costs a fault nothing, and while memory's
//! locks are held nothing is drawn or formatted. What must always hold: video
//! memory is written where something has changed and never read; nothing is
//! taken from the heap; without a screen a refresh is one look at a flag.

mod caption;
mod colors;
mod faults;
pub mod layout;
mod map;
mod path;
mod piece;
mod regions;
#[cfg(test)]
mod tests;

use core::sync::atomic::AtomicBool;
use core::sync::atomic::Ordering::Relaxed;

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;
use spin::Mutex;

use crate::console::{self, CHARACTER_HEIGHT, CHARACTER_WIDTH, Canvas};
use crate::picture::{Blocks, blocks};
use caption::Caption;
use faults::Faults;
use layout::Layout;
use map::Map;
use path::Path;
use regions::Regions;

/// Where text stands beside the dashboard: for [`console::init`].
#[must_use]
pub fn page(screen: Size) -> Rectangle {
    Layout::of(screen).text
}

/// Whether there is anything to draw on.
static IS_ON: AtomicBool = AtomicBool::new(false);
static DASHBOARD: Mutex<Dashboard> = Mutex::new(Dashboard::new());

/// Draws the dashboard for the first time, if the screen has room for it.
///
/// # Panics
///
/// Before [`spaces::init`](crate::spaces::init).
pub fn init() {
    let mut dashboard = DASHBOARD.lock();
    let has_room = console::draw(|canvas| {
        dashboard.begin(canvas);
        dashboard.layout.is_some_and(|layout| layout.map.is_some())
    });
    drop(dashboard);
    IS_ON.store(has_room == Some(true), Relaxed);
    refresh();
}

/// Whether there is a screen with room for the dashboard, and [`init`] has found it.
#[must_use]
pub fn is_on() -> bool {
    IS_ON.load(Relaxed)
}

/// Shows memory as it is now.
pub fn refresh() {
    if !is_on() {
        return;
    }
    let mut dashboard = DASHBOARD.lock();
    dashboard.gather();
    blocks::with(|blocks| console::draw(|canvas| dashboard.draw(canvas, blocks)));
}

struct Dashboard {
    layout: Option<Layout>,
    map: Map,
    regions: Regions,
    faults: Faults,
    path: Path,
}

impl Dashboard {
    const fn new() -> Self {
        Self {
            layout: None,
            map: Map::new(),
            regions: Regions::new(),
            faults: Faults::new(),
            path: Path::new(),
        }
    }

    /// Lays the panes out, and draws what never changes.
    fn begin(&mut self, canvas: &mut Canvas<'_>) {
        let layout = Layout::of(canvas.size());
        self.layout = Some(layout);
        let titles = [
            (layout.map, "physical memory", 44),
            (layout.regions, "regions", 20),
            (layout.faults, "page faults", 36),
            (
                layout.path,
                "last fault, and the walk to its address now",
                44,
            ),
        ];
        for (pane, title, columns) in titles {
            if let Some(area) = pane {
                draw_title(canvas, area, title, columns);
            }
        }
        if let Some(area) = layout.map {
            Map::begin(canvas, area);
        }
        if let Some(area) = layout.path {
            Path::begin(canvas, area);
        }
    }

    /// Looks at everything but the blocks.
    fn gather(&mut self) {
        let Some(layout) = self.layout else { return };
        self.faults.gather();
        self.path.gather();
        if let Some(area) = layout.regions {
            self.regions.gather(area);
        }
    }

    /// Draws what has changed.
    fn draw(&mut self, canvas: &mut Canvas<'_>, blocks: &Blocks) {
        let Some(layout) = self.layout else { return };
        if let Some(area) = layout.map {
            self.map.draw(canvas, area, blocks);
        }
        if let Some(area) = layout.regions {
            self.regions.draw(canvas, area);
        }
        if let Some(area) = layout.faults {
            self.faults.draw(canvas, area);
        }
        if let Some(area) = layout.path {
            self.path.draw(canvas, area);
        }
    }
}

/// Draws a title, and a line from behind it, and behind `columns`, to the pane's end.
fn draw_title(canvas: &mut Canvas<'_>, area: Rectangle, title: &str, columns: u32) {
    let room = area.size.width / CHARACTER_WIDTH;
    let text = format_args!("{title}");
    let mut caption = Caption::EMPTY;
    caption.show(canvas, area.top_left, room, colors::TITLE, text);
    let left = columns * CHARACTER_WIDTH;
    let rule = Rectangle::new(
        area.top_left + Point::new(left as i32, CHARACTER_HEIGHT as i32 / 2),
        Size::new(area.size.width.saturating_sub(left), 1),
    );
    canvas.fill(rule, colors::RULE);
}
