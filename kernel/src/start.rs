//! How a kernel starts: from the boot loader's call to its own `main`.
//!
//! Every kernel of this project (the real one, the library's own tests, each
//! test kernel) starts through [`entry!`](crate::entry), so that all of them
//! have the same machine and the same panic handler.

/// Makes `$main: fn(BootInfo) -> !` the start of a kernel, and gives it its panic handler.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        const _: () = {
            fn enter(loader: &'static mut $crate::boot::bootloader_api::BootInfo) -> ! {
                $crate::cpu::tsc::start();
                let main: fn($crate::boot::BootInfo) -> ! = $main;
                // SAFETY: the boot loader calls this function, once, with what it hands over.
                main(unsafe { $crate::boot::BootInfo::take(loader) })
            }

            $crate::boot::bootloader_api::entry_point!(enter, config = &$crate::boot::CONFIG);

            #[panic_handler]
            fn panic(info: &core::panic::PanicInfo) -> ! {
                $crate::panic::panic(info)
            }
        };
    };
}

/// Makes a crate with `#![reexport_test_harness_main = "..."]` a kernel that runs its tests.
#[macro_export]
macro_rules! test_kernel {
    ($test_main:ident) => {
        fn start_tests(boot: $crate::boot::BootInfo) -> ! {
            // SAFETY: this is the kernel's `main`: called once, first, with what
            // the boot loader handed over.
            unsafe { $crate::testing::set_up(boot, run_tests) }
        }

        fn run_tests() -> ! {
            $crate::testing::start_heap();
            $test_main();
            $crate::exit::exit($crate::exit::ExitStatus::Success)
        }

        $crate::entry!(start_tests);
    };
}
