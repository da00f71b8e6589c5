//! Families of processes: fork, wait, signals, and what is left of them.
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

use alloc::vec::Vec;

use common::{counts, set_limit};
use kernel::account::meter::measure;
use kernel::process::{Ending, Processes, Signal, State};
use kernel::{files, heap};
use program::{audit, spawn};

kernel::test_kernel!(test_main);

kernel::programs! {
    /// Has a child that ends with 7 before its parent waits, and one that ends after.
    waits:
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f" "mov ebx, eax"
        "mov r12d, 5" "92: mov eax, 24" "syscall" "dec r12d" "jnz 92b"
        "call 95f" "mov edi, 1" "cmp eax, ebx" "jne 90f"
        "mov edi, 2" "cmp dword ptr [0x500000], 0x700" "jne 90f"
        "mov eax, 57" "syscall" "test eax, eax" "jz 93f" "mov ebx, eax"
        "call 95f" "mov edi, 3" "cmp eax, ebx" "jne 90f"
        "mov edi, 4" "cmp dword ptr [0x500000], 0x900" "jne 90f"
        // ECHILD
        "call 95f" "mov edi, 5" "cmp rax, -10" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov edi, 7" "jmp 90b"
        "93: mov r12d, 5" "94: mov eax, 24" "syscall" "dec r12d" "jnz 94b" "mov edi, 9" "jmp 90b"
        "95: mov rdi, -1" "mov esi, 0x500000" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall" "ret";
    /// Asks for a child that is there and has not ended, for one that is not its
    /// own, and with options that there are not.
    waits_in_vain:
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f" "mov ebx, eax"
        "mov edi, ebx" "xor esi, esi" "mov edx, 1" "xor r10d, r10d" "mov eax, 61" "syscall"
        "mov edi, 1" "test rax, rax" "jnz 90f"
        "mov edi, 999" "xor esi, esi" "mov edx, 1" "mov eax, 61" "syscall"
        "mov edi, 2" "cmp rax, -10" "jne 90f"
        "mov rdi, -1" "xor esi, esi" "mov edx, 0x100" "mov eax, 61" "syscall"
        "mov edi, 3" "cmp rax, -22" "jne 90f"
        // The child is gone, although its status could not be written.
        "mov edi, ebx" "mov esi, 0x10" "xor edx, edx" "mov eax, 61" "syscall"
        "mov edi, 4" "cmp rax, -14" "jne 90f"
        "mov edi, ebx" "xor esi, esi" "xor edx, edx" "mov eax, 61" "syscall"
        "mov edi, 5" "cmp rax, -10" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov eax, 24" "syscall" "xor edi, edi" "jmp 90b";
    /// Has a child that has one and ends, and waits until the grandchild is gone,
    /// which ends when the kernel is its parent.
    orphan:
        "mov eax, 39" "syscall" "mov ebp, eax"
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov edi, eax" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "lea ebx, [ebp + 2]"
        "92: mov eax, 24" "syscall" "mov edi, ebx" "xor esi, esi" "mov eax, 62" "syscall"
        "test rax, rax" "jz 92b"
        "mov edi, 1" "cmp rax, -3" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov eax, 57" "syscall" "test eax, eax" "jz 93f" "xor edi, edi" "jmp 90b"
        "93: mov eax, 24" "syscall" "mov eax, 110" "syscall" "test eax, eax" "jnz 93b" "xor edi, edi" "jmp 90b";
    /// Has a child that is ended by its own child, which is the kernel's from then
    /// on, and waits until that is gone.
    ends_its_parent:
        "mov eax, 39" "syscall" "mov ebp, eax"
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov edi, eax" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "lea ebx, [ebp + 2]" "mov r12d, 100"
        "92: mov eax, 24" "syscall" "mov edi, ebx" "xor esi, esi" "mov eax, 62" "syscall"
        "cmp rax, -3" "je 95f" "dec r12d" "jnz 92b"
        "mov edi, 1" "jmp 90f"
        "95: xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov eax, 57" "syscall" "test eax, eax" "jz 93f"
        "94: mov eax, 24" "syscall" "jmp 94b"
        "93: mov eax, 110" "syscall" "mov edi, eax" "mov esi, 9" "mov eax, 62" "syscall"
        "mov eax, 110" "syscall" "test eax, eax" "jz 95b"
        "96: mov eax, 24" "syscall" "jmp 96b";
    /// Passes lists of arguments that begin at the end of all numbers.
    wild_lists:
        "lea rdi, [rip + 91f]" "mov rsi, -1" "xor edx, edx" "mov eax, 59" "syscall"
        "mov edi, 1" "cmp rax, -14" "jne 90f"
        "lea rdi, [rip + 91f]" "xor esi, esi" "mov rdx, -8" "mov eax, 59" "syscall"
        "mov edi, 2" "cmp rax, -14" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: .asciz \"/bin/hello\"";
    /// Ends a child by each of three signals; and what else is asked of `kill`.
    kills:
        "mov r13d, 9" "call 91f" "mov r13d, 15" "call 91f" "mov r13d, 6" "call 91f"
        "mov edi, ebx" "xor esi, esi" "mov eax, 62" "syscall" "mov edi, 3" "cmp rax, -3" "jne 90f"
        "mov eax, 39" "syscall" "mov ebx, eax"
        "mov edi, ebx" "xor esi, esi" "mov eax, 62" "syscall" "mov edi, 4" "test rax, rax" "jnz 90f"
        "mov edi, ebx" "mov esi, 99" "mov eax, 62" "syscall" "mov edi, 5" "cmp rax, -22" "jne 90f"
        "mov edi, ebx" "mov esi, 15" "mov eax, 62" "syscall"
        "mov edi, 6"
        "90: mov eax, 60" "syscall"
        "91: mov eax, 57" "syscall" "test eax, eax" "jz 92f" "mov ebx, eax"
        "mov edi, ebx" "mov esi, r13d" "mov eax, 62" "syscall" "mov edi, 1" "test rax, rax" "jnz 90b"
        // It is there until it was waited for.
        "mov edi, ebx" "xor esi, esi" "mov eax, 62" "syscall" "mov edi, 7" "test rax, rax" "jnz 90b"
        "mov edi, ebx" "mov esi, 0x500000" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "mov edi, 2" "cmp [0x500000], r13d" "jne 90b"
        "ret"
        "92: pause" "jmp 92b";
    /// Has a child for each of five mistakes, and compares how they ended.
    mistakes:
        "lea r12, [rip + 91f]" "mov r13d, 11" "call 96f"
        "lea r12, [rip + 92f]" "mov r13d, 4" "call 96f"
        "lea r12, [rip + 93f]" "mov r13d, 8" "call 96f"
        "lea r12, [rip + 94f]" "mov r13d, 5" "call 96f"
        "lea r12, [rip + 95f]" "mov r13d, 11" "call 96f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov al, [0x10]"
        "92: ud2"
        "93: xor edx, edx" "xor eax, eax" "div eax"
        "94: int3"
        "95: hlt"
        "96: mov eax, 57" "syscall" "test eax, eax" "jz 97f"
        "mov edi, eax" "mov esi, 0x500000" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "mov edi, r13d" "cmp [0x500000], r13d" "jne 90b" "ret"
        "97: jmp r12";
    /// Counts its faults and those of a child, which shares its pages.
    counts_faults:
        "mov byte ptr [0x500000], 1" "mov byte ptr [0x501000], 1" "mov byte ptr [0x502000], 1"
        "mov byte ptr [0x503000], 1"
        "xor edi, edi" "mov esi, 0x503000" "mov eax, 98" "syscall"
        "mov edi, 1" "cmp qword ptr [0x503040], 4" "jne 90f"
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov rdi, -1" "mov esi, 0x501000" "xor edx, edx" "mov r10d, 0x503000" "mov eax, 61" "syscall"
        "mov edi, 2" "cmp dword ptr [0x501000], 0" "jne 90f"
        // The child has copied the page that it wrote to, and the one it counted in.
        "mov edi, 3" "cmp qword ptr [0x503040], 2" "jne 90f"
        "mov rdi, -1" "mov esi, 0x503000" "mov eax, 98" "syscall"
        "mov edi, 4" "cmp qword ptr [0x503040], 2" "jne 90f"
        // The kernel has taken over two pages in its name.
        "xor edi, edi" "mov esi, 0x503000" "mov eax, 98" "syscall"
        "mov edi, 5" "cmp qword ptr [0x503040], 6" "jne 90f"
        "mov byte ptr [0x500000], 2" "mov byte ptr [0x500000], 2"
        "xor edi, edi" "mov esi, 0x503000" "mov eax, 98" "syscall"
        "mov edi, 6" "cmp qword ptr [0x503040], 7" "jne 90f"
        "mov edi, 2" "mov esi, 0x503000" "mov eax, 98" "syscall"
        "mov edi, 7" "cmp rax, -22" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov byte ptr [0x500000], 2" "mov al, [0x501000]"
        "xor edi, edi" "mov esi, 0x503000" "mov eax, 98" "syscall"
        "mov edi, 8" "cmp qword ptr [0x503040], 1" "jne 90b"
        "xor edi, edi" "jmp 90b";
    /// Its child of `vfork` runs first, and has ended when the parent goes on.
    vforks:
        "mov eax, 58" "syscall" "test eax, eax" "jz 91f" "mov ebx, eax"
        "mov edi, ebx" "mov esi, 0x500000" "mov edx, 1" "xor r10d, r10d" "mov eax, 61" "syscall"
        "mov edi, 1" "cmp eax, ebx" "jne 90f"
        "mov edi, 2" "cmp dword ptr [0x500000], 0x500" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov r12d, 5" "92: mov eax, 24" "syscall" "dec r12d" "jnz 92b" "mov edi, 5" "jmp 90b";
    /// `clone` as glibc uses it for `fork`, then with a stack, then for a thread.
    clones:
        "mov edi, 0x1200011" "xor esi, esi" "xor edx, edx" "mov r10d, 0x501000" "xor r8d, r8d"
        "mov eax, 56" "syscall" "test eax, eax" "jz 91f" "call 93f"
        "mov edi, 1" "cmp dword ptr [0x501000], 0" "jne 90f"
        "mov edi, 0x4111" "mov esi, 0x504000" "xor edx, edx" "mov eax, 56" "syscall"
        "test eax, eax" "jz 92f" "call 93f"
        "mov edi, 0x3d0f00" "mov esi, 0x504000" "mov eax, 56" "syscall"
        "mov edi, 2" "cmp rax, -22" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: mov eax, 39" "syscall" "mov edi, 3" "cmp [0x501000], eax" "jne 90b" "xor edi, edi" "jmp 90b"
        "92: mov edi, 4" "cmp rsp, 0x504000" "jne 90b" "xor edi, edi" "jmp 90b"
        "93: mov edi, eax" "mov esi, 0x500000" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "movzx edi, byte ptr [0x500001]" "test edi, edi" "jnz 90b" "ret";
    /// Has a child that runs another program, and tries to run what is none.
    executes:
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov edi, eax" "mov esi, 0x500000" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "mov edi, 1" "cmp dword ptr [0x500000], 0" "jne 90f"
        // ENOENT, EACCES for a folder, EFAULT
        "lea rdi, [rip + 94f]" "call 92f" "mov edi, 2" "cmp rax, -2" "jne 90f"
        "lea rdi, [rip + 95f]" "call 92f" "mov edi, 3" "cmp rax, -13" "jne 90f"
        "mov edi, 0x10" "call 92f" "mov edi, 4" "cmp rax, -14" "jne 90f"
        "lea rdi, [rip + 93f]" "mov esi, 0x10" "mov eax, 59" "syscall"
        "mov edi, 5" "cmp rax, -14" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "91: lea rdi, [rip + 93f]" "call 92f" "mov edi, 9" "jmp 90b"
        "92: mov [0x501000], rdi" "mov esi, 0x501000" "xor edx, edx" "mov eax, 59" "syscall" "ret"
        "93: .asciz \"/bin/hello\"" "94: .asciz \"/bin/nothing\"" "95: .asciz \"/bin\"";
    /// Runs another program that it finds no frame for, and ends with the error.
    executes_in_vain:
        "lea rdi, [rip + 93f]" "mov [0x501000], rdi" "mov esi, 0x501000" "xor edx, edx"
        "mov eax, 59" "syscall" "mov edi, eax" "neg edi" "mov eax, 60" "syscall"
        "93: .asciz \"/bin/hello\"";
    /// Forks until it is refused, and ends with the error.
    bomb:
        "91: mov eax, 57" "syscall" "test rax, rax" "js 90f" "jnz 91b"
        "92: mov eax, 24" "syscall" "jmp 92b"
        "90: mov edi, eax" "neg edi" "mov eax, 60" "syscall";
    /// Makes 1,000 children, and kills and reaps them from the first to the last.
    thousand:
        "mov r12d, 1000"
        "91: mov eax, 57" "syscall" "test rax, rax" "mov edi, 1" "js 90f" "jz 93f"
        "dec r12d" "push rax" "jnz 91b"
        "mov r12d, 1000"
        "mov ebx, eax" "sub ebx, 999"
        "92: mov edi, ebx" "mov esi, 9" "mov eax, 62" "syscall"
        "mov edi, ebx" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "mov edi, 2" "cmp eax, ebx" "jne 90f"
        "inc ebx" "dec r12d" "jnz 92b"
        "xor edi, edi"
        "90: mov eax, 60" "syscall"
        "93: mov eax, 24" "syscall" "jmp 93b";
    /// A chain of 1,000 processes that each wait for the next; the last takes turns.
    chain:
        "mov r12d, 1000"
        "91: mov eax, 57" "syscall" "test rax, rax" "jnz 92f" "dec r12d" "jnz 91b"
        "93: mov eax, 24" "syscall" "jmp 93b"
        "92: mov rdi, -1" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall";
    /// Forks a child that ends at once and waits for it, 16 times.
    fork_exit_wait:
        "mov r12d, 16"
        "91: mov eax, 57" "syscall" "test rax, rax" "js 90f" "jz 92f"
        "mov edi, eax" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "dec r12d" "jnz 91b"
        "92: xor edi, edi"
        "90: mov eax, 60" "syscall";
    /// Writes to 3 pages and forks; both take turns from then on.
    pair:
        "mov byte ptr [0x500000], 1" "mov byte ptr [0x501000], 1" "mov byte ptr [0x502000], 1"
        "mov eax, 57" "syscall"
        "91: mov eax, 24" "syscall" "jmp 91b";
    /// Takes a few turns and ends.
    some_turns:
        "mov r12d, 8" "91: mov eax, 24" "syscall" "dec r12d" "jnz 91b"
        "xor edi, edi" "mov eax, 60" "syscall";
    /// Has two children that spin, and ends.
    leaves_children:
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov eax, 57" "syscall" "test eax, eax" "jz 91f"
        "mov eax, 60" "mov edi, 3" "syscall"
        "91: pause" "jmp 91b";
}

