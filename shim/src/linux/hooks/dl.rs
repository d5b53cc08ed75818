//! `dlopen` and `dlsym`: a library that is loaded to look into libc first, and a look at libc
//! itself, pass a preload by.
//!
//! The dynamic linker goes by the caller's own library, so the hooks leave no frame behind: they
//! jump.

use crate::linux::{elf, original};
use crate::session;
use core::arch::naked_asm;
use core::ffi::{CStr, c_char, c_void};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

type Find = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
type FindVersion = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> *mut c_void;

/// Goes on in the next library's function, which is looked up at the first call. Gives null where
/// nobody has it.
macro_rules! call_next {
    () => {
        if_x86!(
            "2:
            mov rax, [rip + {next}]
            test rax, rax
            jz 3f
            jmp rax
            3:
            push rdi
            push rsi
            push rdx
            call {look_up}
            pop rdx
            pop rsi
            pop rdi
            test rax, rax
            jz 4f
            jmp rax
            4:
            ret",
            "2:
            adrp x16, {next}
            ldr x16, [x16, :lo12:{next}]
            cbz x16, 3f
            br x16
            3:
            stp x29, x30, [sp, #-48]!
            stp x0, x1, [sp, #16]
            str x2, [sp, #32]
            bl {look_up}
            mov x16, x0
            ldr x2, [sp, #32]
            ldp x0, x1, [sp, #16]
            ldp x29, x30, [sp], #48
            cbz x16, 4f
            br x16
            4:
            mov x0, xzr
            ret"
        )
    };
}

/// Goes on at the label 2 where there is no session to look after.
macro_rules! unless_alone {
    () => {
        if_x86!(
            "cmp qword ptr [rip + {region}], 0
            je 2f",
            "adrp x16, {region}
            ldr x16, [x16, :lo12:{region}]
            cbz x16, 2f"
        )
    };
}

/// Defines a hook that runs `$before`, in which the label 2 means "call the next library's", and
/// jumps there. It is looked up at the first call: other libraries' constructors may come before
/// ours.
macro_rules! jumps {
    ($name:ident, $next:ident, $look_up:ident, [$($before:expr,)*] $($operand:tt)*) => {
        static $next: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

        extern "C" fn $look_up() -> *mut c_void {
            let found = original::look_up(&$next, stringify!($name));
            if found.is_null() { elf::of_libdl(stringify!($name).as_bytes()) } else { found }
        }

        #[doc = concat!("The hook of `", stringify!($name), "`.")]
        ///
        /// # Safety
        /// As for the function itself.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            naked_asm!(
                $($before,)*
                call_next!(),
                next = sym $next,
                look_up = sym $look_up,
                region = sym portshim_mechanism::session::REGION,
                $($operand)*
            )
        }
    };
}

// RTLD_DEEPBIND lets a library find its functions in its own libraries, libc among them, before it
// finds ours.
jumps! {
    dlopen, NEXT_DLOPEN, look_up_dlopen,
    [
        unless_alone!(),
        if_x86!("and esi, {others}", "and w1, w1, {others}"),
    ]
    others = const !libc::RTLD_DEEPBIND,
}

// In a namespace of its own nothing of ours is found anyway; the first one is the program's.
jumps! {
    dlmopen, NEXT_DLMOPEN, look_up_dlmopen,
    [
        unless_alone!(),
        if_x86!("test rdi, rdi\njnz 2f\nand edx, {others}", "cbnz x0, 2f\nand w2, w2, {others}"),
    ]
    others = const !libc::RTLD_DEEPBIND,
}

// RTLD_DEFAULT, 0, finds ours first; what RTLD_NEXT, -1, finds depends on the caller. `$third` is
// the register of the first argument that the function has not: there, its finder takes the
// caller's address.
macro_rules! finds {
    ($name:ident, $next:ident, $look_up:ident, $third:expr, $find:ident) => {
        jumps! {
            $name, $next, $look_up,
            [
                unless_alone!(),
                if_x86!(
                    concat!(
                        "lea rax, [rdi + 1]
                        cmp rax, 1
                        jbe 2f
                        push rdi
                        push rsi
                        push rdx
                        mov ", $third, ", [rsp + 24]
                        call {find}
                        pop rdx
                        pop rsi
                        pop rdi
                        test rax, rax
                        jz 2f
                        ret"
                    ),
                    concat!(
                        "add x16, x0, #1
                        cmp x16, #1
                        b.ls 2f
                        stp x29, x30, [sp, #-48]!
                        stp x0, x1, [sp, #16]
                        str x2, [sp, #32]
                        mov ", $third, ", x30
                        bl {find}
                        mov x16, x0
                        ldr x2, [sp, #32]
                        ldp x0, x1, [sp, #16]
                        ldp x29, x30, [sp], #48
                        cbz x16, 2f
                        mov x0, x16
                        ret"
                    )
                ),
            ]
            find = sym $find,
        }
    };
}

finds!(dlsym, NEXT_DLSYM, look_up_dlsym, if_x86!("rdx", "x2"), find);
finds!(dlvsym, NEXT_DLVSYM, look_up_dlvsym, if_x86!("rcx", "x3"), find_version);

/// Our function where this look finds libc's own that it stands for; null elsewhere.
unsafe extern "C" fn find(handle: *mut c_void, name: *const c_char, caller: usize) -> *const c_void {
    found(name, caller, || {
        let next = NEXT_DLSYM.load(Relaxed);
        let next = if next.is_null() { look_up_dlsym() } else { next };
        // SAFETY: the next library's dlsym, called as the program called it.
        (!next.is_null()).then(|| unsafe { core::mem::transmute::<*mut c_void, Find>(next)(handle, name) })
    })
}

/// As [`find`], for a version.
unsafe extern "C" fn find_version(
    handle: *mut c_void,
    name: *const c_char,
    version: *const c_char,
    caller: usize,
) -> *const c_void {
    found(name, caller, || {
        let next = NEXT_DLVSYM.load(Relaxed);
        let next = if next.is_null() { look_up_dlvsym() } else { next };
        // SAFETY: the next library's dlvsym, called as the program called it.
        (!next.is_null())
            .then(|| unsafe { core::mem::transmute::<*mut c_void, FindVersion>(next)(handle, name, version) })
    })
}

fn found(name: *const c_char, caller: usize, real: impl FnOnce() -> Option<*mut c_void>) -> *const c_void {
    if session::get().is_none() || name.is_null() {
        return core::ptr::null();
    }
    // SAFETY: dlsym(3)'s caller passes a string.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    let ours = elf::of_ours(name);
    if ours.is_null() {
        return ours;
    }
    let of_libc = elf::of_libc(name);
    let is_libcs = !of_libc.is_null() && !elf::is_in_interposer(caller, name) && real() == Some(of_libc);
    if is_libcs { ours } else { core::ptr::null() }
}
