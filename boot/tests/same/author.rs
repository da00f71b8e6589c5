//! Scripts made up at random: system calls that mostly succeed, some that must not,
//! and accesses.
//!
//! What differs because one side wants it so is not asked for: see the head of `main.rs`.

mod accesses;

use std::mem;

use crate::model::{Process, Unit};
use crate::random::Random;
use crate::script::{Kind, Script};

/// The most processes of a script.
const MOST_PROCESSES: usize = 5;
/// The descriptor of a process' first object: the player has one, too.
const FIRST_DESCRIPTOR: usize = 4;
/// The most units that the heap gets.
const MOST_HEAP: usize = 12;

const PRIVATE: usize = 2;
const SHARED: usize = 1;
const FIXED: usize = 0x10;
const ANONYMOUS: usize = 0x20;
const GROWS_DOWN: usize = 0x100;
const NO_RESERVE: usize = 0x4000;
const POPULATE: usize = 0x8000;
const NO_REPLACE: usize = 0x10_0000;

/// Makes one script up.
pub(crate) struct Author {
    random: Random,
    kind: Kind,
    /// Those that live, by number.
    processes: Vec<(usize, Process)>,
    /// How many there were.
    born: usize,
    /// The size of each object in units.
    objects: Vec<usize>,
    mappings: usize,
    /// Whether the step that is being made must fail, and so changes nothing.
    is_wrong: bool,
    steps: Vec<String>,
}

/// The script of a seed.
pub(crate) fn script(seed: u64) -> Script {
    let mut random = Random::new(seed);
    let kind = random.one_of(&[Kind::Anonymous, Kind::Sparse, Kind::Dense]);
    let mut author = Author {
        kind,
        processes: vec![(0, Process::new(kind.units()))],
        born: 1,
        objects: Vec::new(),
        mappings: 0,
        is_wrong: false,
        steps: Vec::new(),
        random,
    };
    let count = 10 + author.random.below(50);
    while author.steps.len() < count && !author.processes.is_empty() {
        author.step();
    }
    for (who, _) in &author.processes {
        author.steps.push(format!("{who} contents"));
    }
    Script {
        kind,
        steps: author.steps,
    }
}

impl Author {
    fn step(&mut self) {
        let index = self.random.below(self.processes.len());
        let (who, mut process) = self.processes.swap_remove(index);
        let before = (process.clone(), self.objects.clone());
        let step = self.step_of(&mut process);
        if mem::take(&mut self.is_wrong) {
            (process, self.objects) = before;
        }
        match step.as_str() {
            "" => self.processes.push((who, process)),
            "fork" => {
                self.steps.push(format!("{who} fork {}", self.born));
                self.processes.push((who, process.clone()));
                self.processes.push((self.born, process));
                self.born += 1;
            }
            "exit" => {
                let status = self.random.below(4);
                self.steps.push(format!("{who} exit {status}"));
            }
            step => {
                self.steps.push(format!("{who} {step}"));
                self.processes.push((who, process));
            }
        }
    }

    /// A step of a process; no words for none.
    fn step_of(&mut self, process: &mut Process) -> String {
        match self.random.below(100) {
            0..16 => self.map(process),
            16..20 => self.unmap(process),
            20..27 => self.protect(process),
            27..34 => self.advise(process),
            34..42 => self.resize(process),
            42..46 => self.heap(process),
            46..48 => self.object(process),
            48..50 => self.truncate(process),
            50..60 => self.transfer(process),
            60..66 if self.born < MOST_PROCESSES && self.kind != Kind::Sparse => "fork".to_owned(),
            66..68 if self.born > 1 => "exit".to_owned(),
            68..69 => "contents".to_owned(),
            _ => self.touch(process),
        }
    }

    /// Some units of the arena: the first and how many.
    fn range(&mut self) -> (usize, usize) {
        let units = self.kind.units();
        let first = self.random.below(units);
        let most = if self.random.once_in(4) { units } else { 6 };
        (first, 1 + self.random.below(most.min(units - first)))
    }

    /// A range that most often begins at something that is mapped.
    fn mapped(&mut self, process: &Process) -> (usize, usize) {
        let (mut first, mut count) = self.range();
        if !self.random.once_in(8) {
            let mut places = (0..self.kind.units()).cycle().skip(first);
            let place = places.by_ref().take(self.kind.units());
            let place = place
                .into_iter()
                .find(|place| process.arena[*place].is_some());
            first = place.unwrap_or(first);
            count = count.min(self.kind.units() - first);
        }
        (first, count)
    }

    fn rights(&mut self) -> usize {
        let executable = if self.kind == Kind::Anonymous { 5 } else { 1 };
        self.random.one_of(&[0, 1, 1, 3, 3, 3, 3, 3, 3, executable])
    }

