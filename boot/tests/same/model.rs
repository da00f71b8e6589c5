//! What an author of scripts believes of a process: enough to make steps of which
//! most do something, and few end it by a signal. Where it is wrong, a script is
//! shorter than meant, and nothing else.

/// The author's belief about the pages of one unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    /// Units that are mapped by one call, and in a row, have one number.
    pub(crate) mapping: usize,
    /// Which of its mapping it is.
    pub(crate) index: usize,
    /// As `mmap` is told.
    pub(crate) rights: usize,
    pub(crate) grows_down: bool,
    /// The object, and the unit of it.
    pub(crate) object: Option<(usize, usize)>,
}

/// One process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) arena: Vec<Option<Unit>>,
    /// What lies where the kernel chose.
    pub(crate) elsewhere: Vec<Unit>,
    /// Units of the heap.
    pub(crate) heap: usize,
    /// Its objects, in the order of their descriptors.
    pub(crate) objects: Vec<usize>,
}

impl Process {
    pub(crate) fn new(units: usize) -> Self {
        Self {
            arena: vec![None; units],
            elsewhere: Vec::new(),
            heap: 0,
            objects: Vec::new(),
        }
    }

    /// Whether nothing lies in a range of the arena.
    pub(crate) fn is_free(&self, first: usize, count: usize) -> bool {
        let range = self.arena.get(first..first + count);
        range.is_some_and(|range| range.iter().all(Option::is_none))
    }

    /// Whether the mapping that begins with a unit of the arena grows by one unit when
    /// that is touched.
    pub(crate) fn can_grow_down(&self, first: usize) -> bool {
        let Some(below) = first.checked_sub(1) else {
            return false;
        };
        let grows = |unit: &Unit| unit.grows_down;
        let is_accessible = |unit: &Unit| unit.rights != 0 && !unit.grows_down;
        self.arena[first].as_ref().is_some_and(grows)
            && self.arena[below].is_none()
            && !self.arena[..below].iter().flatten().any(is_accessible)
    }

    /// Maps units of the arena.
    pub(crate) fn map(&mut self, first: usize, units: &[Unit]) {
        for (place, unit) in self.arena[first..].iter_mut().zip(units) {
            *place = Some(*unit);
        }
    }

    /// Takes units of the arena away.
    pub(crate) fn unmap(&mut self, first: usize, count: usize) {
        let end = (first + count).min(self.arena.len());
        self.arena[first..end].fill(None);
    }

    /// The units from `first` on that are certainly one mapping: made by one call,
    /// in a row, and with the same rights.
    pub(crate) fn run(&self, first: usize) -> Vec<Unit> {
        let units = self.arena[first..].iter().map_while(|unit| *unit);
        let mut run: Vec<Unit> = Vec::new();
        for unit in units {
            if let Some(last) = run.last()
                && (last.mapping, last.index + 1, last.rights)
                    != (unit.mapping, unit.index, unit.rights)
            {
                break;
            }
            run.push(unit);
        }
        run
    }
}
