//! Steps that read and write: a byte by an access, several by a system call.

use crate::model::{Process, Unit};
use crate::script::Kind;

use super::Author;

impl Author {
    /// Bytes between memory and an object.
    pub(super) fn transfer(&mut self, process: &mut Process) -> String {
        let Some((descriptor, object)) = self.descriptor(process) else {
            return self.object(process);
        };
        let offset = self.random.below(8);
        let is_sparse = self.kind == Kind::Sparse;
        let (length, byte) = if is_sparse {
            // No more than the first page of a unit, in memory and in the object.
            (1 + self.random.below(4096), 0)
        } else {
            let lengths = [0, 1, 100, 4096, 4096, 10_000];
            (
                self.random.one_of(&lengths),
                self.random.one_of(&[0, 0, 1, 4000]),
            )
        };
        let names = ["pread64", "pwrite64", "read", "write", "lseek"];
        let name = self
            .random
            .one_of(if is_sparse { &names[..2] } else { &names });
        if name == "lseek" {
            return format!("lseek {descriptor} l{offset}+{byte} 0");
        }
        let (first, _) = self.mapped(process);
        let mut place = format!("p{first}");
        if name.ends_with("write") || name == "pwrite64" {
            let units = (byte + length).div_ceil(4096 * self.kind.unit()).max(1);
            let from = process.arena.get(first..first + units);
            let can = |unit: &Option<Unit>| unit.is_some_and(|unit| self.can_touch(&unit, "get"));
            if !from.is_some_and(|from| from.iter().all(can)) {
                if process.heap < units {
                    return String::new();
                }
                place = "h0".to_owned();
            }
            if name == "pwrite64" && length > 0 {
                self.objects[object] = self.objects[object].max(offset);
            }
        }
        let descriptor = self.or_wrong(descriptor.to_string(), &["99", "-1"]);
        format!("{name} {descriptor} {place}+{byte} {length} l{offset}+{byte}")
    }

    /// Whether a step has the right to an access, and there is something.
    fn can_touch(&self, unit: &Unit, name: &str) -> bool {
        let has_rights = match name {
            "put" => unit.rights & 2 != 0,
            _ => unit.rights != 0,
        };
        let is_in = |(object, page)| page < self.objects[object];
        has_rights && unit.object.is_none_or(is_in)
    }

    /// An access to a byte that is there, as far as the author knows.
    pub(super) fn touch(&mut self, process: &mut Process) -> String {
        let name = self.random.one_of(&["get", "put", "put"]);
        let byte = self.random.one_of(&[0, 0, 8, 4095]);
        let value = if name == "put" {
            format!(" {}", 1 + self.random.below(255))
        } else {
            String::new()
        };
        if self.random.once_in(100) {
            let (first, _) = self.range();
            return format!("{name} p{first}+{byte}{value}");
        }
        if process.heap > 0 && self.random.once_in(8) {
            let unit = self.random.below(process.heap);
            return format!("{name} h{unit}+{byte}{value}");
        }
        if let Some(unit) = self.grow_down(process, name) {
            return format!("{name} p{unit}+{byte}{value}");
        }
        let can = |unit: &Unit| self.can_touch(unit, name);
        let arena = process.arena.iter().enumerate();
        let arena = arena.filter(|(_, unit)| unit.as_ref().is_some_and(can));
        let elsewhere = process.elsewhere.iter().enumerate();
        let elsewhere = elsewhere.filter(|(_, unit)| can(unit));
        let places: Vec<String> = arena
            .map(|(index, _)| format!("p{index}"))
            .chain(elsewhere.map(|(index, _)| format!("m{index}")))
            .collect();
        if places.is_empty() {
            return String::new();
        }
        let place = &places[self.random.below(places.len())];
        format!("{name} {place}+{byte}{value}")
    }

    /// At times, a unit that a mapping grows down to when it is accessed.
    fn grow_down(&mut self, process: &mut Process, name: &str) -> Option<usize> {
        if !self.random.once_in(4) {
            return None;
        }
        let mut places = 1..process.arena.len();
        let first = places.find(|first| process.can_grow_down(*first))?;
        let unit = process.arena[first].filter(|unit| self.can_touch(unit, name))?;
        self.mappings += 1;
        process.arena[first - 1] = Some(Unit {
            mapping: self.mappings,
            ..unit
        });
        Some(first - 1)
    }
}
