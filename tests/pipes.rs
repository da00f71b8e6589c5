//! Pipes between processes, `poll`, and reads of the console that need not wait.
//!
//! A program ends with `exit(0)` when it found everything as it should be, and
//! with the number of what it did not otherwise.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(kernel::testing::run)]
#![reexport_test_harness_main = "test_main"]

extern crate alloc;

mod common;
mod program;

use kernel::process::{Ending, Processes, Signal};
use program::{audit, spawn};

kernel::test_kernel!(test_main);

kernel::programs! {
    /// Has a child that reads all that is written to a pipe: more than it holds.
    through_a_pipe:
        "mov edi, 0x500000" "mov eax, 22" "syscall" "mov edi, 1" "test rax, rax" "jnz 90f"
        "mov edi, 2" "mov rcx, 0x400000003" "cmp rcx, [0x500000]" "jne 90f"
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f" "mov ebx, eax"
        "xor edi, edi" "mov esi, 100000" "mov edx, 3" "mov r10d, 0x22" "mov r8, -1"
        "xor r9d, r9d" "mov eax, 9" "syscall"
        "mov edi, 4" "mov rsi, rax" "mov edx, 100000" "mov eax, 1" "syscall"
        "mov edi, 3" "cmp rax, 100000" "jne 90f"
        "mov edi, 4" "mov eax, 3" "syscall"
        "mov edi, ebx" "mov esi, 0x500010" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "mov edi, 4" "cmp eax, ebx" "jne 90f"
        "mov edi, 5" "cmp dword ptr [0x500010], 0" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov edi, 4" "mov eax, 3" "syscall" "xor ebx, ebx"
        "92: mov edi, 3" "mov esi, 0x501000" "mov edx, 3000" "xor eax, eax" "syscall"
        "mov edi, 1" "test rax, rax" "js 90b" "jz 93f" "add ebx, eax" "jmp 92b"
        "93: xor edi, edi" "cmp ebx, 100000" "je 90b" "mov edi, 2" "jmp 90b";
    /// Writes to a pipe whose other end is closed: nothing, and then a byte.
    unread_pipe:
        "mov edi, 0x500000" "mov eax, 22" "syscall"
        "mov edi, 3" "mov eax, 3" "syscall"
        "mov edi, 4" "mov esi, 0x500000" "xor edx, edx" "mov eax, 1" "syscall"
        "mov edi, 1" "test rax, rax" "jnz 90f"
        "mov edi, 4" "mov esi, 0x500000" "mov edx, 1" "mov eax, 1" "syscall"
        "mov edi, 2"
        "90: mov eax, 60" "syscall";
    /// Fills and empties a pipe that does not let it wait, and asks what can be done.
    impatient:
        // EINVAL, EFAULT
        "mov edi, 0x500000" "mov esi, 1" "mov eax, 293" "syscall"
        "mov edi, 1" "cmp rax, -22" "jne 90f"
        "mov edi, 0x10" "mov esi, 0x800" "mov eax, 293" "syscall"
        "mov edi, 2" "cmp rax, -14" "jne 90f"
        "mov edi, 0x500000" "mov esi, 0x800" "mov eax, 293" "syscall"
        "mov edi, 3" "test rax, rax" "jnz 90f"
        "mov edi, 4" "mov rcx, 0x400000003" "cmp rcx, [0x500000]" "jne 90f"
        // EAGAIN
        "mov r12d, 1" "call 95f" "mov edi, 5" "cmp rax, -11" "jne 90f"
        "mov r13d, 16" "91: mov r12d, 4096" "call 96f" "mov edi, 6" "cmp rax, 4096" "jne 90f"
        "dec r13d" "jnz 91b"
        "mov r12d, 1" "call 96f" "mov edi, 7" "cmp rax, -11" "jne 90f"
        // Up to 4096 bytes go together or not at all, more go as far as they can.
        "mov r12d, 10" "call 95f" "mov edi, 8" "cmp rax, 10" "jne 90f"
        "mov r12d, 11" "call 96f" "mov edi, 9" "cmp rax, -11" "jne 90f"
        "mov r12d, 4086" "call 95f" "mov edi, 10" "cmp rax, 4086" "jne 90f"
        "mov r12d, 5000" "call 96f" "mov edi, 18" "cmp rax, 4096" "jne 90f"
        // lseek: ESPIPE
        "mov edi, 3" "xor esi, esi" "xor edx, edx" "mov eax, 8" "syscall"
        "mov edi, 11" "cmp rax, -29" "jne 90f"
        // poll: something to read, no room to write; then nobody writes
        "mov rax, 0x500000003" "mov [0x500100], rax" "mov rax, 0x500000004" "mov [0x500108], rax"
        "call 97f" "mov edi, 12" "cmp eax, 1" "jne 90f"
        "mov edi, 13" "cmp word ptr [0x500106], 1" "jne 90f"
        "mov edi, 14" "cmp word ptr [0x50010e], 0" "jne 90f"
        "mov edi, 4" "mov eax, 3" "syscall" "mov dword ptr [0x500108], -1" "call 97f"
        "mov edi, 15" "cmp word ptr [0x500106], 0x11" "jne 90f"
        "mov r13d, 16" "92: mov r12d, 4096" "call 95f" "mov edi, 16" "cmp rax, 4096" "jne 90f"
        "dec r13d" "jnz 92b"
        "mov r12d, 1" "call 95f" "mov edi, 17" "test rax, rax" "jnz 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "95: mov edi, 3" "mov esi, 0x501000" "mov edx, r12d" "xor eax, eax" "syscall" "ret"
        "96: mov edi, 4" "mov esi, 0x501000" "mov edx, r12d" "mov eax, 1" "syscall" "ret"
        "97: mov edi, 0x500100" "mov esi, 2" "xor edx, edx" "mov eax, 7" "syscall" "ret";
    /// Waits with `poll`, a minute at most, for a byte of its child's.
    polls:
        "mov edi, 0x500000" "mov eax, 22" "syscall"
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov rax, 0x100000003" "mov [0x500100], rax"
        "mov edi, 0x500100" "mov esi, 1" "mov edx, 60000" "mov eax, 7" "syscall"
        "mov edi, 1" "cmp rax, 1" "jne 90f"
        "mov edi, 2" "cmp word ptr [0x500106], 1" "jne 90f"
        // A byte more does not come.
        "mov edi, 3" "mov esi, 0x500200" "mov edx, 1" "xor eax, eax" "syscall"
        "mov edi, 4" "mov eax, 3" "syscall"
        "mov rdi, -1" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "mov edi, 0x500100" "mov esi, 0" "mov edx, 5" "mov eax, 7" "syscall"
        "mov edi, 3" "test rax, rax" "jnz 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov edi, 4" "mov esi, 0x500000" "mov edx, 1" "mov eax, 1" "syscall"
        "xor edi, edi" "jmp 90b";
    /// Has the console not let it wait: nothing was typed.
    impatient_at_the_console:
        "xor edi, edi" "mov esi, 3" "mov eax, 72" "syscall"
        "mov edi, 1" "test eax, 0x800" "jnz 90f"
        "xor edi, edi" "mov esi, 4" "mov edx, 0x800" "mov eax, 72" "syscall"
        "mov edi, 2" "test rax, rax" "jnz 90f"
        "xor edi, edi" "mov esi, 0x500000" "mov edx, 1" "xor eax, eax" "syscall"
        "mov edi, 3" "cmp rax, -11" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall";
}

