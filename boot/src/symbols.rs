//! What stands at an address of the kernel or of a program: function, file and line.
//!
//! They come from the unstripped file's symbols and debug information, which
//! are read when the first address is asked for. Data has no name here: a
//! backtrace is one of code. A function that the compiler
//! put into another is named before the one that it was put into.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use addr2line::Loader;
use object::{Object as _, ObjectKind, ObjectSection as _, SectionKind};

use crate::gdb::load_offset;

/// What is added to the addresses in a file when it is loaded, if its bytes say it.
type Offset = fn(&[u8]) -> Option<u64>;

/// The names of a file's addresses.
pub struct Symbols {
    file: PathBuf,
    offset: Offset,
    loaded: Option<Option<Loaded>>,
}

struct Loaded {
    loader: Loader,
    /// What was added to the addresses in the file
    offset: u64,
    /// Where code lies in the file
    code: Vec<Range<u64>>,
}

impl Symbols {
    /// The names of this kernel; nothing is read yet.
    #[must_use]
    pub fn of(kernel: &Path) -> Self {
        Self::with(kernel, load_offset)
    }

    /// The names of this program, which lies where its file says.
    #[must_use]
    pub fn of_program(program: &Path) -> Self {
        Self::with(program, |bytes| {
            let file = object::File::parse(bytes).ok()?;
            (file.kind() == ObjectKind::Executable).then_some(0)
        })
    }

    fn with(file: &Path, offset: Offset) -> Self {
        Self {
            file: file.to_owned(),
            offset,
            loaded: None,
        }
    }

    /// What stands at `address`, each as `function at file:line`, the innermost first. Empty when
    /// nothing is known of it, or of the whole file.
    pub fn at(&mut self, address: u64) -> Vec<String> {
        let (file, offset) = (&self.file, self.offset);
        let loaded = self.loaded.get_or_insert_with(|| Loaded::of(file, offset));
        loaded
            .as_ref()
            .map_or_else(Vec::new, |loaded| loaded.at(address))
    }
}

impl Loaded {
    fn of(path: &Path, offset: Offset) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let file = object::File::parse(&*bytes).ok()?;
        let code = file
            .sections()
            .filter(|section| section.kind() == SectionKind::Text)
            .map(|section| section.address()..section.address() + section.size());
        Some(Self {
            loader: Loader::new(path).ok()?,
            offset: offset(&bytes)?,
            code: code.collect(),
        })
    }

    fn at(&self, address: u64) -> Vec<String> {
        let Some(probe) = address.checked_sub(self.offset) else {
            return Vec::new();
        };
        if !self.code.iter().any(|code| code.contains(&probe)) {
            return Vec::new();
        }
        let mut names = self.frames(probe).unwrap_or_default();
        if names.is_empty()
            && let Some(symbol) = self.loader.find_symbol(probe)
        {
            names.push(addr2line::demangle_auto(symbol.into(), None).into_owned());
        }
        names
    }

    fn frames(&self, probe: u64) -> Option<Vec<String>> {
        let mut frames = self.loader.find_frames(probe).ok()?;
        let mut names = Vec::new();
        while let Ok(Some(frame)) = frames.next() {
            let Some(function) = frame.function else {
                continue;
            };
            let mut name = function.demangle().ok()?.into_owned();
            if let Some(location) = frame.location
                && let (Some(file), Some(line)) = (location.file, location.line)
            {
                name.push_str(&format!(" at {}:{line}", shortened(file)));
            }
            names.push(name);
        }
        Some(names)
    }
}

/// A source file's path as people look for it: relative to the workspace, or from the name of
/// its library on.
fn shortened(file: &str) -> &str {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let inside = workspace.and_then(|workspace| Path::new(file).strip_prefix(workspace).ok());
    if let Some(inside) = inside.and_then(Path::to_str) {
        return inside;
    }
    // ~/.cargo/registry/src/<registry>/<library>/..., and the standard library's own folder
    let registry = file
        .split_once("/registry/src/")
        .and_then(|(_, rest)| rest.split_once('/'));
    let standard = file.find("/library/").map(|at| &file[at + 1..]);
    registry.map_or_else(|| standard.unwrap_or(file), |(_, library)| library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_where_people_know_it() {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/src/symbols.rs");
        assert_eq!(shortened(own), "boot/src/symbols.rs");
        assert_eq!(
            shortened("/home/x/.cargo/registry/src/index.crates.io-1949/spin-0.12.0/src/lib.rs"),
            "spin-0.12.0/src/lib.rs"
        );
        assert_eq!(
            shortened("/rustc/1a2b/library/core/src/panicking.rs"),
            "library/core/src/panicking.rs"
        );
        assert_eq!(shortened("/elsewhere/a.rs"), "/elsewhere/a.rs");
    }

    #[test]
    fn of_a_file_that_is_no_kernel_nothing_is_known() {
        let own = std::env::current_exe().unwrap();
        assert_eq!(Symbols::of(&own).at(0x1000), Vec::<String>::new());
        assert_eq!(
            Symbols::of(Path::new("/no/such/kernel")).at(1),
            Vec::<String>::new()
        );
    }
}
