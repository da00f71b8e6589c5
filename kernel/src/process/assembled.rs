//! Programs of a few instructions, written down where they are used: for tests and
//! benchmarks.

/// Makes a function that returns the bytes of a program. Labels of its own are
/// numbers from 90 on.
#[doc(hidden)]
#[macro_export]
macro_rules! programs {
    ($($(#[$doc:meta])* $name:ident: $($line:literal)*;)*) => {$(
        $(#[$doc])*
        fn $name() -> &'static [u8] {
            let (start, end): (*const u8, *const u8);
            // SAFETY: the code is jumped over; it is read only, as part of the kernel's text.
            unsafe {
                core::arch::asm!(
                    "lea {start}, [rip + 2f]",
                    "lea {end}, [rip + 3f]",
                    "jmp 3f",
                    "2:",
                    $($line,)*
                    "3:",
                    start = out(reg) start,
                    end = out(reg) end,
                );
                core::slice::from_raw_parts(start, end.offset_from_unsigned(start))
            }
        }
    )*};
}