#[test_case]
fn more_than_a_pipe_holds_goes_through_it_and_the_reader_is_told_the_end() {
    let mut processes = Processes::new();
    let id = spawn(&mut processes, through_a_pipe());
    assert_eq!(processes.run(id), Some(Ending::Exited(0)));
    audit();
}

#[test_case]
fn a_write_to_a_pipe_that_nobody_reads_ends_the_writer() {
    let mut processes = Processes::new();
    let id = spawn(&mut processes, unread_pipe());
    let ending = Ending::Signalled(Signal::PIPE);
    assert_eq!(processes.run(id), Some(ending));
}

#[test_case]
fn a_pipe_says_what_cannot_be_done_just_now() {
    let mut processes = Processes::new();
    let id = spawn(&mut processes, impatient());
    assert_eq!(processes.run(id), Some(Ending::Exited(0)));
}

#[test_case]
fn whoever_polls_lets_the_others_have_their_turns() {
    let mut processes = Processes::new();
    let id = spawn(&mut processes, polls());
    assert_eq!(processes.run(id), Some(Ending::Exited(0)));
}

#[test_case]
fn a_read_of_the_console_need_not_wait_and_the_next_program_finds_it_as_it_was() {
    for _ in 0..2 {
        let mut processes = Processes::new();
        let id = spawn(&mut processes, impatient_at_the_console());
        assert_eq!(processes.run(id), Some(Ending::Exited(0)));
    }
}
