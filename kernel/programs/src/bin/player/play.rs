//! The processes of a script: each walks through all steps, and plays its own when
//! it is its turn.

use programs::errno::Errno;
use programs::faults::PAGE;
use programs::{calls, faults};

use crate::log::{KEEPER, Log, MOST};
use crate::script::Script;
use crate::step::{Player, Tells};

/// Plays a script, and returns when all of its processes have ended.
pub(crate) fn all(script: Script, tells: Tells, object: usize, log: &'static Log) {
    // SAFETY: moves nothing.
    let heap = unsafe { calls::heap_end(0) }.next_multiple_of(PAGE);
    let process = fork().expect("fork");
    if process == 0 {
        let player = Player::new(script, tells, heap, object);
        one(0, script, player, log);
    }
    log.born(0, process, KEEPER);
    for (number, step) in script.steps() {
        loop {
            log.reap(KEEPER);
            let is_gone = log.is_gone(step.who);
            if log.next() > number {
                break;
            }
            if is_gone {
                match log.end_of(step.who) {
                    Some(end) => log.tell(format_args!("{number} {} {end}", step.who)),
                    None => log.tell(format_args!("{number} {} is gone", step.who)),
                }
                log.pass();
                break;
            }
            calls::give_way().expect("sched_yield");
        }
    }
    while !(0..MOST).all(|who| log.is_gone(who)) {
        log.reap(KEEPER);
        calls::give_way().expect("sched_yield");
    }
}

/// Plays the steps of one process, and those of its children in them.
fn one(who: usize, script: Script, player: Player, log: &'static Log) -> ! {
    let (mut who, mut player) = (who, player);
    let wait_for = |number, who| {
        while log.next() < number {
            log.reap(who);
            calls::give_way().expect("sched_yield");
        }
    };
    let mut count = 0;
    for (number, step) in script.steps() {
        count = number + 1;
        if step.who != who {
            continue;
        }
        wait_for(number, who);
        match step.name {
            "fork" => {
                let [child, ..] = player.arguments(&step);
                match fork() {
                    // Its first step is not this one.
                    Ok(0) => who = child,
                    result => {
                        if let Ok(process) = result {
                            log.born(child, process, who);
                        }
                        log.tell(format_args!("{number} {who} {:?}", result.map(drop)));
                        log.pass();
                    }
                }
            }
            "exit" => {
                let [status, ..] = player.arguments(&step);
                log.tell(format_args!("{number} {who} exits"));
                // The turn is passed on when it is gone, with all it had.
                calls::exit(status as u8);
            }
            _ => {
                player.play(number, &step, log);
                log.pass();
            }
        }
    }
    wait_for(count, who);
    calls::exit(0)
}

/// A child, on both sides of which stack and code cost no faults any more.
fn fork() -> Result<usize, Errno> {
    let process = calls::fork()?;
    faults::settle();
    Ok(process)
}
