//! What is taken for a site, and what is left alone.

use super::*;

/// The sites of a program of Go's, or of another. What stands before and after a call lies among
/// code that does nothing much: `clc`.
fn sites_of(bytes: &[u8], is_go: bool, functions: &Functions) -> Vec<Site> {
    let mut code = vec![0xf8; 64];
    code.extend(bytes);
    code.extend([0xf8; 64]);
    Found::in_code(&code, 0x1000, &Known { functions, is_go }, 8).expect("they are few").sites
}

fn sites(bytes: &[u8]) -> Vec<Site> {
    sites_of(bytes, true, &Functions::default())
}

fn others_sites(bytes: &[u8]) -> Vec<Site> {
    sites_of(bytes, false, &Functions::default())
}

#[test]
fn a_number_set_right_before_gives_way() {
    let found = others_sites(&[0xb8, 49, 0, 0, 0, 0x0f, 0x05, 0xc3]);
    let (before, was) = (vec![0xb8, 49, 0, 0, 0], vec![0xb8, 49, 0, 0, 0, 0x0f, 0x05]);
    assert_eq!(found, [Site { at: 0x1040, before, after: vec![], number: Some(49), next: 0x1047, was, stays: false }]);
}

#[test]
fn other_numbers_are_left_alone() {
    assert_eq!(sites(&[0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3]), []);
}

#[test]
fn bytes_within_an_instruction_are_no_call() {
    // mov rax, 0x050f
    assert_eq!(sites(&[0x48, 0xc7, 0xc0, 0x0f, 0x05, 0, 0]), []);
}

#[test]
fn a_number_may_come_by_way_of_a_register() {
    // mov r8d, 39; mov eax, r8d
    assert_eq!(sites(&[0x41, 0xb8, 39, 0, 0, 0, 0x44, 0x89, 0xc0, 0x0f, 0x05]), []);
}

/// `mov rdi, rbx; syscall; cmp rax, -4095`: as Go has it.
const CALL: [u8; 11] = [0x48, 0x89, 0xdf, 0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff];

#[test]
fn what_is_jumped_to_stays() {
    let before = |at: u64| sites_with_jump(at).first().map(|site| (site.at, site.before.len(), site.after.len()));
    for harmless in [0x2000, 0x1045, 0x104a] {
        assert_eq!(before(harmless), Some((0x1045, 3, 0)), "{harmless:x}");
    }
    // To the call itself: what follows it moves, and it stands first.
    assert_eq!(before(0x1048), Some((0x1048, 0, 6)));
}

/// The sites of code that jumps to an address, and then has a call.
fn sites_with_jump(to: u64) -> Vec<Site> {
    let distance = (to.wrapping_sub(0x1045) as u32).to_le_bytes();
    sites(&[&[0xe9], &distance[..], &CALL].concat())
}

#[test]
fn padding_does_not_move() {
    let padded = |byte: u8| sites(&[&[byte; 8][..], &CALL].concat());
    assert_eq!(padded(0x90)[0].at, 0x1048);
    assert_eq!(padded(0xf4)[0].at, 0x1048);
}

#[test]
fn where_threads_are_cancelled_nothing_moves() {
    let cancels = [0x4c, 0x89, 0x5c, 0x24, 0x08, 0x0f, 0x05, 0xc3];
    assert_eq!(sites(&cancels), []);
}

#[test]
fn of_others_than_go_the_number_must_be_known() {
    assert_eq!((sites(&CALL).len(), others_sites(&CALL)), (1, Vec::new()));
}

/// What a C library has as its `syscall`, and musl as what makes its calls.
#[test]
fn a_function_that_passes_all_its_arguments_on_is_known() {
    // mov rax, rdi; mov r10, r8; mov rdi, rsi; mov r8, r9; mov rsi, rdx; mov r9, [rsp + 8];
    // mov rdx, rcx; syscall; ret
    let passes = [
        0x48, 0x89, 0xf8, 0x4d, 0x89, 0xc2, 0x48, 0x89, 0xf7, 0x4d, 0x89, 0xc8, 0x48, 0x89, 0xd6, 0x4c, 0x8b, 0x4c,
        0x24, 0x08, 0x48, 0x89, 0xca, 0x0f, 0x05, 0xc3,
    ];
    assert_eq!(others_sites(&passes).first().map(|site| (site.at, site.number)), Some((0x104f, None)));
    // mov rax, rsi instead.
    let other = [&[0x48, 0x89, 0xf0], &passes[3..]].concat();
    assert_eq!(others_sites(&other), []);
}

#[test]
fn where_a_condition_may_lead_past_it_a_call_stays() {
    // cmp dword [rbp], 0; jne +2; syscall; cmp rax, -4095: qemu's
    let qemu = [&[0x83, 0x7d, 0, 0, 0x75, 2, 0x0f, 0x05], &CALL[5..]].concat();
    assert_eq!(sites(&qemu), []);
    // The same, with a number in between.
    let numbered = [0x83, 0x7d, 0, 0, 0x75, 7, 0xb8, 49, 0, 0, 0, 0x0f, 0x05, 0xc3];
    assert_eq!(sites(&numbered), []);
}

#[test]
fn glibcs_look_for_threads_is_none() {
    // cmp byte [rip + 0x1000], 0; mov r10d, ecx; je +8; mov eax, 42; syscall
    let looks = [0x80, 0x3d, 0, 0x10, 0, 0, 0, 0x41, 0x89, 0xca, 0x74, 8, 0xb8, 42, 0, 0, 0, 0x0f, 0x05, 0xc3];
    assert_eq!(others_sites(&looks).len(), 1);
    // mov eax, fs:[0x18]; test eax, eax; jne +8; mov eax, 42; syscall
    let before = [0x64, 0x8b, 0x04, 0x25, 0x18, 0, 0, 0, 0x85, 0xc0, 0x75, 8, 0xb8, 42, 0, 0, 0, 0x0f, 0x05, 0xc3];
    assert_eq!(others_sites(&before).len(), 1);
}

