//! The way into ring 3, and the ways out of it.
//!
//! ```text
//!   enter ─> go ─ SYSRET or IRETQ ─> the program
//!     ^                                  │ syscall          ─> system_call ──┐
//!     │                                  │ exception, timer ─> stub ─> leave ┤
//!     └──────────── Left ────────────────────────────────────────────────────┘
//! ```
//!
//! There is one kernel stack. [`enter`] notes in RSP0 of the TSS how far it is
//! in use. What interrupts the program goes on from there, and a system call
//! does the same by itself. Page faults that are resolved return to the program
//! from their stub, and [`enter`] does not see them.
//!
//! What must always hold: what is loaded is what a program may have. The segments
//! are those of ring 3, RIP lies in the low half (SYSRET and IRETQ to other
//! addresses would fault in the kernel, SYSRET even on the program's stack), and
//! RFLAGS has interrupts on and no right to ports. In the book: chapter 12,
//! `docs/12-programs.md`.

mod context;

pub use context::Context;

use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::mem::offset_of;

use memory::Fault;
use x86_64::VirtAddr;
use x86_64::instructions::interrupts;
use x86_64::registers::model_specific::{Efer, EferFlags, LStar, SFMask, Star};
use x86_64::registers::rflags::RFlags;

use super::descriptors::{RSP0, TASK_STATE, segments};
use super::exception::ExceptionContext;
use super::vector::Vector;

/// The end of the addresses that are a program's.
pub const END: u64 = 1 << 47;

/// Why a program does not run any more; its registers are in its [`Context`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It made a system call, and goes on behind it.
    SystemCall,
    /// A page fault was refused.
    PageFault(Fault),
    /// Any other exception.
    Exception(Vector),
    /// The timer wants somebody else to run.
    Timer,
}

/// The ways out, as the assembly numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
enum Way {
    SystemCall = 0,
    Interrupted = 1,
    NeverEntered = 2,
}

/// The bit of RFLAGS that is always set.
pub(super) const FLAGS_ALWAYS: u64 = 1 << 1;

/// The stack pointer of the program, for the first instructions of a system call.
#[repr(transparent)]
struct StackPointer(UnsafeCell<u64>);

// SAFETY: there is one processor, and `system_call` alone uses it, with
// interrupts off.
unsafe impl Sync for StackPointer {}

static STACK_POINTER: StackPointer = StackPointer(UnsafeCell::new(0));

/// Switches SYSCALL on, and leads it to its entry with interrupts off.
pub(super) fn enable() {
    let segments = segments();
    Star::write(
        segments.user_code,
        segments.user_data,
        segments.code,
        segments.data,
    )
    .expect("the segments stand in the order of SYSRET");
    LStar::write(VirtAddr::new(
        system_call as unsafe extern "sysv64" fn() as usize as u64,
    ));
    SFMask::write(
        RFlags::INTERRUPT_FLAG
            | RFlags::DIRECTION_FLAG
            | RFlags::TRAP_FLAG
            | RFlags::ALIGNMENT_CHECK
            | RFlags::NESTED_TASK,
    );
    // SAFETY: the registers that SYSCALL asks for are set.
    unsafe { Efer::update(|efer| efer.insert(EferFlags::SYSTEM_CALL_EXTENSIONS)) };
}