/// Runs a program alone. All frames and numbers are back then, and what the heap
/// took for the processes is, too.
fn run(code: &[u8]) -> Ending {
    // Devices are mapped, and files are listed, when the first process is made; and the
    // audit's notes are a region, for which the kernel half's records may have to grow.
    spawn(&mut Processes::new(), code);
    audit();
    heap::trim();
    let before = counts();
    let mut processes = Processes::new();
    let id = spawn(&mut processes, code);
    let ending = processes.run(id).expect("it was spawned");
    assert_eq!(processes.iter().count(), 0);
    audit();
    drop(processes);
    heap::trim();
    assert_eq!(counts(), before);
    ending
}

#[test_case]
fn a_parent_learns_how_its_child_ended_whichever_is_first() {
    assert_eq!(run(waits()), Ending::Exited(0));
}

#[test_case]
fn a_parent_that_asks_for_nobody_is_told_so_and_does_not_wait() {
    assert_eq!(run(waits_in_vain()), Ending::Exited(0));
}

#[test_case]
fn an_orphan_is_the_kernels_which_waits_for_it() {
    assert_eq!(run(orphan()), Ending::Exited(0));
}

#[test_case]
fn who_ends_its_parent_is_an_orphan_too() {
    assert_eq!(run(ends_its_parent()), Ending::Exited(0));
}

