//! Programs in ring 3, of a few instructions each: system calls, faults, wrong
//! accesses, privileged instructions, the timer, and registers that survive.
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

use common::{PAGE, counts, pages_at};
use kernel::account::meter::measure;
use kernel::console::input;
use kernel::cpu::ring3::END;
use kernel::cpu::vector::Vector;
use kernel::process::{Ending, KERNEL, Processes, Signal};
use kernel::spaces;
use memory::Outcome;
use memory::object::{ObjectKind, Sharing};
use memory::space::Backing;
use program::{CODE, DATA, audit, space_of, spawn, spawn_at, spawn_in};
use x86_64::VirtAddr;

kernel::test_kernel!(test_main);

kernel::programs! {
    /// Ends with its own number.
    own_number:
        "mov eax, 39" "syscall"
        "mov edi, eax" "mov eax, 60" "syscall";
    /// Ends with the number of its parent.
    parents_number:
        "mov eax, 110" "syscall"
        "mov edi, eax" "mov eax, 231" "syscall";
    /// Makes a system call that does not exist, twice.
    unknown_call:
        "mov eax, 999" "syscall" "mov eax, 999" "syscall"
        "mov edi, 1" "cmp rax, -38" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall";
    /// Compares every register after a system call and after a page fault.
    registers:
        "mov rbx, 0x1101010101010101" "mov rdx, 0x2202020202020202"
        "mov rsi, 0x3303030303030303" "mov rdi, 0x4404040404040404"
        "mov rbp, 0x5505050505050505" "mov r8, 0x6606060606060606"
        "mov r9, 0x7707070707070707" "mov r10, 0x8808080808080808"
        "mov r12, 0x9909090909090909" "mov r13, 0xaa0a0a0a0a0a0a0a"
        "mov r14, 0xbb0b0b0b0b0b0b0b" "mov r15, 0xcc0c0c0c0c0c0c0c"
        "mov rsp, 0xdd0d0d0d0d0d0d0d" "std"
        "mov eax, 110" "syscall"
        "91:"
        // RCX is where it goes on, R11 the flags, RAX the result.
        "test eax, eax" "mov eax, 1" "jnz 90f"
        "lea rax, [rip + 91b]" "cmp rcx, rax" "mov eax, 2" "jne 90f"
        "and r11d, 0x700" "cmp r11d, 0x600" "mov eax, 3" "jne 90f"
        "mov rcx, 0xee0e0e0e0e0e0e0e" "mov r11, 0xff0f0f0f0f0f0f0f"
        "mov al, [0x500000]"
        "test al, al" "mov eax, 4" "jnz 90f"
        "mov rax, 0xee0e0e0e0e0e0e0e" "cmp rcx, rax" "mov eax, 5" "jne 90f"
        "mov rax, 0xff0f0f0f0f0f0f0f" "cmp r11, rax" "mov eax, 6" "jne 90f"
        "mov rax, 0x1101010101010101" "cmp rbx, rax" "mov eax, 7" "jne 90f"
        "mov rax, 0x2202020202020202" "cmp rdx, rax" "mov eax, 8" "jne 90f"
        "mov rax, 0x3303030303030303" "cmp rsi, rax" "mov eax, 9" "jne 90f"
        "mov rax, 0x4404040404040404" "cmp rdi, rax" "mov eax, 10" "jne 90f"
        "mov rax, 0x5505050505050505" "cmp rbp, rax" "mov eax, 11" "jne 90f"
        "mov rax, 0x6606060606060606" "cmp r8, rax" "mov eax, 12" "jne 90f"
        "mov rax, 0x7707070707070707" "cmp r9, rax" "mov eax, 13" "jne 90f"
        "mov rax, 0x8808080808080808" "cmp r10, rax" "mov eax, 14" "jne 90f"
        "mov rax, 0x9909090909090909" "cmp r12, rax" "mov eax, 15" "jne 90f"
        "mov rax, 0xaa0a0a0a0a0a0a0a" "cmp r13, rax" "mov eax, 16" "jne 90f"
        "mov rax, 0xbb0b0b0b0b0b0b0b" "cmp r14, rax" "mov eax, 17" "jne 90f"
        "mov rax, 0xcc0c0c0c0c0c0c0c" "cmp r15, rax" "mov eax, 18" "jne 90f"
        "mov rax, 0xdd0d0d0d0d0d0d0d" "cmp rsp, rax" "mov eax, 19" "jne 90f"
        "xor eax, eax"
        "90: mov edi, eax" "mov eax, 60" "syscall";
    /// Reads a page, writes to it, and writes to another.
    three_faults:
        "mov al, [0x500000]" "mov byte ptr [0x500000], 1" "mov byte ptr [0x501000], 1"
        "xor edi, edi" "mov eax, 60" "syscall";
    wild_write: "mov byte ptr [0x12345678], 1";
    write_to_code: "mov byte ptr [0x400000], 1";
    run_data: "mov eax, 0x500000" "jmp rax";
    read_of_the_kernel: "mov rax, 0xffff900000000000" "mov al, [rax]";
    write_to_the_kernel: "mov rax, 0xffffc08000000000" "mov byte ptr [rax], 1";
    call_of_the_kernel: "mov rax, 0xffff800000000000" "call rax";
    halt: "hlt";
    interrupts_off: "cli";
    port: "in al, 0x60";
    control_register: "mov rax, cr3";
    double_fault_by_hand: "int 8";
    undefined: "ud2";
    division: "xor eax, eax" "xor edx, edx" "div eax";
    breakpoint: "int3";
    single_step: "mov esp, 0x604000" "pushfq" "or dword ptr [rsp], 0x100" "popfq" "nop" "nop";
    spin: "90: pause" "jmp 90b";
    jump_to_no_address: "mov rax, 0x8000000000000000" "jmp rax";
    return_to_no_address: "mov esp, 0x604000" "mov rax, 0x800000000000" "push rax" "ret";
    /// Sets AC and NT, and makes a system call and a page fault with them.
    odd_flags:
        "mov esp, 0x604000" "pushfq" "or dword ptr [rsp], 0x44000" "popfq"
        "mov eax, 39" "syscall" "mov al, [0x500000]"
        "pushfq" "pop rax" "and eax, 0x44000"
        "mov edi, 1" "cmp eax, 0x44000" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall";
    /// Has a page made physical that cannot be read, and reads it.
    unreadable:
        "mov edi, 0x700000" "mov esi, 4096" "mov edx, 22" "mov eax, 28" "syscall"
        "mov edi, 1" "cmp rax, -14" "jne 90f"
        "mov al, [0x700000]"
        "90: mov eax, 60" "syscall";
    /// A system call with a stack pointer that is no address.
    no_stack:
        "mov rsp, 0x8000000000000000" "mov eax, 39" "syscall"
        "xor edi, edi" "mov eax, 60" "syscall";
    /// Passes addresses to system calls that it may not access.
    bad_pointers:
        // write: no region; the kernel's; past the end of the low half; wraps around
        "mov r12d, 1" "mov rsi, 0x12345000" "call 91f"
        "mov r12d, 2" "mov rsi, 0xffff900000000000" "call 91f"
        "mov r12d, 3" "mov rsi, 0x7fffffffffff" "call 91f"
        "mov r12d, 4" "mov rsi, -1" "call 91f"
        "mov r12d, 5" "xor esi, esi" "call 91f"
        // uname: to read-only memory; the kernel's; half of it beyond the end of the region
        "mov r12d, 6" "mov edi, 0x400000" "call 92f"
        "mov r12d, 7" "mov rdi, 0xffffc08000000000" "call 92f"
        "mov r12d, 8" "mov edi, 0x503f00" "call 92f"
        "mov r12d, 9" "mov rdi, 0x8000000000000000" "call 92f"
        "xor r12d, r12d"
        "90: mov edi, r12d" "mov eax, 60" "syscall"
        "91: mov edi, 1" "mov edx, 4" "mov eax, 1" "syscall" "jmp 93f"
        "92: mov eax, 63" "syscall"
        "93: cmp rax, -14" "jne 90b" "ret";
    /// Is told the names of the machine, in pages it has not touched.
    names:
        "mov edi, 0x500fff" "mov eax, 63" "syscall"
        "test eax, eax" "mov edi, 1" "jnz 90f"
        "cmp dword ptr [0x500fff], 0x756e694c" "mov edi, 2" "jne 90f" // Linu
        "xor edi, edi"
        "90: mov eax, 60" "syscall";
    /// Sets FS, takes turns with others, and reads through FS.
    thread_pointer:
        "mov eax, 39" "syscall" "mov [0x500008], eax" "mov ebx, eax"
        "mov edi, 0x1002" "mov esi, 0x500000" "mov eax, 158" "syscall"
        "test eax, eax" "mov edi, 1" "jnz 90f"
        "mov r12d, 20"
        "91: mov eax, 24" "syscall" "mov edi, 2" "cmp fs:[8], ebx" "jne 90f"
        "dec r12d" "jnz 91b"
        "mov edi, 0x1003" "mov esi, 0x501000" "mov eax, 158" "syscall"
        "cmp qword ptr [0x501000], 0x500000" "mov edi, 3" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall";
    /// Fills SSE registers and control words, AVX registers if there are some, and
    /// takes turns with others that do the same.
    extended_registers:
        "stmxcsr [0x500000]" "cmp dword ptr [0x500000], 0x1f80" "mov edi, 1" "jne 90f"
        "fnstcw [0x500000]" "cmp word ptr [0x500000], 0x37f" "mov edi, 2" "jne 90f"
        "pxor xmm1, xmm1" "pcmpeqb xmm1, xmm0" "pmovmskb eax, xmm1"
        "cmp eax, 0xffff" "mov edi, 3" "jne 90f"
        "mov eax, 39" "syscall" "mov r13d, eax"
        "mov r14d, eax" "and r14d, 1" "shl r14d, 15" "or r14d, 0x1f80" "mov [0x500000], r14d"
        "ldmxcsr [0x500000]"
        "mov eax, 1" "cpuid" "and ecx, 0x18000000" "xor r15d, r15d" "cmp ecx, 0x18000000" "sete r15b"
        "mov r12d, 20"
        "movd xmm0, r13d" "movd xmm15, r13d"
        "test r15d, r15d" "jz 91f"
        "vmovd xmm7, r13d" "vinsertf128 ymm7, ymm7, xmm7, 1"
        "91: mov eax, 24" "syscall"
        "movd eax, xmm0" "cmp eax, r13d" "mov edi, 4" "jne 90f"
        "movd eax, xmm15" "cmp eax, r13d" "mov edi, 5" "jne 90f"
        "stmxcsr [0x500000]" "cmp [0x500000], r14d" "mov edi, 6" "jne 90f"
        "test r15d, r15d" "jz 92f"
        "vextractf128 xmm1, ymm7, 1" "vmovd eax, xmm1" "cmp eax, r13d" "mov edi, 7" "jne 90f"
        "92: dec r12d" "jnz 91b"
        "xor edi, edi"
        "90: mov eax, 60" "syscall";
    /// Writes a word to the console; the second part of it is not there.
    words:
        "mov dword ptr [0x503ffc], 0x216c6c61" // all!
        "mov edi, 2" "mov esi, 0x503ffc" "mov edx, 100" "mov eax, 1" "syscall"
        "mov edi, 1" "cmp eax, 4" "jne 90f"
        "mov edi, 3" "mov esi, 0x503ffc" "mov edx, 4" "mov eax, 1" "syscall"
        "mov edi, 2" "cmp rax, -9" "jne 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall";
    /// Time goes on, and numbers differ.
    clock_and_numbers:
        "mov edi, 1" "mov esi, 0x500000" "mov eax, 228" "syscall"
        "test eax, eax" "mov edi, 1" "jnz 90f"
        "mov edi, 1" "mov esi, 0x500010" "mov eax, 228" "syscall"
        "imul rbx, [0x500000], 1000000000" "add rbx, [0x500008]"
        "imul rcx, [0x500010], 1000000000" "add rcx, [0x500018]"
        "cmp rcx, rbx" "mov edi, 2" "jbe 90f"
        "mov edi, 0x500000" "mov esi, 16" "xor edx, edx" "mov eax, 318" "syscall"
        "cmp eax, 16" "mov edi, 3" "jne 90f"
        "mov rax, [0x500000]" "cmp rax, [0x500008]" "mov edi, 4" "je 90f"
        "xor edi, edi"
        "90: mov eax, 60" "syscall";
    last_instruction: "mov eax, 39" "syscall";
}

