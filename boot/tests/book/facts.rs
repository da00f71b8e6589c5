//! What of a printed line holds on every machine, and what depends on the compiler or the clock.
//!
//! A line is parted into its fixed text and the values that may differ, each with the way in which it is compared:
//!
//! | value | is compared |
//! |---|---|
//! | physical addresses of frames and tables, addresses in the kernel half | by name: one value in the text stands for one value of the machine, and no two for the same |
//! | counts of all frames, faults or heap bytes | by difference to the same count before |
//! | instructions of the kernel with its assertions | to a tenth (those of the optimised one are in [`figures`](crate::figures), exactly) |
//! | ticks, times, maxima, line numbers, sizes of the kernel's own regions, what its heap holds, operands of the kernel's own instructions | not at all |

/// How a value is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The frame (an address without its low 12 bits, which are fixed text)
    Frame,
    /// An address in the kernel half
    Address,
    /// By difference to the last value of the same name
    Count(String),
    /// To a tenth
    Instructions,
    /// Not at all
    Free,
}

/// A line, parted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parted {
    /// The line with `~` in place of each value that may differ
    pub(crate) fixed: String,
    pub(crate) values: Vec<(Way, u64)>,
}

const KERNEL_HALF: u64 = 0xffff_8000_0000_0000;

/// What stands before the physical address of a frame.
const BEFORE_FRAME: [&str; 7] = [
    "frame=",
    "physical=",
    "root=",
    " at ",
    "frame ",
    "physical ",
    "-> ",
];

/// Beginnings of lines that count what depends on the kernel's size and past.
const COUNTING: [&str; 6] = [
    "total=",
    "limit=",
    "audit=",
    "faults=",
    "demand=",
    "  private=",
];

/// Beginnings of the lines of `heap`.
const HEAP: [&str; 3] = ["size=", "blocks=", "trimmed="];

/// Counts that do not, in those lines.
const FIXED_COUNTS: [&str; 4] = ["total", "limit", "shared", "zero"];

/// Parts a line; `unit` is what its measured values count.
pub(crate) fn part(line: &str, in_instructions: bool) -> Parted {
    let is_log = line.starts_with("[ ") && line.contains("info ]");
    let mut parted = Parted {
        fixed: String::new(),
        values: Vec::new(),
    };
    let line = without_operands(line);
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < line.len() {
        let is_digit = bytes[at].is_ascii_digit();
        let after_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        if !is_digit || after_word {
            let c = line[at..].chars().next().unwrap_or(' ');
            parted.fixed.push(c);
            at += c.len_utf8();
            continue;
        }
        let (value, length, is_hex) = number(&line[at..]);
        let before = &line[..at];
        let text = &line[at..at + length];
        at += length;
        let way = if is_log {
            Some(Way::Free)
        } else if is_hex {
            way_of_address(before, value)
        } else {
            way_of_count(line, before, at, in_instructions)
        };
        match way {
            None => parted.fixed.push_str(text),
            Some(Way::Frame) => {
                parted.fixed.push_str(&format!("~{:03x}", value & 0xfff));
                parted.values.push((Way::Frame, value >> 12));
            }
            Some(way) => {
                // Columns move with the number of digits.
                let kept = parted.fixed.trim_end_matches(' ').len();
                if matches!(way, Way::Free | Way::Instructions) && parted.fixed.len() > kept + 1 {
                    parted.fixed.truncate(kept + 1);
                }
                parted.fixed.push('~');
                parted.values.push((way, value));
            }
        }
    }
    parted
}

/// A report's line of an instruction, as far as its mnemonic: the compiler chooses the registers.
fn without_operands(line: &str) -> &str {
    if !line.trim_start().starts_with("instruction: ") {
        return line;
    }
    let words = line.split_inclusive(' ').filter(|word| *word != " ");
    let kept: usize = words.take(3).map(str::len).sum();
    let indent = line.len() - line.trim_start().len();
    line[..(indent + kept).min(line.len())].trim_end()
}

