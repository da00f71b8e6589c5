//! The operations on ranges of a low half, each followed by a check of all that
//! must hold between two operations.

use faultline_memory::space::{
    AllocateError, FreeRangeError, GrowError, MoveError, Region, Request,
};
use faultline_memory::{Memory, Space};
use x86_64::VirtAddr;

use super::machine::Machine;

impl Machine {
    pub fn try_free_range(
        &mut self,
        index: usize,
        start: u64,
        size: u64,
    ) -> Result<u64, FreeRangeError> {
        let start = VirtAddr::new(start);
        self.on_space(index, |space, memory| space.free_range(start, size, memory))
    }

    pub fn try_replace(
        &mut self,
        index: usize,
        base: u64,
        request: Request,
    ) -> Result<Region, AllocateError> {
        let base = VirtAddr::new(base);
        self.on_space(index, |space, memory| space.replace(base, request, memory))
    }

    pub fn try_grow(&mut self, index: usize, base: u64, by: u64) -> Result<Region, GrowError> {
        let base = VirtAddr::new(base);
        self.on_space(index, |space, memory| space.grow(base, by, memory))
    }

    pub fn try_move(
        &mut self,
        index: usize,
        start: u64,
        size: u64,
        to: u64,
    ) -> Result<Region, MoveError> {
        let (start, to) = (VirtAddr::new(start), VirtAddr::new(to));
        self.on_space(index, |space, memory| {
            space.move_range(start, size, to, memory)
        })
    }

    pub fn join(&mut self, index: usize, start: u64, size: u64) {
        let start = VirtAddr::new(start);
        self.on_space(index, |space, memory| space.join(start, size, memory));
    }

    fn on_space<R>(&mut self, index: usize, call: impl FnOnce(&mut Space, &Memory) -> R) -> R {
        let space = self.spaces[index].as_mut().expect("a space that exists");
        let result = call(space, &self.memory);
        self.check();
        result
    }

    pub fn free_range(&mut self, index: usize, start: u64, size: u64) -> u64 {
        self.try_free_range(index, start, size)
            .expect("nothing fixed")
    }

    pub fn replace(&mut self, index: usize, base: u64, request: Request) -> Region {
        self.try_replace(index, base, request)
            .expect("nothing fixed")
    }

    pub fn grow(&mut self, index: usize, base: u64, by: u64) -> Region {
        self.try_grow(index, base, by).expect("room behind it")
    }

    pub fn move_range(&mut self, index: usize, start: u64, size: u64, to: u64) -> Region {
        self.try_move(index, start, size, to)
            .expect("room and frames")
    }
}