/// Runs a program alone, and returns how it ended. All its frames are back then.
fn run(code: &[u8]) -> Ending {
    run_at(code, CODE)
}

fn run_at(code: &[u8], start: u64) -> Ending {
    let mut processes = Processes::new();
    // The heap keeps the pages that the same has touched before.
    let other = spawn(&mut processes, own_number());
    audit();
    processes.run(other);
    let before = counts();
    let id = spawn_at(&mut processes, code, start);
    audit();
    let ending = processes.run(id).expect("it was spawned");
    assert_eq!(counts(), before);
    audit();
    assert!(processes.get(id).is_none());
    ending
}

#[test_case]
fn a_system_call_returns_its_result_in_rax() {
    let mut processes = Processes::new();
    for number in 1..=3 {
        let id = spawn(&mut processes, own_number());
        assert_eq!(processes.run(id), Some(Ending::Exited(number)));
    }
    let id = spawn(&mut processes, parents_number());
    assert_eq!(processes.run(id), Some(Ending::Exited(KERNEL as u8)));
}

#[test_case]
fn a_call_that_does_not_exist_is_refused_and_counted_by_number() {
    let mut processes = Processes::new();
    let id = spawn(&mut processes, unknown_call());
    assert_eq!(processes.run(id), Some(Ending::Exited(0)));
    let calls = processes.unknown_calls();
    assert_eq!(
        (calls.of(999), calls.of(998), calls.iter().count()),
        (2, 0, 1)
    );
}

