//! What of a printed line is the same on every machine, and the few values that are not.
//!
//! A line is parted into characters, which are compared as they stand, and values of these kinds, which differ from
//! machine to machine or from run to run. Nothing else is excused: a text that does not want to show a value, or cannot
//! know it, leaves it out with `...`.
//!
//! | value | where | is compared |
//! |---|---|---|
//! | [`Frame`](Kind::Frame): the physical address of a frame or a table | behind one of [`BEFORE_FRAME`] | by name: one value in the text stands for one value of the machine, and no two for the same; its low 12 bits exactly |
//! | [`Code`](Kind::Code): an address in the kernel's image, its first one excepted | anywhere | by name |
//! | [`Cost`](Kind::Cost): instructions | the least and the median of `bench`, rows of `tour policies` | to a tenth (those of the optimised kernel are in [`figures`](crate::figures), exactly) |
//! | [`Time`](Kind::Time) | in front of a line of the log | not at all |

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// By name: the address of a frame without its low 12 bits
    Frame,
    /// By name: an address in the kernel's image
    Code,
    /// To a tenth
    Cost,
    /// Not at all
    Time,
}

/// A part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A character that is compared as it stands.
    Text(char),
    Value(Kind, u64),
}

/// What stands before the physical address of a frame.
pub(crate) const BEFORE_FRAME: [&str; 7] = [
    "frame=",
    "physical=",
    "root=",
    "table at ",
    "leaf at ",
    "frame ",
    "physical ",
];

/// The addresses of the kernel's image behind its first one, which is part of the layout.
const CODE: std::ops::Range<u64> = 0xffff_8000_0000_0001..0xffff_8080_0000_0000;

/// Parts a line.
pub(crate) fn part(line: &str) -> Vec<Piece> {
    let behind_time = match line.starts_with('[') {
        true => line.find(" info ]").unwrap_or(0),
        false => 0,
    };
    part_by(line, |before, number| {
        let end = before.len() + number.length;
        if end <= behind_time {
            Some(Kind::Time)
        } else if number.is_hex {
            kind_of_address(before, number.value)
        } else {
            is_cost(line, before, end).then_some(Kind::Cost)
        }
    })
}

/// Parts a line as if no number in it counted, and no column: for finding a line of which the numbers have changed.
pub(crate) fn without_numbers(line: &str) -> Vec<Piece> {
    let words: Vec<_> = line.split_whitespace().collect();
    part_by(&words.join(" "), |_, _| Some(Kind::Time))
}

/// A number in a line.
struct Number {
    value: u64,
    length: usize,
    is_hex: bool,
    is_padded: bool,
}

fn part_by(line: &str, kind: impl Fn(&str, &Number) -> Option<Kind>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(c) = line[at..].chars().next() {
        let after_word = line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if !c.is_ascii_digit() || after_word {
            pieces.push(Piece::Text(c));
            at += c.len_utf8();
            continue;
        }
        let number = number(&line[at..]);
        let kind = kind(&line[..at], &number);
        let text = &line[at..at + number.length];
        at += number.length;
        match kind {
            None => pieces.extend(text.chars().map(Piece::Text)),
            Some(kind @ (Kind::Frame | Kind::Code)) => {
                // Whether leading zeros are printed is not the machine's choice.
                pieces.extend(number.is_padded.then_some(Piece::Text('0')));
                let (name, offset) = match kind {
                    Kind::Frame => (number.value >> 12, format!("{:03x}", number.value & 0xfff)),
                    _ => (number.value, String::new()),
                };
                pieces.push(Piece::Value(kind, name));
                pieces.extend(offset.chars().map(Piece::Text));
            }
            Some(kind) => {
                // Columns move with the number of digits.
                while pieces.ends_with(&[Piece::Text(' '); 2]) {
                    pieces.pop();
                }
                pieces.push(Piece::Value(kind, number.value));
            }
        }
    }
    pieces
}

