//! What the prompt answered.

/// The value of `name=VALUE` in the last answer to `command`, in what the guest said.
///
/// # Panics
///
/// If there is none.
pub(crate) fn answer<'a>(guest: &'a str, command: &str, name: &str) -> &'a str {
    let prompt = format!("> {command}\r\n");
    let (_, rest) = guest.rsplit_once(&prompt).expect(command);
    let answer = rest.split("\n> ").next().unwrap_or_default();
    let value = |word: &'a str| word.split_once('=').filter(|(key, _)| *key == name);
    let found = answer.split_whitespace().find_map(value);
    found.unwrap_or_else(|| panic!("{name} in {answer:?}")).1
}
