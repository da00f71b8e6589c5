//! Whether a window can be opened, and which of QEMU's displays opens it.

use std::env;
use std::process::Stdio;

use crate::qemu::tied;

/// QEMU's displays that are windows, the preferred first.
const WINDOWS: [&str; 3] = ["cocoa", "gtk", "sdl"];

/// What the machine's screen is shown on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Display {
    /// Nothing: the screen exists for the guest only
    None,
    /// A window, by QEMU's name for the kind
    Window(&'static str),
}

/// Whether this session has a screen: always on macOS, elsewhere by X's or Wayland's variable.
#[must_use]
pub fn session_has_screen() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// Asks QEMU which windows it can open.
///
/// `None` when it can open none, as with Debian's package without the recommended ones. A QEMU that
/// cannot be asked gets no window; what is wrong with it is said when it is to run.
#[must_use]
pub fn window_of(qemu: &str) -> Option<Display> {
    let answer = tied(qemu)
        .args(["-display", "help"])
        .stdin(Stdio::null())
        .output();
    answer.map_or(Some(Display::None), |answer| {
        preferred(&String::from_utf8_lossy(&answer.stdout))
    })
}

fn preferred(listed: &str) -> Option<Display> {
    let window = WINDOWS
        .into_iter()
        .find(|window| listed.lines().any(|line| line.trim() == *window));
    window.map(Display::Window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gtk_is_preferred_to_sdl() {
        assert_eq!(
            preferred("Available display backend types:\nnone\nsdl\ngtk\ncurses\n"),
            Some(Display::Window("gtk"))
        );
    }

    #[test]
    fn a_qemu_that_is_not_there_is_no_reason_to_speak_of_windows() {
        assert_eq!(window_of("/no/such/qemu"), Some(Display::None));
    }

    #[test]
    fn displays_that_are_no_windows_do_not_count() {
        assert_eq!(
            preferred("Available display backend types:\nnone\negl-headless\ncurses\ndbus\n"),
            None
        );
    }
}
