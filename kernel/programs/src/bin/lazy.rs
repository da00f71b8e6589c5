//! What of a program is read, and when: a large `.bss`, a large `.data`, the heap
//! of `brk`, and a mapping that moves. Its arguments say which of these parts it
//! shows: `bss`, `data`, `heap`, `moved`; without any it shows all.
//!
//! Nothing of any of them is in memory before it is touched. Of `.data` pages that
//! lie 64 KiB apart are read, since a kernel may map neighbours of a page that it
//! has read from the same file at once, as Linux does.
#![no_std]
#![no_main]

use core::cell::UnsafeCell;

use programs::faults::{PAGE, cost};
use programs::output::Count;
use programs::pages::Pages;
use programs::{Arguments, calls, println, program};

program!(main);

/// Pages of each large part.
const COUNT: usize = 64;
/// Pages after which a neighbour is far away.
const APART: usize = 16;

/// Bytes in the image that are touched by address alone.
#[repr(C, align(65536))]
struct Image(UnsafeCell<[u8; COUNT * PAGE]>);

// SAFETY: a program has one thread.
unsafe impl Sync for Image {}

static BSS: Image = Image(UnsafeCell::new([0; COUNT * PAGE]));
static DATA: Image = Image(UnsafeCell::new(numbered()));

/// Bytes of which the first of each page is the page's number, from 1 on.
const fn numbered() -> [u8; COUNT * PAGE] {
    let mut bytes = [0; COUNT * PAGE];
    let mut page = 0;
    while page < COUNT {
        bytes[page * PAGE] = page as u8 + 1;
        page += 1;
    }
    bytes
}

impl Image {
    fn pages(&'static self) -> Pages {
        // SAFETY: they are whole pages, and this is the only use of them.
        unsafe { Pages::at(self.0.get() as usize, COUNT) }
    }
}

/// A part by its name, and what shows it.
type Part = (&'static str, fn());

const PARTS: [Part; 4] = [
    ("bss", bss),
    ("data", data),
    ("heap", heap),
    ("moved", moved),
];

fn main(arguments: Arguments) -> u8 {
    let named = |name| (1..arguments.count()).any(|index| arguments.get(index) == Some(name));
    for (name, show) in PARTS {
        if arguments.count() == 1 || named(name) {
            show();
        }
    }
    0
}

/// Reads the first byte of a page, and says what it is and what it cost.
fn read(pages: &Pages, page: usize) {
    let mut value = 0;
    let faults = cost(|| value = pages.read(page * PAGE));
    println!(
        "  read page {page}: {}, it holds {value}",
        Count(faults, "fault")
    );
}

/// Writes the first byte of a page, and says what it cost.
fn write(pages: &Pages, page: usize, value: u8) {
    let faults = cost(|| pages.write(page * PAGE, value));
    println!("  write page {page}: {}", Count(faults, "fault"));
}

fn resident(pages: &Pages) {
    let resident = pages.resident().expect("mincore");
    println!("  {resident} of {} pages resident", pages.count());
}

fn bss() {
    println!(".bss: zeroes that the file does not hold");
    let pages = BSS.pages();
    resident(&pages);
    read(&pages, 0);
    write(&pages, 0, 7);
    write(&pages, 1, 8);
    read(&pages, 1);
    resident(&pages);
    let faults = cost(|| (0..COUNT).for_each(|page| pages.write(page * PAGE, 9)));
    println!("  write all: {}", Count(faults, "fault"));
    resident(&pages);
}

fn data() {
    println!(".data: bytes that the file holds");
    let pages = DATA.pages();
    read(&pages, 0);
    write(&pages, 0, 100);
    read(&pages, 0);
    write(&pages, APART, 101);
    read(&pages, APART);
    read(&pages, 2 * APART);
    println!("  page 0 forgotten (MADV_DONTNEED)");
    pages.discard(0).expect("madvise");
    read(&pages, 0);
    let sum: usize = (0..COUNT)
        .map(|page| usize::from(pages.read(page * PAGE)))
        .sum();
    println!("  sum of all: {sum}");
}

fn heap() {
    println!("the heap (brk), {APART} pages longer");
    // SAFETY: nothing moves.
    let end = unsafe { calls::heap_end(0) };
    let start = end.next_multiple_of(PAGE);
    let longer = start + APART * PAGE;
    // SAFETY: it grows.
    assert_eq!(unsafe { calls::heap_end(longer) }, longer);
    // SAFETY: these pages are new.
    let pages = unsafe { Pages::at(start, APART) };
    resident(&pages);
    read(&pages, 0);
    write(&pages, 0, 1);
    write(&pages, 1, 2);
    resident(&pages);
    println!("  back, and longer again");
    // SAFETY: what lay above the end was in `pages`.
    assert_eq!(unsafe { calls::heap_end(end) }, end);
    // SAFETY: it grows.
    assert_eq!(unsafe { calls::heap_end(longer) }, longer);
    resident(&pages);
    read(&pages, 0);
}

fn moved() {
    println!("a mapping of 4 pages, made longer (mremap)");
    let mut pages = Pages::anonymous(4, 0).expect("mmap");
    (0..4).for_each(|page| pages.write(page * PAGE, page as u8 + 1));
    resident(&pages);
    pages.resize(COUNT).expect("mremap");
    resident(&pages);
    read(&pages, 3);
    write(&pages, 3, 5);
    write(&pages, COUNT - 1, 6);
    println!("  made shorter: 2 pages");
    pages.resize(2).expect("mremap");
    resident(&pages);
    read(&pages, 1);
}