#[test_case]
fn every_register_survives_a_system_call_and_a_page_fault() {
    assert_eq!(run(registers()), Ending::Exited(0));
    assert_eq!(run(no_stack()), Ending::Exited(0));
}

/// The stubs' handlers check that AC is clear in the kernel.
#[test_case]
fn a_program_that_sets_ac_keeps_it_and_does_not_let_the_kernel_at_its_pages() {
    assert_eq!(run(odd_flags()), Ending::Exited(0));
}

#[test_case]
fn a_page_of_a_file_that_cannot_be_read_is_efault_to_madvise_and_sigbus_to_an_access() {
    const FILE: u64 = 0x70_0000;
    let memory = spaces::memory();
    // The page cache knows no file of it.
    let object = memory.create_object(ObjectKind::File, 1).expect("a frame");
    let backing = Backing::Object {
        object: object.id(),
        offset_in_pages: 0,
        sharing: Sharing::Private,
    };
    let mut space = space_of(unreadable(), CODE);
    let mapped = space.allocate(pages_at(FILE, 1, backing).user(), memory);
    mapped.expect("nothing lies there");
    let mut processes = Processes::new();
    let id = spawn_in(&mut processes, space, CODE);
    let ending = processes.run(id).expect("it is there");
    assert_eq!(ending, Ending::Unreadable(VirtAddr::new(FILE)));
    assert_eq!(ending.signal(), Some(Signal::BUS));
    memory.release_object(object);
    audit();
}