#[test_case]
fn a_list_at_the_end_of_all_numbers_is_a_bad_address() {
    assert_eq!(run(wild_lists()), Ending::Exited(0));
}

#[test_case]
fn a_signal_ends_a_process_and_is_its_status() {
    assert_eq!(run(kills()), Ending::Signalled(Signal::TERMINATE));
}

#[test_case]
fn a_mistake_ends_a_process_by_the_signal_that_linux_has_for_it() {
    assert_eq!(run(mistakes()), Ending::Exited(0));
}

#[test_case]
fn each_process_is_told_its_own_faults_and_those_of_children_it_waited_for() {
    assert_eq!(run(counts_faults()), Ending::Exited(0));
}

#[test_case]
fn a_child_of_vfork_ends_before_its_parent_goes_on() {
    assert_eq!(run(vforks()), Ending::Exited(0));
}

#[test_case]
fn clone_is_a_fork_and_makes_no_thread() {
    assert_eq!(run(clones()), Ending::Exited(0));
}

#[test_case]
fn a_process_runs_another_program_or_stays_what_it_is() {
    // The page cache keeps what was read.
    let mut processes = Processes::new();
    let id = spawn(&mut processes, executes());
    assert_eq!(processes.run(id), Some(Ending::Exited(0)));
    drop(processes);
    assert_eq!(run(executes()), Ending::Exited(0));
}