/// Runs a program until it needs the kernel. Called with interrupts off, which
/// are on only while the program runs.
#[inline]
pub fn enter(context: &mut Context) -> Left {
    debug_assert!(!interrupts::are_enabled());
    let way: u64;
    // SAFETY: `go` returns here, with the callee's registers lost but RBX, RBP
    // and those named here; it writes to the context alone. What a program may
    // do in ring 3 changes nothing of the kernel's.
    unsafe {
        asm!(
            "call {go}",
            go = sym go,
            inlateout("rdi") core::ptr::from_mut(context) => _,
            lateout("rax") way,
            lateout("r12") _,
            lateout("r13") _,
            lateout("r14") _,
            lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
    if way == Way::SystemCall as u64 {
        return Left::SystemCall;
    }
    interrupted(context, way)
}

#[cold]
fn interrupted(context: &mut Context, way: u64) -> Left {
    let registers = &mut context.registers;
    if way == Way::NeverEntered as u64 {
        // As if the processor had fetched from there.
        registers.set_general_protection();
    }
    if registers.is_timer() {
        return Left::Timer;
    }
    match registers.vector() {
        Vector::PAGE_FAULT => Left::PageFault(registers.fault()),
        vector => Left::Exception(vector),
    }
}

/// Ends the stay of a program that was interrupted: [`enter`] returns.
///
/// # Safety
///
/// - The context is that of what interrupted the program which [`enter`] has
///   entered, on the stack from RSP0 down.
/// - Nothing that is on the stack below it is needed any more.
pub(crate) unsafe fn leave(context: &ExceptionContext) -> ! {
    debug_assert!(context.is_programs());
    // SAFETY: as the caller vouches, `go` has left its frame at RSP0, with the
    // context of the program to copy to.
    unsafe {
        asm!(
            "mov rsp, [rip + {task} + {rsp0}]",
            "pop rdi",
            "mov ecx, {words}",
            "rep movsq",
            "mov eax, {interrupted}",
            "pop rbx",
            "pop rbp",
            "ret",
            task = sym TASK_STATE,
            rsp0 = const RSP0,
            words = const size_of::<ExceptionContext>() / 8,
            interrupted = const Way::Interrupted as u64,
            in("rsi") core::ptr::from_ref(context),
            options(noreturn)
        )
    }
}

/// Assembly of a naked function that has each register's place in a
/// [`Context`], in bytes, under the register's name.
macro_rules! with_places {
    ($($assembly:tt)*) => {
        naked_asm!(
            $($assembly)*
            rip = const offset_of!(ExceptionContext, rip),
            rflags = const offset_of!(ExceptionContext, rflags),
            rsp = const offset_of!(ExceptionContext, rsp),
            rax = const offset_of!(ExceptionContext, rax),
            rbx = const offset_of!(ExceptionContext, rbx),
            rcx = const offset_of!(ExceptionContext, rcx),
            rdx = const offset_of!(ExceptionContext, rdx),
            rsi = const offset_of!(ExceptionContext, rsi),
            rdi = const offset_of!(ExceptionContext, rdi),
            rbp = const offset_of!(ExceptionContext, rbp),
            r8 = const offset_of!(ExceptionContext, r8),
            r9 = const offset_of!(ExceptionContext, r9),
            r10 = const offset_of!(ExceptionContext, r10),
            r11 = const offset_of!(ExceptionContext, r11),
            r12 = const offset_of!(ExceptionContext, r12),
            r13 = const offset_of!(ExceptionContext, r13),
            r14 = const offset_of!(ExceptionContext, r14),
            r15 = const offset_of!(ExceptionContext, r15),
        )
    };
}

/// Loads the registers of the [`Context`] at RDI and goes to ring 3. The kernel's
/// stack, which RSP0 points to meanwhile:
///
/// ```text
///   rsp+24   return address into `enter`
///   rsp+16   rbp
///   rsp+8    rbx
///   rsp      the context                 16-byte aligned
/// ```
///
/// SYSRET loads RIP from RCX and RFLAGS from R11, so it serves where they are
/// equal, which is so after every system call. All else goes by IRETQ, from the
/// context itself. RF and TF are left to IRETQ, too.
#[unsafe(naked)]
unsafe extern "sysv64" fn go() {
    with_places!(
        "push rbp",
        "push rbx",
        "push rdi",
        "mov [rip + {task} + {rsp0}], rsp",
        "mov rcx, [rdi + {rip}]",
        "mov rax, rcx",
        "shr rax, 47",
        "jnz 3f",
        "mov r11, [rdi + {rflags}]",
        "cmp rcx, [rdi + {rcx}]",
        "jne 2f",
        "cmp r11, [rdi + {r11}]",
        "jne 2f",
        "test r11d, {resume_or_trap}",
        "jnz 2f",
        "mov rax, [rdi + {rax}]",
        "mov rbx, [rdi + {rbx}]",
        "mov rdx, [rdi + {rdx}]",
        "mov rsi, [rdi + {rsi}]",
        "mov rbp, [rdi + {rbp}]",
        "mov r8, [rdi + {r8}]",
        "mov r9, [rdi + {r9}]",
        "mov r10, [rdi + {r10}]",
        "mov r12, [rdi + {r12}]",
        "mov r13, [rdi + {r13}]",
        "mov r14, [rdi + {r14}]",
        "mov r15, [rdi + {r15}]",
        "mov rsp, [rdi + {rsp}]",
        "mov rdi, [rdi + {rdi}]",
        "sysretq",
        "2:",
        "lea rsp, [rdi + {r15}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rbp",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rbx",
        "pop rax",
        "add rsp, 16", // vector, error code
        "iretq",
        "3:",
        "mov eax, {never_entered}",
        "pop rdi",
        "pop rbx",
        "pop rbp",
        "ret",
        task = sym TASK_STATE,
        rsp0 = const RSP0,
        resume_or_trap = const RFlags::RESUME_FLAG.bits() | RFlags::TRAP_FLAG.bits(),
        never_entered = const Way::NeverEntered as u64,
    )
}

/// Where SYSCALL arrives: in ring 0, on the program's stack, with RIP in RCX and
/// RFLAGS in R11. Saves the registers to the context and returns for [`go`].
/// The segments in the context stay as they were.
#[unsafe(naked)]
unsafe extern "sysv64" fn system_call() {
    with_places!(
        "mov [rip + {stack_pointer}], rsp",
        "mov rsp, [rip + {task} + {rsp0}]",
        "xchg rdi, [rsp]", // the context, and the program's rdi in its place
        "mov [rdi + {rip}], rcx",
        "mov [rdi + {rcx}], rcx",
        "mov [rdi + {rflags}], r11",
        "mov [rdi + {r11}], r11",
        "pop [rdi + {rdi}]",
        "mov rcx, [rip + {stack_pointer}]",
        "mov [rdi + {rsp}], rcx",
        "mov [rdi + {rax}], rax",
        "mov [rdi + {rbx}], rbx",
        "mov [rdi + {rdx}], rdx",
        "mov [rdi + {rsi}], rsi",
        "mov [rdi + {rbp}], rbp",
        "mov [rdi + {r8}], r8",
        "mov [rdi + {r9}], r9",
        "mov [rdi + {r10}], r10",
        "mov [rdi + {r12}], r12",
        "mov [rdi + {r13}], r13",
        "mov [rdi + {r14}], r14",
        "mov [rdi + {r15}], r15",
        "xor eax, eax", // Way::SystemCall
        "pop rbx",
        "pop rbp",
        "ret",
        stack_pointer = sym STACK_POINTER,
        task = sym TASK_STATE,
        rsp0 = const RSP0,
    )
}

const _: () = assert!(offset_of!(Context, registers) == 0);
const _: () = assert!(Way::SystemCall as u64 == 0);