#[test_case]
fn faults_of_a_program_are_resolved_and_counted_like_any_other() {
    let mut processes = Processes::new();
    let id = spawn(&mut processes, own_number());
    processes.run(id);
    let id = spawn(&mut processes, three_faults());
    let (ending, measured) = measure(|| processes.run(id));
    assert_eq!(ending, Some(Ending::Exited(0)));
    assert_eq!(measured.cost.faults, 3);
    let expected = [
        (DATA, Outcome::ZeroRead),
        (DATA, Outcome::PrivateCopy),
        (DATA + PAGE, Outcome::ZeroWrite),
    ];
    for (event, expected) in measured.faults().iter().zip(expected) {
        assert!(event.fault.is_user());
        assert_eq!((event.fault.address.as_u64(), event.outcome), expected);
    }
    let id = spawn(&mut processes, own_number());
    let (_, measured) = measure(|| processes.run(id));
    assert_eq!(measured.cost.faults, 0);
}

#[test_case]
fn a_wild_access_ends_the_program_and_nothing_else() {
    let cases: [(&[u8], u64); 6] = [
        (wild_write(), 0x1234_5678),
        (write_to_code(), CODE),
        (run_data(), DATA),
        (read_of_the_kernel(), 0xffff_9000_0000_0000),
        (write_to_the_kernel(), 0xffff_c080_0000_0000),
        (call_of_the_kernel(), 0xffff_8000_0000_0000),
    ];
    for (code, address) in cases {
        assert_eq!(run(code), Ending::BadAccess(VirtAddr::new(address)));
    }
}