#[test_case]
fn a_program_that_there_is_no_frame_for_is_not_run() {
    const NO_MEMORY: u8 = 12;
    let mut processes = Processes::new();
    let id = spawn(&mut processes, executes_in_vain());
    // What the cache gives up would be enough.
    files::cache::let_go();
    set_limit(Some(1));
    let ending = processes.run(id);
    set_limit(None);
    assert_eq!(ending, Some(Ending::Exited(NO_MEMORY)));
    audit();
}

#[test_case]
fn a_fork_shares_every_frame() {
    let mut processes = Processes::new();
    let before = counts();
    let pair = spawn(&mut processes, pair());
    let alone = spawn(&mut processes, some_turns());
    assert_eq!(processes.run(alone), Some(Ending::Exited(0)));
    let family: Vec<_> = processes.iter().map(|process| process.id).collect();
    assert_eq!(family, [pair, alone + 1]);
    assert!(processes.iter().all(|process| process.leader == pair));
    // One page of code and three that were written to.
    assert_eq!(counts().shared, before.shared + 4);
    audit();
}

#[test_case]
fn forks_are_refused_when_frames_are_out_and_all_of_them_come_back() {
    let mut processes = Processes::new();
    let id = spawn(&mut processes, bomb());
    set_limit(Some(400));
    const NO_MEMORY: u8 = 12;
    let ending = processes.run(id);
    set_limit(None);
    assert_eq!(ending, Some(Ending::Exited(NO_MEMORY)));
    assert_eq!(processes.iter().count(), 0);
    common::audit();
}

