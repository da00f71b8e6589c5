//! The words of a line, as a shell parts them.
//!
//! ```text
//!   run sh -c 'echo "a b"' c\ d  # not this
//!   │   │  │  │            │
//!   run sh -c echo "a b"   c d
//! ```
//!
//! Blanks part words. Between `'` and `'` every character is an ordinary one; between
//! `"` and `"` all but `"` and `\`, and `\` stands before one of these two to make it one,
//! too. Outside, `\` does that for any character. A word that begins with `#` is the
//! end of the line.

use core::fmt;
use core::str::CharIndices;

/// A quote that is opened and not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unclosed(pub char);

impl fmt::Display for Unclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(quote) = self;
        write!(
            f,
            "a {quote} is opened and not closed: put \\ before one that is meant as it is"
        )
    }
}

/// The words of a line, as they were typed: what they mean is [`unquoted`].
#[derive(Debug, Clone)]
pub struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// The words of `line`.
    ///
    /// # Errors
    ///
    /// [`Unclosed`]: it is not known where the last one ends.
    pub fn of(line: &'a str) -> Result<Self, Unclosed> {
        let mut rest = Self(line);
        while let Some((_, quote)) = rest.cut() {
            quote.map_or(Ok(()), |quote| Err(Unclosed(quote)))?;
        }
        Ok(Self(line))
    }

    /// Cuts the first word off, and says which quote is open at its end.
    fn cut(&mut self) -> Option<(&'a str, Option<char>)> {
        let rest = self.0.trim_ascii_start();
        if rest.is_empty() || rest.starts_with('#') {
            return None;
        }
        let mut pieces = Pieces::of(rest);
        let end = pieces.find_map(|(at, piece)| (piece == Piece::Blank).then_some(at));
        let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.0 = rest;
        Some((word, pieces.quote))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.cut().map(|(word, _)| word)
    }
}

/// What a word means: its characters without the marks that quote them.
pub fn unquoted(word: &str) -> impl Iterator<Item = char> {
    Pieces::of(word).filter_map(|(_, piece)| match piece {
        Piece::Text(character) => Some(character),
        Piece::Blank | Piece::Mark => None,
    })
}

/// What a character of a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// It ends a word.
    Blank,
    /// It opens or closes a quote.
    Mark,
    /// It, or the one behind it, belongs to a word.
    Text(char),
}

/// The pieces of a line, each with its place.
struct Pieces<'a> {
    characters: CharIndices<'a>,
    /// The quote that is open.
    quote: Option<char>,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            characters: text.char_indices(),
            quote: None,
        }
    }

    /// The character behind a `\` that makes it an ordinary one.
    fn escaped(&mut self) -> Option<char> {
        let next = self.characters.clone().next().map(|(_, next)| next)?;
        let is_escaped = match self.quote {
            None => true,
            Some('"') => matches!(next, '"' | '\\'),
            Some(_) => false,
        };
        if !is_escaped {
            return None;
        }
        self.characters.next();
        Some(next)
    }
}

impl Iterator for Pieces<'_> {
    type Item = (usize, Piece);

    fn next(&mut self) -> Option<Self::Item> {
        let (at, character) = self.characters.next()?;
        let piece = match (character, self.quote) {
            ('\\', _) => Piece::Text(self.escaped().unwrap_or(character)),
            (mark, Some(quote)) if mark == quote => {
                self.quote = None;
                Piece::Mark
            }
            ('"' | '\'', None) => {
                self.quote = Some(character);
                Piece::Mark
            }
            (blank, None) if blank.is_ascii_whitespace() => Piece::Blank,
            _ => Piece::Text(character),
        };
        Some((at, piece))
    }
}
