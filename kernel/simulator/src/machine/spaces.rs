//! Address spaces by number, one of which is loaded.
//!
//! What must always hold: the loaded space exists, and is not destroyed.
#![allow(unsafe_code)]

use memory::frames::OutOfFrames;
use memory::space::ForkError;
use memory::{Memory, Space};

use super::{MOST_SPACES, Machine};

impl Machine {
    /// Loads the root of a space, which makes the processor forget the one before.
    pub(crate) fn load(&mut self, number: usize) {
        self.current = number;
        let root = self.space().root().start_address().as_u64();
        self.core(|core| core.load(root));
    }

    /// Works on the space that is loaded.
    pub(crate) fn change<R>(&mut self, work: impl FnOnce(&mut Space, &Memory) -> R) -> R {
        self.bench(|bench| bench.before_flush = None);
        let space = self.spaces[self.current].as_mut();
        work(space.expect("the loaded space exists"), &self.memory)
    }

    /// The space of this number, if there is one.
    pub(crate) fn space_of(&self, number: u64) -> Option<&Space> {
        let space = self.spaces.get(usize::try_from(number).ok()?)?;
        space.as_ref()
    }

    /// The number that the next space would get.
    pub(crate) fn free_number(&self) -> Option<usize> {
        (0..MOST_SPACES).find(|number| self.space_of(*number as u64).is_none())
    }

    /// Makes an empty space of this number.
    pub(crate) fn make_space(&mut self, number: usize) -> Result<(), OutOfFrames> {
        let space = Space::new(&self.kernel, &self.memory)?;
        self.keep(number, space);
        Ok(())
    }

    /// Makes a copy of the space that is loaded, of this number.
    pub(crate) fn fork(&mut self, number: usize) -> Result<(), ForkError> {
        let copy = self.change(Space::fork)?;
        self.keep(number, copy);
        Ok(())
    }

    fn keep(&mut self, number: usize, space: Space) {
        if number == self.spaces.len() {
            self.spaces.push(None);
        }
        self.spaces[number] = Some(space);
        self.swap.forget_hand(number);
    }

    /// Destroys a space that is not loaded. Returns how many frames went back.
    pub(crate) fn destroy(&mut self, number: usize) -> u64 {
        assert!(number != self.current, "it is loaded");
        let space = self.spaces[number].take();
        // SAFETY: the one processor has another root loaded.
        space.map_or(0, |space| unsafe { space.destroy(&self.memory) })
    }
}