#[test_case]
fn forks_are_refused_when_the_table_is_full() {
    const TRY_AGAIN: u8 = 11;
    assert_eq!(run(bomb()), Ending::Exited(TRY_AGAIN));
}

#[test_case]
fn a_thousand_children_are_made_killed_and_reaped() {
    assert_eq!(run(thousand()), Ending::Exited(0));
}

#[test_case]
fn a_fork_costs_the_same_while_a_thousand_processes_wait() {
    let mut processes = Processes::new();
    // A second time, when the heap has the room that it takes.
    let cost = |processes: &mut Processes| {
        let costs = [(); 2].map(|()| {
            let id = spawn(processes, fork_exit_wait());
            let (ending, measured) = measure(|| processes.run(id));
            assert_eq!(ending, Some(Ending::Exited(0)));
            measured.cost
        });
        costs[1]
    };
    let alone = cost(&mut processes);
    spawn(&mut processes, chain());
    while processes.iter().count() <= 1000 {
        let id = spawn(&mut processes, some_turns());
        assert_eq!(processes.run(id), Some(Ending::Exited(0)));
    }
    let waiting = processes
        .iter()
        .filter(|process| process.state == State::Waiting);
    assert_eq!(waiting.count(), 1000);
    assert_eq!(alone, cost(&mut processes));
}

#[test_case]
fn children_are_killed_when_the_one_in_the_foreground_has_ended() {
    assert_eq!(run(leaves_children()), Ending::Exited(3));
}
