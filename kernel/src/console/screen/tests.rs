//! The page of text, by what its rows hold.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use bootloader_api::info::{FrameBuffer, FrameBufferInfo, PixelFormat};
use spin::Mutex;

use super::*;

const COLUMNS: usize = 20;
const ROWS: usize = 8;

/// Too large for a stack.
static TESTED: Mutex<Screen> = Mutex::new(Screen::new());

/// The rows of a page of 20 columns and 8 rows after `text` was written, up to the last that
/// holds something, and whether what is drawn is what they hold.
fn rows_of(text: &str) -> Vec<String> {
    let (width, height) = (
        COLUMNS * glyphs::WIDTH + 2 * MARGIN,
        ROWS * glyphs::HEIGHT + 2 * MARGIN,
    );
    let mut pixels = vec![0_u8; width * height];
    let info = FrameBufferInfo {
        byte_len: pixels.len(),
        width,
        height,
        pixel_format: PixelFormat::U8,
        bytes_per_pixel: 1,
        stride: width,
    };
    let screen = &mut *TESTED.lock();
    *screen = Screen::new();
    // SAFETY: the memory is ours and lives longer than the screen, which is left at the end;
    // meanwhile nobody else touches it.
    let framebuffer = unsafe { FrameBuffer::new(pixels.as_mut_ptr() as u64, info) };
    let framebuffer = Framebuffer::new(framebuffer).expect("a sound geometry");
    screen.attach(
        framebuffer,
        super::super::whole_screen(Size::new(1280, 800)),
    );
    screen.write(text);
    screen.draw_rest();
    let drawn = pixels.clone();
    for row in 0..ROWS {
        let length = screen.lines[row].length;
        screen.erase(row, 0, COLUMNS);
        screen.draw(row, 0, length);
    }
    screen.detach();
    assert_eq!(drawn, pixels, "what is drawn is what is held");
    let held = |line: &Line| String::from_utf8_lossy(&line.bytes[..line.length]).into_owned();
    let mut rows: Vec<String> = screen.lines[..ROWS].iter().map(held).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

#[test_case]
fn a_long_line_is_broken_between_words() {
    assert_eq!(
        rows_of("region=0x1000 end=0x11000 pages=16\nnext"),
        ["region=0x1000 ", "end=0x11000 pages=16", "next"]
    );
    assert_eq!(
        rows_of("exactly twenty chars\nnext"),
        ["exactly twenty chars", "next"]
    );
    assert_eq!(
        rows_of("exactly twenty chars and more"),
        ["exactly twenty chars", " and more"]
    );
}

#[test_case]
fn a_word_longer_than_a_row_is_broken_where_the_row_ends() {
    assert_eq!(
        rows_of("0123456789012345678901234567890123456789012\n"),
        ["01234567890123456789", "01234567890123456789", "012"]
    );
}

#[test_case]
fn a_line_that_is_broken_can_be_edited_from_its_start() {
    let typed = "> alloc demand 4096 K";
    let mut text = String::from(typed);
    assert_eq!(rows_of(&text), ["> alloc demand 4096 ", "K"]);
    text.extend(core::iter::repeat_n('\x08', typed.len() - 2));
    text.push_str("ALLOC");
    assert_eq!(rows_of(&text), ["> ALLOC demand 4096 ", "K"]);
    text.push_str(" demand 4096 KLMN\nnext");
    assert_eq!(rows_of(&text), ["> ALLOC demand 4096 ", "KLMN", "next"]);
}

#[test_case]
fn a_line_end_in_the_middle_of_a_broken_line_goes_below_all_of_it() {
    let text = "> alloc demand 4096 around=8\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08\nnext";
    assert_eq!(rows_of(text), ["> alloc demand 4096 ", "around=8", "next"]);
}

#[test_case]
fn backspace_stops_at_the_start_of_the_line() {
    assert_eq!(rows_of("one\nab\x08\x08\x08\x08\x08c"), ["one", "cb"]);
}

#[test_case]
fn a_line_that_is_broken_at_the_foot_of_a_full_page_moves_it_up() {
    let text =
        "1\n2\n3\n4\n5\n6\n7\n> alloc demand 4096 around\x08\x08\x08\x08\x08\x08\x08\x08\x08\x08!";
    let rows = rows_of(text);
    assert_eq!(
        rows[rows.len() - 3..],
        ["7", "> alloc demand 4!96 ", "around"]
    );
    let rows = rows_of("1\n2\n3\n4\n5\n6\n7\n8\n9");
    assert_eq!(rows, ["3", "4", "5", "6", "7", "8", "9"]);
}