#[test]
fn where_glibc_lets_threads_be_cancelled_calls_stay() {
    let calls = |number: u8| [0xe8, 0, 0x10, 0, 0, 0x41, 0x89, 0xc0, 0xb8, number, 0, 0, 0, 0x0f, 0x05, 0xc3];
    assert_eq!(others_sites(&calls(42)), []);
    // bind(2) is no such point.
    assert_eq!(others_sites(&calls(49)).len(), 1);
    // close(2) is, and to be seen all the same: the number alone is set elsewhere.
    let closes = others_sites(&calls(3));
    assert_eq!(closes.iter().map(|site| (site.stays, site.before.len())).collect::<Vec<_>>(), [(true, 5)]);
}

/// A mark above the descriptor may stay where that is forgotten next.
#[test]
fn where_threads_are_cancelled_settled_sends_are_marked() {
    // call; mov r8d, eax; mov eax, 44; syscall; cmp rax, -4095; then mov edi, r8d, or mov esi, edi
    let begin = [0xe8, 0, 0x10, 0, 0, 0x41, 0x89, 0xc0, 0xb8, 44, 0, 0, 0];
    let sends = |then: [u8; 3]| others_sites(&[&begin[..], &CALL[3..], &then, &[0xc3]].concat());
    assert_eq!(sends([0x44, 0x89, 0xc7]).iter().map(|site| site.stays).collect::<Vec<_>>(), [true]);
    assert_eq!(sends([0x89, 0xfe, 0x90]), []);
}

/// Tells whether nothing that the guest has to see is left out of this code.
fn is_whole(bytes: &[u8]) -> bool {
    let code = [&[0xc3, 0xcc][..], &[0xf8; 300], bytes, &[0xf8; 64]].concat();
    let known = Known { functions: &Functions::default(), is_go: false };
    !Found::in_code(&code, 0x1000, &known, 8).expect("they are few").leaves
}

#[test]
fn what_is_to_be_seen_is_not_left_out_unnoticed() {
    // mov eax, 3; syscall; ret
    assert!(is_whole(&[0xb8, 3, 0, 0, 0, 0x0f, 0x05, 0xc3]));
    // mov eax, [rdi]; syscall: any number.
    assert!(!is_whole(&[0x8b, 0x07, 0x0f, 0x05, 0xc3]));
    // cmp dword [rbp], 0; jne +2; syscall: it stays as it is.
    assert!(!is_whole(&[0xb8, 3, 0, 0, 0, 0x83, 0x7d, 0, 0, 0x75, 2, 0x0f, 0x05, 0xc3]));
    // But of getppid(2), nobody need know.
    assert!(is_whole(&[0xb8, 110, 0, 0, 0, 0x83, 0x7d, 0, 0, 0x75, 2, 0x0f, 0x05, 0xc3]));
    // int 0x80; sysenter
    assert!(!is_whole(&[0xcd, 0x80]) && !is_whole(&[0x0f, 0x34]));
    // mov eax, 0x80cd: bytes within an instruction.
    assert!(is_whole(&[0xb8, 0xcd, 0x80, 0, 0]));
}

#[test]
fn every_way_to_a_call_is_followed() {
    // mov edx, NUMBER; jmp +1; nop; here: mov eax, edx; syscall; cmp rax, -4095; jb here; ret
    let circle = |number: u8| {
        let begin = [0xba, number, 0, 0, 0, 0xeb, 1, 0x90, 0x89, 0xd0];
        [&begin[..], &CALL[3..], &[0x72, 0xf4, 0xc3]].concat()
    };
    assert!(is_whole(&circle(60)));
    // The number is known, and so it gives way.
    assert!(is_whole(&circle(3)));
    assert_eq!(others_sites(&circle(3)).first().and_then(|site| site.number), Some(3));
    // mov edx, NUMBER; jmp here; nop; mov edx, 60; here: mov eax, edx; syscall; ret
    let either =
        |number: u8| [0xba, number, 0, 0, 0, 0xeb, 6, 0x90, 0xba, 60, 0, 0, 0, 0x89, 0xd0, 0x0f, 0x05, 0x90, 0xc3];
    assert!(is_whole(&either(61)));
    assert!(!is_whole(&either(3)));
}

#[test]
fn what_no_function_holds_is_no_code() {
    let call = [0xb8, 49, 0, 0, 0, 0x0f, 0x05, 0xc3];
    let within = |functions| sites_of(&call, false, &Functions::of(functions)).len();
    assert_eq!(within(vec![0x1050..0x1060, 0x1000..0x1045]), 0);
    assert_eq!(within(vec![0x1050..0x1060, 0x1040..0x1048]), 1);
    // One begins at the call itself, which others may come to.
    assert_eq!(within(vec![0x1040..0x1048, 0x1045..0x1047]), 0);
}

#[test]
fn more_places_than_can_be_looked_at() {
    let known = Known { functions: &Functions::default(), is_go: true };
    for others in [[0x0f, 0x05], [0xcd, 0x80], [0x0f, 0x34]] {
        let code = others.repeat(9);
        assert!(Found::in_code(&code, 0x1000, &known, 8).is_none());
        assert!(Found::in_code(&code, 0x1000, &known, 9).is_some());
    }
}