#[test_case]
fn a_privileged_instruction_ends_the_program() {
    for code in [
        halt(),
        interrupts_off(),
        port(),
        control_register(),
        double_fault_by_hand(),
    ] {
        assert_eq!(run(code), Ending::Exception(Vector::GENERAL_PROTECTION));
    }
}

#[test_case]
fn an_exception_ends_the_program_under_its_own_name() {
    let name = |code| match run(code) {
        Ending::Exception(vector) => vector.number(),
        other => panic!("an exception was expected, not {other:?}"),
    };
    assert_eq!(name(division()), 0);
    assert_eq!(name(single_step()), 1);
    assert_eq!(name(breakpoint()), 3);
    assert_eq!(name(undefined()), 6);
}

#[test_case]
fn an_address_that_is_none_is_never_returned_to() {
    let refused = Ending::Exception(Vector::GENERAL_PROTECTION);
    assert_eq!(run(jump_to_no_address()), refused);
    assert_eq!(run(return_to_no_address()), refused);
    let code = last_instruction();
    assert_eq!(run_at(code, END - code.len() as u64), refused);
}

#[test_case]
fn a_program_that_spins_is_stopped_by_the_timer_and_the_other_runs() {
    let mut processes = Processes::new();
    let spinning = spawn(&mut processes, spin());
    let other = spawn(&mut processes, own_number());
    assert_eq!(processes.run(other), Some(Ending::Exited(2)));
    audit();
    input::type_ahead(0x03);
    assert_eq!(processes.run(spinning), Some(Ending::Cancelled));
    assert_eq!(input::try_read(), Some(0x03));
}

#[test_case]
fn processes_that_are_dropped_give_everything_back() {
    drop({
        let mut processes = Processes::new();
        spawn(&mut processes, spin());
        processes
    });
    let before = counts();
    let mut processes = Processes::new();
    for _ in 0..3 {
        spawn(&mut processes, spin());
    }
    drop(processes);
    assert_eq!(counts().tables, before.tables);
    assert_eq!(counts().private, before.private);
    common::audit();
}

#[test_case]
fn extended_registers_and_segments_survive_turns_of_others() {
    for code in [extended_registers(), thread_pointer()] {
        let mut processes = Processes::new();
        let ids = [(); 3].map(|()| spawn(&mut processes, code));
        for id in ids {
            assert_eq!(processes.run(id), Some(Ending::Exited(0)));
        }
    }
}

#[test_case]
fn a_bad_pointer_is_an_error_of_the_call_and_no_fault_of_the_kernel() {
    assert_eq!(run(bad_pointers()), Ending::Exited(0));
}

#[test_case]
fn a_system_call_writes_to_pages_that_were_not_touched() {
    assert_eq!(run(names()), Ending::Exited(0));
}

#[test_case]
fn what_could_be_read_is_written_to_the_console() {
    assert_eq!(run(words()), Ending::Exited(0));
}

#[test_case]
fn time_passes_and_random_numbers_differ() {
    assert_eq!(run(clock_and_numbers()), Ending::Exited(0));
}
