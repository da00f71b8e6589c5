//! At which line of a source file the thing stands that a text names or quotes.

/// Words before the name of an item.
const KEYWORDS: [&str; 10] = [
    "fn",
    "struct",
    "enum",
    "union",
    "trait",
    "type",
    "mod",
    "const",
    "static",
    "macro_rules",
];

/// In a quotation, stands for lines that are left out.
const LEFT_OUT: &str = "// ...";

/// The line, from 1 on, that defines `name`: an item, or `Owner::part` with an item or a variant of that owner.
pub(crate) fn line_of(source: &str, name: &str) -> Option<usize> {
    let name = name.trim_end_matches("()").trim_end_matches('!');
    let Some((owner, part)) = name.rsplit_once("::") else {
        return numbered(source)
            .find(|(_, words)| defines(words, name))
            .map(|(line, _)| line);
    };
    let owner = owner.rsplit("::").next().unwrap_or(owner);
    let mut is_inside = false;
    let mut variant = None;
    for (line, words) in numbered(source) {
        if is_inside && defines(&words, part) {
            return Some(line);
        }
        if opens(&words) {
            is_inside = words.contains(&owner);
        } else if is_inside && words.first() == Some(&part) {
            variant = variant.or(Some(line));
        }
    }
    // What a macro puts into an owner stands in none.
    variant.or_else(|| line_of(source, part))
}

/// Whether the line begins what can own items or variants.
fn opens(words: &[&str]) -> bool {
    let is_type = |word: &&str| ["enum", "struct", "trait", "union"].contains(word);
    words.iter().any(is_type) || words.contains(&"impl") && !words.contains(&"fn")
}

/// The line, from 1 on, at which what is quoted begins.
pub(crate) fn line_of_quotation(source: &str, quoted: &str) -> Option<usize> {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let piece = quoted
        .lines()
        .map(str::trim)
        .skip_while(|line| *line == LEFT_OUT);
    let piece: Vec<_> = piece.take_while(|line| *line != LEFT_OUT).collect();
    if piece.is_empty() {
        return None;
    }
    let mut windows = lines.windows(piece.len());
    windows
        .position(|window| window == piece)
        .map(|index| index + 1)
}

/// The identifiers of each line, comments left out, with its number.
fn numbered(source: &str) -> impl Iterator<Item = (usize, Vec<&str>)> + Clone {
    let lines = source.lines().enumerate();
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(|(index, line)| {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        let words = words.filter(|word| !word.is_empty() && *word != "mut");
        (index + 1, words.collect())
    })
}

fn defines(words: &[&str], name: &str) -> bool {
    words
        .windows(2)
        .any(|pair| KEYWORDS.contains(&pair[0]) && pair[1] == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! fn walk() of somebody else
pub(crate) enum Way {
    /// Down, and where to.
    Down(u64),
}
pub(crate) const fn walk() -> Way {
    Way::Down(1)
}

impl Other {
    fn grow(&self) {}
}
impl fmt::Display for Way {
    fn grow(&self) {
        walk();

        walk();
    }
}
macro_rules! entry { () => {} }
static mut HOLD: u8 = 0;
";

    #[test]
    fn a_name_is_found_where_it_is_defined_and_not_where_it_is_used() {
        for (name, line) in [
            ("walk()", 6),
            ("Way", 2),
            ("Way::Down", 4),
            ("space::Way::grow", 14),
            ("Other::grow", 11),
            ("entry!", 20),
            ("HOLD", 21),
        ] {
            assert_eq!(line_of(SOURCE, name), Some(line), "{name}");
        }
        assert_eq!(line_of(SOURCE, "Down"), None);
        assert_eq!(line_of(SOURCE, "Way::Up"), None);
        assert_eq!(line_of(SOURCE, "Made::walk"), Some(6));
    }

    #[test]
    fn a_quotation_is_found_whatever_its_indentation_and_what_it_leaves_out() {
        assert_eq!(
            line_of_quotation(SOURCE, "fn grow(&self) {\n    walk();\n\n    walk();\n}\n"),
            Some(14)
        );
        assert_eq!(
            line_of_quotation(SOURCE, "// ...\nwalk();\n// ...\n}\n"),
            Some(15)
        );
        assert_eq!(line_of_quotation(SOURCE, "walk();\nwalk();\n"), None);
        assert_eq!(line_of_quotation(SOURCE, "// ...\n"), None);
    }
}
