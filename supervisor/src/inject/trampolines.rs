//! Trampolines: for every site, the instructions that gave way there, and a way to the guest.

use super::numbers::{is_served, is_watched};
use super::sites::{JUMP, Site};

/// Two words that the trampolines begin with: where the guest is entered, by a call and by what is
/// only to be noted.
const POINTERS: usize = 16;
const NOTED: usize = 8;
/// Length of a call.
const CALL: u64 = 2;
/// Number of numbers of calls that are looked at.
const NUMBERS: u32 = 512;
/// More bytes than a trampoline has besides what it has of its site.
const LONGEST: usize = 64;

/// Room that the trampolines of these sites take at most.
pub(super) fn room(sites: &[Site]) -> usize {
    let each = sites.iter().map(|site| LONGEST + site.before.len() + site.after.len());
    POINTERS + NUMBERS as usize + each.sum::<usize>()
}

/// Trampolines, and the ways to them.
pub(super) struct Trampolines {
    pub(super) code: Vec<u8>,
    /// For each site, where its jump is to stand, and the jump.
    pub(super) jumps: Vec<(u64, [u8; JUMP])>,
}

/// The trampolines of sites in a program that is loaded at `bias`, to be laid at `at`. `None` where
/// something is too far from them. Only where the program is `whole` is anything worth watching.
pub(super) fn lay(sites: &[Site], whole: bool, bias: u64, at: u64, guest: [u64; 2]) -> Option<Trampolines> {
    let mut code = Code { bytes: guest.map(u64::to_le_bytes).concat(), at };
    let comes = |number: u32| is_served(number) || whole && is_watched(number);
    code.bytes.extend((0..NUMBERS).map(|number| u8::from(comes(number))));
    let mut jumps = Vec::new();
    for site in sites.iter().filter(|site| site.number.is_none_or(comes)) {
        let from = site.at.wrapping_add(bias);
        jumps.push((from, jump(from, code.here())?));
        code.put(&site.before);
        let pass = if site.number.is_none() { code.check() } else { Vec::new() };
        // lea rcx, [the marked call]; jmp [the guest]
        let lea = code.put(&[0x48, 0x8d, 0x0d, 0, 0, 0, 0]);
        let pointer = code.distance_to(if site.stays { NOTED } else { 0 }, 6);
        code.put(&[0xff, 0x25]);
        code.put(&pointer);
        for place in pass {
            code.bytes[place] = (code.bytes.len() - place - 1) as u8;
        }
        if site.stays {
            // Back to where it stands, with a mark or without: jmp +2.
            code.put(&[0xeb, 2, 0x90, 0x90]);
            code.aim(lea, code.bytes.len());
            let back = jump(code.here(), site.next.wrapping_add(bias) - CALL)?;
            code.put(&back);
            continue;
        }
        // The call as it came, and the way past the next one.
        code.put(&[0x0f, 0x05, 0xeb, 0x04]);
        code.aim(lea, code.bytes.len());
        // The call with a mark above its first argument, which is taken off again: mov edi, edi.
        code.put(&[0x0f, 0x05, 0x89, 0xff]);
        code.put(&site.after);
        let back = jump(code.here(), site.next.wrapping_add(bias))?;
        code.put(&back);
    }
    Some(Trampolines { code: code.bytes, jumps })
}

/// A jump from one place to another; `None` where that is too far.
fn jump(from: u64, to: u64) -> Option<[u8; JUMP]> {
    let distance = to.wrapping_sub(from.wrapping_add(JUMP as u64)).cast_signed();
    let [a, b, c, d] = i32::try_from(distance).ok()?.to_le_bytes();
    Some([0xe9, a, b, c, d])
}

/// Code that is being written.
struct Code {
    bytes: Vec<u8>,
    at: u64,
}

impl Code {
    fn here(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }

    /// Appends bytes; the place where they begin.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let place = self.bytes.len();
        self.bytes.extend(bytes);
        place
    }

    /// The distance to a place in it from the end of an instruction that is about to be appended.
    fn distance_to(&self, place: usize, len: usize) -> [u8; 4] {
        (place as u32).wrapping_sub((self.bytes.len() + len) as u32).to_le_bytes()
    }

    /// Has the `lea` of rcx at this place name another place.
    fn aim(&mut self, lea: usize, to: usize) {
        const LEN: usize = 7;
        let ahead = (to - (lea + LEN)) as u32;
        self.bytes[lea + 3..lea + LEN].copy_from_slice(&ahead.to_le_bytes());
    }

    /// Appends a look at the number in eax. Only rcx, r11 and the flags change, as the call itself
    /// would change them. Places of the distances to where all other numbers go on.
    fn check(&mut self) -> Vec<usize> {
        let [a, b, c, d] = NUMBERS.to_le_bytes();
        self.put(&[0x3d, a, b, c, d]); // cmp eax, NUMBERS
        let beyond = self.put(&[0x73, 0]) + 1; // jae pass
        self.put(&[0x89, 0xc1]); // mov ecx, eax
        let table = self.distance_to(POINTERS, 7);
        self.put(&[0x4c, 0x8d, 0x1d]); // lea r11, [the table]
        self.put(&table);
        self.put(&[0x41, 0x80, 0x3c, 0x0b, 0]); // cmp byte ptr [r11 + rcx], 0
        let none = self.put(&[0x74, 0]) + 1; // je pass
        vec![beyond, none]
    }
}
