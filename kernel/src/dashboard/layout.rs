//! Where the panes lie on a screen of some size.
//!
//! ```text
//! 1200 pixels wide or more      800 or more            less, or less than 600
//! +--------+-------+            +-------+--------+     high: text only
//! |        | map   |            | map   | faults |
//! |        +-------+            |       | path   |
//! | text   |regions|            +-------+--------+
//! |        +-------+            |    regions     |
//! |        | faults|            +----------------+
//! |        | path  |            |      text      |
//! +--------+-------+            +----------------+
//! ```
//!
//! What there is no room for is left out, the regions first: they get what is
//! left over and take six lines at least. What must always hold: panes lie on
//! the screen and do not overlap; text has 18 lines or more beside panes.

use embedded_graphics::prelude::*;
use embedded_graphics::primitives::Rectangle;

use crate::console::{CHARACTER_HEIGHT, CHARACTER_WIDTH};
use crate::picture::COLUMNS;
use crate::picture::blocks::MOST_ROWS;

/// Pixels between panes, and around them.
const GAP: u32 = 8;
/// Height of a line of text in a pane.
pub(super) const LINE: u32 = CHARACTER_HEIGHT + 1;
/// Height of a pane's title.
pub(super) const TITLE: u32 = CHARACTER_HEIGHT + 4;
/// Lines of the legend below the map.
pub(super) const LEGEND_LINES: u32 = 3;
/// Lines of the fault counters.
pub(super) const FAULT_LINES: u32 = 7;
/// Lines of text above the path.
pub(super) const PATH_LINES: u32 = 7;
/// Height of the tables that the path goes through.
pub(super) const TABLE_HEIGHT: u32 = 44;
/// Width of the addresses left of the map.
pub(super) const ADDRESSES: u32 = 12 * CHARACTER_WIDTH;

const MAP_HEIGHT: u32 = TITLE + MOST_ROWS as u32 * CHARACTER_HEIGHT + 4 + LEGEND_LINES * LINE;
const FAULTS_HEIGHT: u32 = TITLE + FAULT_LINES * LINE;
const PATH_HEIGHT: u32 = TITLE + PATH_LINES * LINE + 4 + TABLE_HEIGHT;
const LEAST_REGIONS: u32 = TITLE + 6 * LINE;
const LEAST_TEXT: u32 = 2 * GAP + 18 * CHARACTER_HEIGHT;
/// Beside the map there is room for both.
const _: () = assert!(FAULTS_HEIGHT + GAP + PATH_HEIGHT + GAP <= MAP_HEIGHT);
/// Five columns of eleven characters.
const LEAST_PATH_WIDTH: u32 = 5 * 11 * CHARACTER_WIDTH;
/// A map with blocks of eight pixels.
const MAP_WIDTH: u32 = ADDRESSES + COLUMNS as u32 * 8;

/// The places of text and panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The console's text.
    pub text: Rectangle,
    /// Physical memory as blocks.
    pub map: Option<Rectangle>,
    /// The regions as bars.
    pub regions: Option<Rectangle>,
    /// The counters of faults.
    pub faults: Option<Rectangle>,
    /// The last fault and its walk.
    pub path: Option<Rectangle>,
}

impl Layout {
    /// The layout of a screen of this size.
    #[must_use]
    pub fn of(screen: Size) -> Self {
        match screen {
            Size {
                width: 1200..,
                height: 600..,
            } => Self::side_by_side(screen),
            Size {
                width: 800..,
                height: 600..,
            } => Self::stacked(screen),
            _ => Self {
                text: Rectangle::new(Point::zero(), screen),
                map: None,
                regions: None,
                faults: None,
                path: None,
            },
        }
    }

