//! The monitor on the kernel's console, and what the command line asks of it.
//!
//! | word | does |
//! |---|---|
//! | `no-tour` | goes straight to the prompt |
//! | `tour=NAME` | runs that tour before the prompt, not the example; ends with status 1 if there is none |

use core::fmt;

use crate::command_line::CommandLine;
use crate::console::{self, input};
use crate::exit::{ExitStatus, exit};
use crate::monitor::Monitor;
use crate::monitor::output::Output;
use crate::tour::{self, TOURS};

/// Runs the tour that `words` ask for; ends the machine if there is none of that name.
pub fn tour(words: &CommandLine<'_>) {
    if words.has("no-tour") {
        return;
    }
    let name = words.value("tour").unwrap_or("example");
    match tour::find(name) {
        // Ctrl-C, which ends it, is read at the prompt.
        Some(tour) => (tour.run)().unwrap_or_default(),
        None => {
            log::error!("tour={name} is none of the tours:");
            TOURS.iter().for_each(|tour| log::error!("  {}", tour.name));
            exit(ExitStatus::Exit(1))
        }
    }
}

/// Runs the monitor on the console until it ends, and returns with which status.
pub fn monitor() -> ExitStatus {
    let mut console = Console;
    let status = Monitor::new().run(&mut input::read, &mut Output::new(&mut console));
    ExitStatus::Exit(status)
}

/// The kernel's console as a sink.
struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        console::print(format_args!("{text}"));
        Ok(())
    }

    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        console::print(text);
        Ok(())
    }
}
