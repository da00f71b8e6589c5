//! The steps that make, change and read objects, without a space.

use std::collections::BTreeMap;

use faultline_memory::object::{
    CreateError, ObjectBytesRefusal, ObjectKind, ProvideError, ResizeError,
};

use super::{MOST_OBJECTS, World};
use crate::common::machine::file_byte;
use crate::common::operations::PAGE;
use crate::plain::{Behind, PlainObject, PlainSpace};

impl World {
    pub(super) fn create(&mut self, kind: ObjectKind, pages: u64) {
        if self.objects.len() == MOST_OBJECTS {
            return;
        }
        match self.machine.memory.create_object(kind, pages) {
            Ok(handle) => {
                let object = PlainObject {
                    id: handle.id(),
                    handle: Some(handle),
                    kind,
                    pages,
                    present: BTreeMap::new(),
                };
                self.objects.insert(self.created, object);
                self.created += 1;
            }
            Err(error) => {
                assert!(self.is_limited && error == CreateError::OutOfFrames);
            }
        }
    }

    /// The number of an object, counted round.
    pub(super) fn object(&self, number: usize) -> Option<usize> {
        let count = self.objects.len().max(1);
        self.objects.keys().nth(number % count).copied()
    }

    pub(super) fn release(&mut self, number: usize) {
        let Some(number) = self.object(number) else {
            return;
        };
        let object = self.objects.get_mut(&number).expect("it is there");
        if let Some(handle) = object.handle.take() {
            self.machine.memory.release_object(handle);
        }
    }

    pub(super) fn resize(&mut self, number: usize, pages: u64) {
        let Some(number) = self.object(number) else {
            return;
        };
        let mapped = self.spaces.values().flat_map(PlainSpace::values);
        let mapped = mapped
            .filter(|page| page.object == number && page.behind == Behind::TheObject)
            .map(|page| page.page)
            .filter(|page| *page >= pages)
            .min();
        let object = self.objects.get_mut(&number).expect("it is there");
        let result = self.machine.memory.resize_object(object.id, pages);
        if let Some(page) = mapped {
            assert_eq!(result, Err(ResizeError::Mapped { page }));
            return;
        }
        let gone = object.present.split_off(&pages);
        assert_eq!(result, Ok(gone.len() as u64));
        object.pages = pages;
    }

    pub(super) fn provide(&mut self, number: usize, page: u64) {
        let Some(number) = self.object(number) else {
            return;
        };
        let object = self.objects.get_mut(&number).expect("it is there");
        let bytes = [file_byte(page)];
        match self.machine.memory.provide_bytes(object.id, page, &bytes) {
            Ok(()) => {
                assert!(page < object.pages);
                assert_eq!(object.present.insert(page, bytes[0]), None);
            }
            Err(ProvideError::PastEnd { .. }) => assert!(page >= object.pages),
            Err(ProvideError::AlreadyThere { .. }) => {
                assert!(object.present.contains_key(&page));
            }
            Err(error) => assert!(self.is_limited && error == ProvideError::OutOfFrames),
        }
    }

    pub(super) fn read_object(&mut self, number: usize, page: u64) {
        let Some(number) = self.object(number) else {
            return;
        };
        let object = &self.objects[&number];
        let mut bytes = [0xee];
        let read = self
            .machine
            .memory
            .read_object(object.id, page * PAGE, &mut bytes);
        match read.map_err(|error| error.refusal) {
            Ok(()) => {
                let byte = object.present.get(&page).copied().unwrap_or(0);
                assert_eq!(bytes[0], byte);
                assert!(object.kind == ObjectKind::SharedMemory || byte != 0 || page < 10);
            }
            Err(ObjectBytesRefusal::PastEnd) => assert!(page >= object.pages),
            Err(refusal) => {
                assert_eq!(refusal, ObjectBytesRefusal::Absent { page });
                assert!(object.kind == ObjectKind::File && !object.present.contains_key(&page));
            }
        }
    }

    pub(super) fn write_object(&mut self, number: usize, page: u64, byte: u8) {
        let Some(number) = self.object(number) else {
            return;
        };
        let object = self.objects.get_mut(&number).expect("it is there");
        let written = self
            .machine
            .memory
            .write_object(object.id, page * PAGE, &[byte]);
        match written.map_err(|error| error.refusal) {
            Ok(()) => {
                assert!(page < object.pages);
                object.present.insert(page, byte);
            }
            Err(ObjectBytesRefusal::PastEnd) => assert!(page >= object.pages),
            Err(ObjectBytesRefusal::Absent { .. }) => {
                assert!(object.kind == ObjectKind::File && !object.present.contains_key(&page));
            }
            Err(refusal) => {
                assert!(self.is_limited && refusal == ObjectBytesRefusal::OutOfFrames);
            }
        }
    }
}