/// A number at the start of `text`: its value, its length, and whether it is hexadecimal.
fn number(text: &str) -> (u64, usize, bool) {
    if let Some(digits) = text.strip_prefix("0x") {
        let length = digits
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(digits.len());
        if let Ok(value) = u64::from_str_radix(&digits[..length], 16) {
            return (value, 2 + length, true);
        }
    }
    let length = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..length].parse().unwrap_or(u64::MAX), length, false)
}

fn way_of_address(before: &str, value: u64) -> Option<Way> {
    if value >= KERNEL_HALF {
        Some(Way::Address)
    } else if BEFORE_FRAME.iter().any(|it| before.ends_with(it)) {
        Some(Way::Frame)
    } else {
        None
    }
}

fn way_of_count(line: &str, before: &str, end: usize, in_instructions: bool) -> Option<Way> {
    let measured = if in_instructions {
        Way::Instructions
    } else {
        Way::Free
    };
    let word = before.rsplit(' ').next().unwrap_or(before);
    let name = word.strip_suffix('=').unwrap_or_default();
    let is_heap = ["resident", "largest_free", "trims", "trimmed"].contains(&name)
        && HEAP.iter().any(|it| line.starts_with(it));
    let is_kernels = line.starts_with("region=0xffff")
        || line.starts_with("0xffff")
        // The second line of one: only the kernel's regions have names.
        || line.starts_with("  page=") && line.contains(" name=");
    if is_heap || is_kernels || word.contains(".rs:") {
        Some(Way::Free)
    } else if line.starts_with("bench ") {
        match name {
            "min" | "median" => Some(measured),
            // The one fault of many that the place of the free frames decides.
            "max" => Some(Way::Free),
            _ => None,
        }
    } else if is_row_of_costs(line) {
        (line[end..].split_whitespace().count() < 3).then_some(measured)
    } else if line.starts_with("faults=") && !line.contains("absent=") {
        None
    } else if COUNTING.iter().any(|it| line.starts_with(it)) && !FIXED_COUNTS.contains(&name) {
        Some(Way::Count(name.to_owned()))
    } else {
        None
    }
}

/// A row of `tour policies`: six numbers, of which the last three are costs.
fn is_row_of_costs(line: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    line.starts_with("  ") && words.len() > 6 && words[words.len() - 6..].iter().all(is_number)
}

#[test]
fn frames_are_named_and_offsets_fixed() {
    let parted = part(
        "address=0x0000000000001234 physical=0x0000000000141234",
        false,
    );
    assert_eq!(parted.fixed, "address=0x0000000000001234 physical=~234");
    assert_eq!(parted.values, [(Way::Frame, 0x141)]);
}

#[test]
fn what_a_command_caused_is_fixed_and_what_there_is_in_all_is_not() {
    let line = "written=3 faults=1 frames=1";
    assert_eq!(part(line, false).fixed, line);
    let parted = part("total=32479 used=394 zero=1", false);
    assert_eq!(parted.fixed, "total=32479 used=~ zero=1");
    assert_eq!(parted.values, [(Way::Count("used".to_owned()), 394)]);
}

#[test]
fn frames_and_faults_of_a_tour_are_fixed_and_its_costs_are_not() {
    let row = "  demand             8       3       8           805         10884         11689";
    let parted = part(row, true);
    assert_eq!(parted.fixed, "  demand             8       3       8 ~ ~ ~");
    assert_eq!(parted.values[2], (Way::Instructions, 11689));
    assert_eq!(part(row, false).values[2], (Way::Free, 11689));
}

#[test]
fn operands_of_an_instruction_are_the_compilers() {
    let line = "  instruction: 0xffff8000000449d6 mov byte [rax], 0x2a";
    assert_eq!(part(line, false).fixed, "  instruction: ~ mov");
    assert_eq!(
        part("  instruction: 0xffff8000000449d6", false).fixed,
        "  instruction: ~"
    );
}