    /// An argument, or one with which the call must fail.
    fn or_wrong(&mut self, right: String, wrong: &[&str]) -> String {
        if self.random.once_in(60) {
            self.is_wrong = true;
            self.random.one_of(wrong).to_owned()
        } else {
            right
        }
    }

    /// The length of so many units, or one that a call rounds up to it.
    fn length(&mut self, count: usize) -> String {
        if self.kind.unit() == 1 && self.random.once_in(6) {
            format!("l{}+{}", count - 1, 1 + self.random.below(4095))
        } else {
            format!("l{count}")
        }
    }

    fn map(&mut self, process: &mut Process) -> String {
        let (first, count) = self.range();
        let rights = self.rights();
        let object = if self.kind == Kind::Anonymous || self.random.once_in(2) {
            None
        } else {
            let index = self.random.below(process.objects.len() + 1);
            // Past the last one: memory that is shared, and has no name.
            Some((index, self.random.below(4)))
        };
        let mut flags = match self.random.below(10) {
            0 => 0,
            1 => NO_REPLACE,
            2 => FIXED | NO_RESERVE,
            _ => FIXED,
        };
        let sharing = match object {
            None => PRIVATE,
            Some((index, _)) if index == process.objects.len() => SHARED,
            Some(_) => self.random.one_of(&[SHARED, PRIVATE]),
        };
        let neighbours = object.is_some() && self.kind == Kind::Sparse;
        if rights & 2 != 0 && !neighbours && self.random.once_in(8) {
            flags |= POPULATE;
        }
        let grows_down = object.is_none() && self.random.once_in(8);
        if grows_down {
            flags |= GROWS_DOWN;
        }
        self.mappings += 1;
        let (descriptor, offset, backing) = match object {
            Some((index, offset)) if index < process.objects.len() => {
                let descriptor = (FIRST_DESCRIPTOR + index).to_string();
                (descriptor, offset, Some((process.objects[index], offset)))
            }
            Some(_) => {
                flags |= ANONYMOUS;
                self.objects.push(count);
                ("-1".to_owned(), 0, Some((self.objects.len() - 1, 0)))
            }
            None => {
                flags |= ANONYMOUS;
                ("-1".to_owned(), 0, None)
            }
        };
        let units: Vec<Unit> = (0..count)
            .map(|index| Unit {
                mapping: self.mappings,
                index,
                rights,
                grows_down,
                object: backing.map(|(object, offset)| (object, offset + index)),
            })
            .collect();
        if flags & FIXED != 0 || process.is_free(first, count) {
            process.map(first, &units);
        } else if flags & NO_REPLACE == 0 {
            process.elsewhere = units;
        }
        let mut place = format!("p{first}");
        if flags & (FIXED | NO_REPLACE) != 0 {
            place = self.or_wrong(place, &["p3+1", "p0+4095"]);
        }
        let length = self.length(count);
        let length = self.or_wrong(length, &["0", "-1", "-4096"]);
        let sharing = self.or_wrong(format!("{:#x}", flags | sharing), &["0x10", "0x30", "0x3f"]);
        let mut descriptor = descriptor;
        if flags & ANONYMOUS == 0 {
            descriptor = self.or_wrong(descriptor, &["99", "-1", "1000000"]);
        }
        let offset = self.or_wrong(format!("l{offset}"), &["1", "l1+5", "-4095"]);
        format!("mmap {place} {length} {rights} {sharing} {descriptor} {offset}")
    }

    fn unmap(&mut self, process: &mut Process) -> String {
        let (first, count) = self.mapped(process);
        process.unmap(first, count);
        let place = self.or_wrong(format!("p{first}"), &["p3+1", "-4096"]);
        let length = self.length(count);
        let length = self.or_wrong(length, &["0", "-1"]);
        format!("munmap {place} {length}")
    }

    fn protect(&mut self, process: &mut Process) -> String {
        let (first, count) = self.mapped(process);
        let rights = self.rights();
        let units = process.arena[first..first + count].iter_mut();
        let mut last = None;
        for unit in units.map_while(Option::as_mut) {
            // Whether Linux ever takes it for one mapping again with what lies beside it
            // is its own matter.
            let before = (unit.mapping, unit.index);
            if last.is_none_or(|(mapping, index)| (mapping, index + 1) != before) {
                self.mappings += 1;
            }
            last = Some(before);
            (unit.mapping, unit.rights) = (self.mappings, rights);
        }
        let place = self.or_wrong(format!("p{first}"), &["p3+1", "-4096"]);
        let length = self.length(count);
        let length = self.or_wrong(length, &["0", "-1"]);
        let rights = self.or_wrong(rights.to_string(), &["16", "0x100"]);
        format!("mprotect {place} {length} {rights}")
    }