/// The number at the start of `text`.
fn number(text: &str) -> Number {
    let length =
        |text: &str, is_digit: fn(&char) -> bool| text.chars().take_while(is_digit).count();
    if let Some(digits) = text.strip_prefix("0x") {
        let length = length(digits, char::is_ascii_hexdigit);
        if let Ok(value) = u64::from_str_radix(&digits[..length], 16) {
            return Number {
                value,
                length: 2 + length,
                is_hex: true,
                is_padded: length > 1 && digits.starts_with('0'),
            };
        }
    }
    let length = length(text, char::is_ascii_digit);
    Number {
        value: text[..length].parse().unwrap_or(u64::MAX),
        length,
        is_hex: false,
        is_padded: false,
    }
}

fn kind_of_address(before: &str, value: u64) -> Option<Kind> {
    if CODE.contains(&value) {
        Some(Kind::Code)
    } else if BEFORE_FRAME.iter().any(|it| before.ends_with(it)) {
        Some(Kind::Frame)
    } else {
        None
    }
}

/// Whether the decimal number between `before` and `end` is a cost.
fn is_cost(line: &str, before: &str, end: usize) -> bool {
    if line.starts_with("bench ") {
        let names = [" min=", " median="];
        return names.iter().any(|name| before.ends_with(name));
    }
    is_row_of_costs(line) && line[end..].split_whitespace().count() < 3
}

/// A row of `tour policies`: six numbers, of which the last three are costs.
fn is_row_of_costs(line: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    line.starts_with("  ") && words.len() > 6 && words[words.len() - 6..].iter().all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a line with `~` in the place of each value, and the values.
    fn parted(line: &str) -> (String, Vec<(Kind, u64)>) {
        let mut values = Vec::new();
        let text = part(line).into_iter().map(|piece| match piece {
            Piece::Text(c) => c,
            Piece::Value(kind, value) => {
                values.push((kind, value));
                '~'
            }
        });
        (text.collect(), values)
    }

    #[test]
    fn frames_are_named_and_offsets_fixed() {
        assert_eq!(
            parted("address=0x0000000000001234 physical=0x0000000000141234"),
            (
                "address=0x0000000000001234 physical=0x~234".replace("0x~", "0~"),
                vec![(Kind::Frame, 0x141)]
            )
        );
        let walk = "level 1 [  1] 4K leaf at 0x139000, P W A D NX";
        assert_eq!(parted(walk).1, [(Kind::Frame, 0x139)]);
        let tour = "  write b, 10 bytes at 0x10005: faults=1 frames=1";
        assert_eq!(parted(tour).1, []);
    }

    #[test]
    fn counts_are_fixed_all_of_them() {
        for line in [
            "written=3 faults=1 frames=1",
            "total=32479 used=394 zero=1",
            "faults=6 absent=5 protection=1 reserved_bit=0",
            "demand=4 zero_read=1 zero_write=0",
            "audit=ok checks=45648 halves=2 regions=31",
            "size=16777216 in_use=0 resident=31 reserved=0",
            "region=0x0000000000001000 end=0x0000000000005000 pages=4",
            "4K page of the kernel stack at 0xffffc00000001000",
            "the first address of the image: 0xffff800000000000",
        ] {
            assert_eq!(parted(line), (line.to_owned(), vec![]));
        }
    }

    #[test]
    fn frames_and_faults_of_a_tour_are_fixed_and_its_costs_are_not() {
        let row =
            "  demand             8       3       8           805         10884         11689";
        let (text, values) = parted(row);
        assert_eq!(text, "  demand             8       3       8 ~ ~ ~");
        assert_eq!(values[2], (Kind::Cost, 11689));
    }

    #[test]
    fn of_a_line_of_the_log_only_the_time_may_differ() {
        let line = "[     228.623 info ] frames: 32479 in all, 31009 free";
        assert_eq!(
            parted(line),
            (
                "[ ~.~ info ] frames: 32479 in all, 31009 free".to_owned(),
                vec![(Kind::Time, 228), (Kind::Time, 623)]
            )
        );
    }
}