    fn side_by_side(screen: Size) -> Self {
        let width = MAP_WIDTH.max(screen.width * 47 / 100);
        let left = screen.width - width - GAP;
        let mut below = column(left, GAP, width);
        let mut above = screen.height - 2 * GAP;
        // From the bottom up: what is left over is the regions'.
        let mut from_bottom = |height: u32| {
            above -= height + GAP;
            Some(below(above + GAP, height))
        };
        let path = from_bottom(PATH_HEIGHT);
        let faults = from_bottom(FAULTS_HEIGHT);
        let left_over = above - MAP_HEIGHT - GAP;
        let map = Some(below(0, MAP_HEIGHT));
        let regions = (left_over >= LEAST_REGIONS).then(|| below(MAP_HEIGHT + GAP, left_over));
        Self {
            text: Rectangle::new(Point::zero(), Size::new(left - GAP, screen.height)),
            map,
            regions,
            faults,
            path,
        }
    }

    fn stacked(screen: Size) -> Self {
        let half = (screen.width - 3 * GAP) / 2;
        let mut below = column(half + 2 * GAP, GAP, half);
        let faults = Some(below(0, FAULTS_HEIGHT));
        let mut top = FAULTS_HEIGHT + GAP;
        let has_path = half >= LEAST_PATH_WIDTH;
        let path = has_path.then(|| below(top, PATH_HEIGHT));
        top += if has_path { PATH_HEIGHT + GAP } else { 0 };
        let beside = MAP_HEIGHT - top;
        let mut used = GAP + MAP_HEIGHT + GAP;
        let room = screen.height - used;
        let regions = if beside >= LEAST_REGIONS {
            Some(below(top, beside))
        } else if room >= LEAST_REGIONS + GAP + LEAST_TEXT {
            let mut whole = column(GAP, used, screen.width - 2 * GAP);
            used += LEAST_REGIONS + GAP;
            Some(whole(0, LEAST_REGIONS))
        } else {
            None
        };
        Self {
            text: Rectangle::new(
                Point::new(0, used as i32),
                Size::new(screen.width, screen.height - used),
            ),
            map: Some(column(GAP, GAP, half)(0, MAP_HEIGHT)),
            regions,
            faults,
            path,
        }
    }
}

/// Makes panes of a column: each by its distance from the top, and its height.
fn column(left: u32, top: u32, width: u32) -> impl FnMut(u32, u32) -> Rectangle {
    move |below, height| {
        Rectangle::new(
            Point::new(left as i32, (top + below) as i32),
            Size::new(width, height),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panes(layout: &Layout) -> impl Iterator<Item = Rectangle> {
        let panes = [layout.map, layout.regions, layout.faults, layout.path];
        panes
            .into_iter()
            .flatten()
            .chain(core::iter::once(layout.text))
    }

    #[test_case]
    fn panes_lie_on_the_screen_and_apart_whatever_its_size() {
        for width in (1..4100).step_by(37) {
            for height in (1..2300).step_by(41) {
                let size = Size::new(width, height);
                let screen = Rectangle::new(Point::zero(), size);
                let layout = Layout::of(size);
                for (index, pane) in panes(&layout).enumerate() {
                    assert_eq!(pane.intersection(&screen), pane, "{size:?}");
                    for other in panes(&layout).skip(index + 1) {
                        let common = pane.intersection(&other);
                        assert!(common.is_zero_sized(), "{size:?} {pane:?} {other:?}");
                    }
                }
                let has_panes = layout.map.is_some();
                assert!(
                    !has_panes || layout.text.size.height >= LEAST_TEXT,
                    "{size:?}"
                );
            }
        }
    }

    #[test_case]
    fn every_pane_is_there_at_the_sizes_that_firmware_gives() {
        for (width, height) in [(1280, 720), (1280, 800), (1920, 1080), (1024, 768)] {
            let layout = Layout::of(Size::new(width, height));
            assert_eq!(panes(&layout).count(), 5, "{width}x{height}");
        }
    }

    #[test_case]
    fn at_800_by_600_the_path_is_left_out_and_below_that_everything() {
        let layout = Layout::of(Size::new(800, 600));
        assert_eq!((panes(&layout).count(), layout.path), (4, None));
        assert_eq!(panes(&Layout::of(Size::new(640, 480))).count(), 1);
    }

    #[test_case]
    fn text_at_1280_pixels_has_room_for_80_characters() {
        let text = Layout::of(Size::new(1280, 800)).text;
        assert!(text.size.width - 2 * GAP >= 80 * CHARACTER_WIDTH);
    }
}