    fn advise(&mut self, process: &Process) -> String {
        const DO_NOT_NEED: usize = 4;
        const POPULATE_READ: usize = 22;
        const POPULATE_WRITE: usize = 23;
        let (first, count) = self.mapped(process);
        // How often pages that were shared fault after that differs: see `main.rs`.
        let populate = if self.born > 1 && self.kind != Kind::Dense {
            POPULATE_READ
        } else {
            POPULATE_WRITE
        };
        let has_objects = process.arena[first..first + count]
            .iter()
            .flatten()
            .any(|unit| unit.object.is_some());
        let advice = if self.kind == Kind::Sparse && has_objects {
            DO_NOT_NEED
        } else {
            let choices = [DO_NOT_NEED, DO_NOT_NEED, POPULATE_READ, populate, 0];
            self.random.one_of(&choices)
        };
        let place = self.or_wrong(format!("p{first}"), &["p3+1", "h1", "-4096"]);
        let length = self.length(count);
        let length = self.or_wrong(length, &["0", "-1"]);
        let advice = self.or_wrong(advice.to_string(), &["5", "99", "-1"]);
        format!("madvise {place} {length} {advice}")
    }

    fn resize(&mut self, process: &mut Process) -> String {
        const MAY_MOVE: usize = 1;
        const FIXED: usize = 2;
        let (first, _) = self.mapped(process);
        let run = process.run(first);
        if run.is_empty() {
            return String::new();
        }
        let old = if self.random.once_in(2) {
            run.len()
        } else {
            1 + self.random.below(run.len())
        };
        let (to, new) = self.range();
        let new = if self.random.once_in(3) { old } else { new };
        let new = new.min(self.kind.units() - to);
        let flags = self
            .random
            .one_of(&[0, MAY_MOVE, MAY_MOVE | FIXED, MAY_MOVE | FIXED]);
        // What would grow past the end of the arena may do so, or move.
        let new = if flags & FIXED == 0 {
            new.min(self.kind.units() - first)
        } else {
            new
        };
        let overlaps = first < to + new && to < first + old;
        let mapping = if flags & FIXED == 0 {
            run[0].mapping
        } else {
            // Whether Linux takes it for one mapping with what lies beside it then is its
            // own matter, too.
            self.mappings += 1;
            self.mappings
        };
        let units: Vec<Unit> = (0..new)
            .map(|index| Unit {
                mapping,
                index: run[0].index + index,
                object: run[0].object.map(|(object, unit)| (object, unit + index)),
                ..run[0]
            })
            .collect();
        if flags & FIXED != 0 {
            if !overlaps {
                process.unmap(first, old);
                process.map(to, &units);
            }
        } else if new <= old {
            process.unmap(first + new, old - new);
        } else if old == run.len() && process.is_free(first + old, new - old) {
            process.map(first, &units);
        } else if flags & MAY_MOVE != 0 {
            process.unmap(first, old);
            process.elsewhere = units;
        }
        let place = self.or_wrong(format!("p{first}"), &["p3+1", "-4096"]);
        let length = self.length(old);
        let new = self.or_wrong(format!("l{new}"), &["0", "-1"]);
        let flags = self.or_wrong(flags.to_string(), &["2", "8", "99"]);
        format!("mremap {place} {length} {new} {flags} p{to}")
    }

    fn heap(&mut self, process: &mut Process) -> String {
        process.heap = self.random.below(MOST_HEAP + 1);
        let mut end = format!("h{}", process.heap);
        if self.kind.unit() == 1 && process.heap > 0 && self.random.once_in(4) {
            end = format!("h{}+{}", process.heap - 1, 1 + self.random.below(4095));
        }
        let end = self.or_wrong(end, &["0", "-1", "1"]);
        format!("brk {end}")
    }

    fn object(&mut self, process: &mut Process) -> String {
        if self.kind == Kind::Anonymous || process.objects.len() == 3 {
            return String::new();
        }
        process.objects.push(self.objects.len());
        self.objects.push(0);
        "memfd".to_owned()
    }

    /// The descriptor of one of a process' objects, and its number.
    fn descriptor(&mut self, process: &Process) -> Option<(usize, usize)> {
        if process.objects.is_empty() {
            return None;
        }
        let index = self.random.below(process.objects.len());
        Some((FIRST_DESCRIPTOR + index, process.objects[index]))
    }

    fn truncate(&mut self, process: &mut Process) -> String {
        let Some((descriptor, object)) = self.descriptor(process) else {
            return self.object(process);
        };
        let size = self.random.below(10);
        self.objects[object] = size;
        let bytes = if self.kind == Kind::Dense && self.random.once_in(4) {
            self.random.below(4096)
        } else {
            0
        };
        let size = self.or_wrong(format!("l{size}+{bytes}"), &["-1"]);
        format!("ftruncate {descriptor} {size}")
    }
}
