//! Makes a script shorter for as long as it shows what it showed.

use crate::script::Script;

/// The shortest script that was found by dropping steps, of which `shows` is still
/// true. It is asked of many scripts at once, since each question may take a boot.
pub(crate) fn shrink(script: Script, mut shows: impl FnMut(&[Script]) -> Vec<bool>) -> Script {
    let mut script = script;
    let mut chunk = script.steps.len().div_ceil(2);
    loop {
        let candidates: Vec<Script> = (0..script.steps.len())
            .step_by(chunk)
            .map(|start| without(&script, start, chunk))
            .collect();
        let answers = shows(&candidates);
        let shorter = candidates.into_iter().zip(answers);
        // The later steps are dropped first: most of them come after what is shown.
        match shorter.rev().find(|(_, shows)| *shows) {
            Some((shorter, _)) => {
                script = shorter;
                chunk = chunk.min(script.steps.len().div_ceil(2)).max(1);
            }
            None if chunk == 1 => return script,
            None => chunk = chunk.div_ceil(2),
        }
    }
}

fn without(script: &Script, start: usize, count: usize) -> Script {
    let mut script = script.clone();
    let end = (start + count).min(script.steps.len());
    script.steps.drain(start..end);
    script
}

#[test]
fn what_is_left_is_the_steps_that_matter() {
    use crate::script::Kind;

    let steps = (0..40).map(|step| step.to_string()).collect();
    let kind = Kind::Dense;
    let shows = |scripts: &[Script]| {
        let has = |script: &Script, step: &str| script.steps.iter().any(|other| other == step);
        let both = |script| has(script, "7") && has(script, "31");
        scripts.iter().map(both).collect()
    };
    let shrunk = shrink(Script { kind, steps }, shows);
    assert_eq!(shrunk.steps, ["7", "31"]);
}
