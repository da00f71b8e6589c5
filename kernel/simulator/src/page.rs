//! What a page asks, and what it is answered.
//!
//! | request | does |
//! |---|---|
//! | `start NAME` | begins anew, with that scenario; without a name with an empty machine |
//! | `next` | types the next line of the scenario |
//! | `type LINE` | types a line |
//! | `view ADDRESS` | moves the window on program memory |
//!
//! The answer is JSON: an [`Answer`].
//!
//! What must always hold: every request is answered, and none that is refused changes anything.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use memory::fault_log::Event;
use serde::Serialize;

use crate::account::words;
use crate::episode::Episode;
use crate::monitor::Monitor;
use crate::scenarios::{self, SCENARIOS, Scenario};
use crate::state::{State, WINDOW};

/// Faults of a line that are told of at most, the last ones.
const MOST_FAULTS: usize = 32;

/// The end of the low half, which the window stays in.
const END: u64 = 1 << 47;

/// A page's machine, and how far its scenario has come.
pub struct Page {
    monitor: Monitor,
    scenario: Option<&'static Scenario>,
    /// Lines of the scenario that were typed.
    played: usize,
    /// Faults that were logged.
    faults: u64,
    start: Cost,
}

/// What a page is told.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The scenario that is played.
    pub scenario: Option<&'static Scenario>,
    /// All that there are: name and title.
    pub scenarios: Vec<(&'static str, &'static str)>,
    /// Lines of the scenario that were typed.
    pub played: usize,
    /// The line that was typed.
    pub line: Option<String>,
    /// What it said.
    pub said: String,
    /// Whether it was refused.
    pub refused: bool,
    /// What it cost.
    pub cost: Cost,
    /// What all cost since the start.
    pub total: Cost,
    /// The machine now.
    pub state: State,
    /// The accesses of the line that are told of.
    pub episodes: Vec<Episode>,
    /// The moments that their steps point to.
    pub moments: Vec<State>,
    /// The faults of the line.
    pub log: Vec<Fault>,
}

/// What was caused. Frames are of 4 KiB; below 0, they came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Faults taken.
    pub faults: i64,
    /// Private and shared frames: the memory behind the pages.
    pub frames: i64,
    /// Frames that hold page tables.
    pub tables: i64,
    /// Frames that hold the records of regions.
    pub records: i64,
}

/// A fault, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// Its number, from 1 on.
    pub number: u64,
    /// CR2.
    pub address: u64,
    /// `read`, `write` or `fetch`.
    pub access: String,
    /// Why, in a word.
    pub cause: &'static str,
    /// The error code.
    pub code: u64,
    /// What was done, in a word.
    pub outcome: &'static str,
    /// The frame behind the address then; 0 without one.
    pub frame: u64,
}

impl Page {
    /// A page with an empty machine.
    #[must_use]
    pub fn new() -> Self {
        Self::with(None)
    }

    fn with(scenario: Option<&'static Scenario>) -> Self {
        let slots = scenario.map_or(0, |scenario| scenario.slots);
        let mut monitor = Monitor::new(slots).expect("scenarios have few slots");
        if let Some(scenario) = scenario {
            monitor.machine.window = scenario.window;
        }
        Self {
            start: Cost::now(&monitor),
            monitor,
            scenario,
            played: 0,
            faults: 0,
        }
    }

    /// Answers a request, as JSON.
    pub fn answer(&mut self, request: &str) -> String {
        let answer = self.request(request);
        serde_json::to_string(&answer).expect("numbers and texts become JSON")
    }

    /// Answers a request.
    pub fn request(&mut self, request: &str) -> Answer {
        let (what, rest) = request.split_once(' ').unwrap_or((request, ""));
        match what {
            "start" => match (rest, scenarios::find(rest)) {
                ("", _) => *self = Self::new(),
                (_, Some(scenario)) => *self = Self::with(Some(scenario)),
                (name, None) => return self.refuse(&format!("there is no scenario `{name}`")),
            },
            "next" => {
                let lines = self.scenario.map_or(&[][..], |scenario| scenario.lines);
                let Some(line) = lines.get(self.played) else {
                    return self.refuse("the scenario is at its end");
                };
                self.played += 1;
                return self.type_line(line.text);
            }
            "type" => return self.type_line(rest),
            "view" => match line::number::number(rest) {
                Ok(address) if address < END => {
                    let last = END - WINDOW;
                    self.monitor.machine.window = (address & !0xf).min(last);
                }
                _ => return self.refuse("the window shows addresses below 2^47"),
            },
            _ => return self.refuse("a page asks `start`, `next`, `type` or `view`"),
        }
        self.tell(None, String::new(), false, Cost::default())
    }

    fn refuse(&mut self, why: &str) -> Answer {
        self.tell(None, format!("error: {why}\n"), true, Cost::default())
    }

    fn type_line(&mut self, line: &str) -> Answer {
        let before = Cost::now(&self.monitor);
        self.monitor.machine.recording.begin();
        let window = self.monitor.machine.window;
        let said = self.monitor.execute(line);
        let after = Cost::now(&self.monitor);
        let is_new = after.faults < before.faults || line.trim_start().starts_with("restart");
        if is_new && !said.is_refused {
            // Another machine: what was counted before is not its.
            self.monitor.machine.window = window;
            self.faults = 0;
            self.start = after;
            return self.tell(Some(line), said.text, false, Cost::default());
        }
        self.tell(Some(line), said.text, said.is_refused, after - before)
    }

    fn tell(&mut self, line: Option<&str>, said: String, refused: bool, cost: Cost) -> Answer {
        let recording = self.monitor.machine.recording.end();
        let events = core::mem::take(&mut self.monitor.machine.events);
        let first = self.faults + 1;
        self.faults += events.len() as u64;
        let log = (first..).zip(&events);
        let log = log.skip(events.len().saturating_sub(MOST_FAULTS));
        let log = log
            .map(|(number, event)| Fault::of(number, event))
            .collect();
        Answer {
            scenario: self.scenario,
            scenarios: SCENARIOS.iter().map(|it| (it.name, it.title)).collect(),
            played: self.played,
            line: line.map(ToString::to_string),
            said,
            refused,
            cost,
            total: Cost::now(&self.monitor) - self.start,
            state: State::of(&self.monitor.machine),
            episodes: recording.episodes,
            moments: recording.moments,
            log,
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

impl Cost {
    fn now(monitor: &Monitor) -> Self {
        let memory = monitor.machine.memory();
        let counts = memory.counts();
        Self {
            faults: memory.fault_log(|log| log.faults()).cast_signed(),
            frames: (counts.private + counts.shared).cast_signed(),
            tables: counts.tables.cast_signed(),
            records: counts.kernel.cast_signed(),
        }
    }
}

impl core::ops::Sub for Cost {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            faults: self.faults - before.faults,
            frames: self.frames - before.frames,
            tables: self.tables - before.tables,
            records: self.records - before.records,
        }
    }
}

impl Fault {
    fn of(number: u64, event: &Event) -> Self {
        let fault = &event.fault;
        Self {
            number,
            address: fault.address.as_u64(),
            access: fault.access().to_string(),
            cause: words::cause(fault.cause()),
            code: fault.code.bits(),
            outcome: words::outcome(event.outcome),
            frame: event.frame.as_u64(),
        }
    }
}
