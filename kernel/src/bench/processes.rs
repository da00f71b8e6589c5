//! What programs ask of the kernel: a system call, another process's turn, a
//! child.

use alloc::vec::Vec;

use memory::Space;
use memory::space::{Backing, Placement, Request, Rights};
use x86_64::VirtAddr;

use super::Bench;
use super::place::PAGE;
use crate::cpu::ring3::Context;
use crate::process::{Heap, Id, KERNEL, Processes};
use crate::spaces;

/// Where a program's code lies, and the pages that it writes to.
const CODE: u64 = 0x40_0000;
const DATA: u64 = 0x50_0000;
/// Pages of data, all of them written to by programs that are forked.
pub(super) const PAGES: u64 = 64;

/// How often each program makes its call; so often that the cost of starting the
/// program is lost in it.
const CALLS: u64 = 50_000;
/// How often a program maps memory.
const MAPPINGS: u64 = 10_000;
/// How often each program has a child.
const TIMES: u64 = 1000;
/// Runs of each program that are measured.
const RUNS: usize = 5;

crate::programs! {
    /// `getpid`
    asks: "mov r12d, 50000" "91: mov eax, 39" "syscall" "dec r12d" "jnz 91b"
        "xor edi, edi" "mov eax, 60" "syscall";
    /// `sched_yield`
    yields: "mov r12d, 50000" "91: mov eax, 24" "syscall" "dec r12d" "jnz 91b"
        "xor edi, edi" "mov eax, 60" "syscall";
    /// `fork`, and `wait4` for the child, which ends at once.
    forks: "mov r12d, 1000"
        "91: mov eax, 57" "syscall" "test eax, eax" "jz 92f"
        "mov rdi, -1" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "dec r12d" "jnz 91b"
        "92: xor edi, edi" "mov eax, 60" "syscall";
    /// The same with 64 pages of its own.
    forks_pages: "mov ecx, 64" "mov ebx, 0x500000"
        "93: mov byte ptr [rbx], 1" "add ebx, 4096" "dec ecx" "jnz 93b"
        "mov r12d, 1000"
        "91: mov eax, 57" "syscall" "test eax, eax" "jz 92f"
        "mov rdi, -1" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "dec r12d" "jnz 91b"
        "92: xor edi, edi" "mov eax, 60" "syscall";
    /// `fork`; the child runs `hello`, whose output goes to shared memory, and is
    /// waited for.
    runs_hello: "lea rdi, [rip + 95f]" "xor esi, esi" "mov eax, 319" "syscall"
        "mov edi, eax" "mov esi, 1" "mov eax, 33" "syscall"
        "mov edi, 1" "mov esi, 0x10000" "mov eax, 77" "syscall"
        "push 0" "lea rax, [rip + 95f]" "push rax"
        "mov r12d, 1000"
        "91: mov eax, 57" "syscall" "test eax, eax" "jz 92f"
        "mov rdi, -1" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall"
        "dec r12d" "jnz 91b"
        "xor edi, edi" "mov eax, 60" "syscall"
        "92: lea rdi, [rip + 95f]" "mov rsi, rsp" "xor edx, edx" "mov eax, 59" "syscall"
        "ud2"
        "95: .asciz \"/bin/hello\"";
    /// `mmap` of 16 pages, and `munmap`.
    maps: "mov r12d, 10000"
        "91: xor edi, edi" "mov esi, 0x10000" "mov edx, 3" "mov r10d, 0x22"
        "mov r8, -1" "xor r9d, r9d" "mov eax, 9" "syscall"
        "mov rdi, rax" "mov esi, 0x10000" "mov eax, 11" "syscall"
        "dec r12d" "jnz 91b"
        "xor edi, edi" "mov eax, 60" "syscall";
    /// A chain of 1,000 processes that each wait for the next; the last takes turns.
    chain: "mov r12d, 1000"
        "91: mov eax, 57" "syscall" "test rax, rax" "jnz 92f" "dec r12d" "jnz 91b"
        "93: mov eax, 24" "syscall" "jmp 93b"
        "92: mov rdi, -1" "xor esi, esi" "xor edx, edx" "xor r10d, r10d" "mov eax, 61" "syscall";
}

pub(super) fn run(bench: &Bench) {
    measure(bench, "system call", asks(), CALLS, |_| ());
    measure(
        bench,
        "turn of another process",
        yields(),
        2 * CALLS,
        |processes| {
            spawn(processes, yields());
        },
    );
    measure(
        bench,
        "mmap and munmap of 16 pages",
        maps(),
        MAPPINGS,
        |_| (),
    );
    measure(
        bench,
        "fork, execve, exit and wait",
        runs_hello(),
        TIMES,
        |_| (),
    );
    measure(bench, "fork, exit and wait", forks(), TIMES, |_| ());
    measure(
        bench,
        "fork, exit and wait with 64 pages",
        forks_pages(),
        TIMES,
        |_| (),
    );
    measure(
        bench,
        "fork, exit and wait among 1000 that wait",
        forks(),
        TIMES,
        |processes| {
            spawn(processes, chain());
            while processes.iter().count() <= 1000 {
                let id = spawn(processes, yields());
                processes.run(id);
            }
        },
    );
}

/// Measures a program that does something so many `times`, among others.
fn measure(bench: &Bench, name: &str, code: &[u8], times: u64, others: impl Fn(&mut Processes)) {
    let mut costs = Vec::new();
    for _ in 0..RUNS {
        let mut processes = Processes::new();
        others(&mut processes);
        let id = spawn(&mut processes, code);
        costs.push(bench.time(|| assert!(processes.run(id).is_some())));
    }
    bench.print(name, costs, times);
}

fn spawn(processes: &mut Processes, code: &[u8]) -> Id {
    let context = context();
    let heap = Heap::behind(VirtAddr::new(DATA + PAGES * PAGE));
    processes
        .spawn(KERNEL, space_of(code), context, heap)
        .expect("a machine for benchmarks has room")
}

/// The registers with which each program starts.
pub(super) fn context() -> Context {
    Context::new(VirtAddr::new(CODE), VirtAddr::new(DATA + PAGES * PAGE))
}

/// A space with a program and its data.
pub(super) fn space_of(code: &[u8]) -> Space {
    let memory = spaces::memory();
    let mut space = spaces::create().expect("a machine for benchmarks has room");
    for (base, pages, backing) in [(CODE, 1, Backing::Demand), (DATA, PAGES, Backing::Zero)] {
        let request = Request::new(pages * PAGE, backing)
            .placement(Placement::At(VirtAddr::new(base)))
            .user();
        space.allocate(request, memory).expect("the space is empty");
    }
    let code_page = VirtAddr::new(CODE);
    space
        .write(code_page, code, memory)
        .expect("the page is there");
    space
        .protect(code_page, PAGE, Rights::ReadExecute, memory)
        .expect("the page is there");
    space
}
