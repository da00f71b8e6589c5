//! Checks of exercise 1a: lines end with CR LF. The task is in `start.rs`.
#![no_std]
#![no_main]

#[cfg_attr(not(feature = "solutions"), path = "start.rs")]
#[cfg_attr(feature = "solutions", path = "solution.rs")]
mod exercise;
#[path = "../kit.rs"]
mod kit;

use core::fmt::Write;

use bootloader_api::{BootInfo, entry_point};

use exercise::Terminal;

entry_point!(main);

fn main(_boot: &'static mut BootInfo) -> ! {
    kit::run(&[
        &text_without_a_new_line_is_sent_as_it_is,
        &a_line_ends_with_cr_lf,
        &a_new_line_within_a_piece_is_sent_as_cr_lf,
        &a_line_in_several_pieces_ends_once,
    ])
}

/// What a terminal receives must be this.
#[track_caller]
fn assert_sent(pieces: &[&str], expected: &str) {
    let (mut sent, mut length) = ([0; 64], 0);
    let send = |byte| {
        sent[length] = byte;
        length += 1;
    };
    let mut terminal = Terminal { send };
    for piece in pieces {
        terminal.write_str(piece).expect("a terminal that takes all text");
    }
    let sent = core::str::from_utf8(&sent[..length]).expect("text that stays text");
    assert_eq!(sent, expected, "the left text was sent for {pieces:?}, the right one is needed");
}

fn text_without_a_new_line_is_sent_as_it_is() {
    assert_sent(&["step 1"], "step 1");
}

fn a_line_ends_with_cr_lf() {
    assert_sent(&["step 1\n"], "step 1\r\n");
}

fn a_new_line_within_a_piece_is_sent_as_cr_lf() {
    assert_sent(&["one\ntwo\n\nthree"], "one\r\ntwo\r\n\r\nthree");
}

fn a_line_in_several_pieces_ends_once() {
    assert_sent(&["free: ", "7", "\n"], "free: 7\r\n");
}
