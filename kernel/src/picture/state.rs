//! What a frame is, as pictures of physical memory tell it, and how the frames
//! of a block share its picture.

/// What a frame is. In the order in which a block's picture stacks them, the
/// lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum FrameState {
    /// Never handed out: the kernel's image, the bitmap, the boot loader's.
    Reserved = 0,
    /// In use for anything else: region records, and what the kernel keeps for
    /// itself.
    Kernel = 1,
    /// A page table.
    Table = 2,
    /// The one frame of zeroes.
    Zero = 3,
    /// Behind a page of some space or of the kernel half, and of no other page.
    Private = 4,
    /// Behind pages of several spaces, or of the last that is left of them.
    Shared = 5,
    /// A device's, mapped somewhere.
    Borrowed = 6,
    /// Not in use.
    Free = 7,
}

impl FrameState {
    /// How many states there are.
    pub const COUNT: usize = 8;

    /// All of them, in their order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Reserved,
        Self::Kernel,
        Self::Table,
        Self::Zero,
        Self::Private,
        Self::Shared,
        Self::Borrowed,
        Self::Free,
    ];

    /// One word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Kernel => "kernel",
            Self::Table => "tables",
            Self::Zero => "zero",
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Borrowed => "borrowed",
            Self::Free => "free",
        }
    }
}

/// Frames (4 KiB) by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts(pub [u32; FrameState::COUNT]);

impl StateCounts {
    /// None at all.
    pub const NONE: Self = Self([0; FrameState::COUNT]);

    /// How many are in this state.
    #[must_use]
    pub const fn of(&self, state: FrameState) -> u32 {
        self.0[state as usize]
    }

    /// The state that a single letter stands for: [`FrameState::Zero`] if the
    /// zero frame is here, of which there is only one to be found; else the
    /// state of most frames in use, the first in order if two have as many;
    /// [`FrameState::Free`] if none is in use. `None` without any frame.
    #[must_use]
    pub fn dominating(&self) -> Option<FrameState> {
        if self.of(FrameState::Zero) > 0 {
            return Some(FrameState::Zero);
        }
        let in_use = FrameState::ALL
            .into_iter()
            .filter(|&state| state != FrameState::Free && self.of(state) > 0);
        // Of equal ones `max_by_key` takes the last.
        let most = in_use.rev().max_by_key(|&state| self.of(state));
        most.or((self.of(FrameState::Free) > 0).then_some(FrameState::Free))
    }

    /// Shares `height` among the states that are here, each with at least 1 and
    /// beyond that as its frames are of all; what is left goes to the state
    /// with most frames. All are 0 without any frame. `height` is 8 or more.
    #[must_use]
    pub fn bands(&self, height: u8) -> [u8; FrameState::COUNT] {
        let mut bands = [0; FrameState::COUNT];
        let Some((most, _)) = self.0.iter().enumerate().max_by_key(|(_, count)| **count) else {
            return bands;
        };
        let all: u64 = self.0.iter().map(|&count| u64::from(count)).sum();
        if all == 0 {
            return bands;
        }
        let present = self.0.iter().filter(|&&count| count > 0).count() as u8;
        let rest = height - present;
        let mut left = rest;
        for (band, &count) in bands.iter_mut().zip(&self.0) {
            if count > 0 {
                let share = (u64::from(count) * u64::from(rest) / all) as u8;
                *band = 1 + share;
                left -= share;
            }
        }
        bands[most] += left;
        bands
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts_of(counts: &[(FrameState, u32)]) -> StateCounts {
        let mut counts_of = StateCounts::NONE;
        for &(state, count) in counts {
            counts_of.0[state as usize] = count;
        }
        counts_of
    }

    #[test_case]
    fn one_private_frame_among_63_free_ones_is_a_band_of_one() {
        let mixed = counts_of(&[(FrameState::Private, 1), (FrameState::Free, 63)]);
        let bands = mixed.bands(12);
        assert_eq!(bands[FrameState::Private as usize], 1);
        assert_eq!(bands[FrameState::Free as usize], 11);
        assert_eq!(mixed.dominating(), Some(FrameState::Private));
    }

    #[test_case]
    fn bands_fill_the_height_whatever_is_mixed() {
        for seed in 1..2000_u32 {
            let counts = core::array::from_fn(|state| {
                (seed.wrapping_mul(0x9e37_79b1) >> (state * 4)) % 64 * (seed >> state & 1)
            });
            let mixed = StateCounts(counts);
            let bands = mixed.bands(12);
            let sum: u8 = bands.iter().sum();
            assert_eq!(
                sum,
                if counts == [0; FrameState::COUNT] {
                    0
                } else {
                    12
                }
            );
            for (band, count) in bands.iter().zip(counts) {
                assert_eq!(*band > 0, count > 0, "{counts:?}");
            }
        }
    }

    #[test_case]
    fn the_zero_frame_dominates_and_otherwise_what_most_frames_are() {
        let many = [(FrameState::Table, 3), (FrameState::Reserved, 9)];
        assert_eq!(counts_of(&many).dominating(), Some(FrameState::Reserved));
        let equal = [(FrameState::Table, 9), (FrameState::Private, 9)];
        assert_eq!(counts_of(&equal).dominating(), Some(FrameState::Table));
        let with_zero = [(FrameState::Zero, 1), (FrameState::Private, 63)];
        assert_eq!(counts_of(&with_zero).dominating(), Some(FrameState::Zero));
        assert_eq!(
            counts_of(&[(FrameState::Free, 1)]).dominating(),
            Some(FrameState::Free)
        );
        assert_eq!(StateCounts::NONE.dominating(), None);
    }
}
