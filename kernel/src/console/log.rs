//! The log: one line per message, with the time and the level, through the `log` crate.
//!
//! ```text
//! [      12.345 info ] processor: ...
//!        millions of time-stamp ticks since the kernel's first instruction
//! ```
//!
//! The level is `info` unless the command line says `log=error`, `warn`,
//! `info`, `debug`, `trace` or `off`.

use super::print_fresh_line;
use crate::cpu::tsc;
use log::{LevelFilter, Log, Metadata, Record};

struct ConsoleLog;

impl Log for ConsoleLog {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let ticks = tsc::elapsed();
        print_fresh_line(format_args!(
            "[{:8}.{:03} {:5}] {}",
            ticks / 1_000_000,
            ticks / 1_000 % 1_000,
            name(record.level()),
            record.args()
        ));
    }

    fn flush(&self) {}
}

fn name(level: log::Level) -> &'static str {
    match level {
        log::Level::Error => "error",
        log::Level::Warn => "warn",
        log::Level::Info => "info",
        log::Level::Debug => "debug",
        log::Level::Trace => "trace",
    }
}

/// Starts the log at the level named `wanted`, or at `info`.
pub(super) fn init(wanted: Option<&str>) {
    let level = wanted.map(str::parse::<LevelFilter>);
    log::set_max_level(match level {
        Some(Ok(level)) => level,
        Some(Err(_)) | None => LevelFilter::Info,
    });
    // Fails only when the log was started before, and then it is this one.
    let _ = log::set_logger(&ConsoleLog);
    if let Some(Err(_)) = level {
        log::warn!(
            "log={} is not a level; error, warn, info, debug, trace and off are",
            wanted.unwrap_or_default()
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::console::column;
    use crate::print;
    use log::LevelFilter;

    /// Whether a message at `level` prints when `filter` is set.
    fn prints(level: log::Level, filter: LevelFilter) -> bool {
        let before = log::max_level();
        log::set_max_level(filter);
        print!("."); // a printed line begins afresh, and so the column is 0 after it
        log::log!(level, "a message at this level");
        let printed = column() == 0;
        log::set_max_level(before);
        printed
    }

    #[test_case]
    fn a_level_lets_itself_and_the_graver_ones_through() {
        assert!(prints(log::Level::Error, LevelFilter::Warn));
        assert!(prints(log::Level::Warn, LevelFilter::Warn));
        assert!(!prints(log::Level::Info, LevelFilter::Warn));
        assert!(!prints(log::Level::Trace, LevelFilter::Warn));
        assert!(prints(log::Level::Trace, LevelFilter::Trace));
    }

    #[test_case]
    fn off_lets_nothing_through() {
        assert!(!prints(log::Level::Error, LevelFilter::Off));
    }
}
