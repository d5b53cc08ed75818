//! Trampolines: for every site, the instructions that gave way there, and a way to the guest.

use super::sites::{JUMP, Site};

/// A word that the trampolines begin with: where the guest is entered.
const POINTER: usize = 8;
/// More bytes than a trampoline has besides what it has of its site.
const LONGEST: usize = 64;

/// Numbers from `FIRST` on that are served, a bit each, and one that is far from them.
const FIRST: u8 = libc::SYS_connect as u8;
const LAST: u8 = libc::SYS_listen as u8;
const MASK: u32 = 1 << (libc::SYS_connect - FIRST as i64)
    | 1 << (libc::SYS_sendto - FIRST as i64)
    | 1 << (libc::SYS_sendmsg - FIRST as i64)
    | 1 << (libc::SYS_bind - FIRST as i64)
    | 1 << (libc::SYS_listen - FIRST as i64);
const FAR: u32 = libc::SYS_sendmmsg as u32;

/// The numbers of calls that come to the guest.
pub(super) const SERVED: [u32; 6] = [
    libc::SYS_connect as u32,
    libc::SYS_sendto as u32,
    libc::SYS_sendmsg as u32,
    libc::SYS_bind as u32,
    libc::SYS_listen as u32,
    FAR,
];

/// Room that the trampolines of these sites take at most.
pub(super) fn room(sites: &[Site]) -> usize {
    POINTER + sites.iter().map(|site| LONGEST + site.before.len() + site.after.len()).sum::<usize>()
}

/// Trampolines, and the ways to them.
pub(super) struct Trampolines {
    pub(super) code: Vec<u8>,
    /// For each site, where its jump is to stand, and the jump.
    pub(super) jumps: Vec<(u64, [u8; JUMP])>,
}

/// The trampolines of sites in a program that is loaded at `bias`, to be laid at `at`. `None` where
/// something is too far from them.
pub(super) fn lay(sites: &[Site], bias: u64, at: u64, guest: u64) -> Option<Trampolines> {
    let mut code = Code { bytes: guest.to_le_bytes().to_vec(), at };
    let mut jumps = Vec::new();
    for site in sites {
        let from = site.at.wrapping_add(bias);
        jumps.push((from, jump(from, code.here())?));
        code.put(&site.before);
        let checks = site.number.is_none();
        let pass = if checks { code.check() } else { Vec::new() };
        // lea rcx, [where it goes on]; jmp [the guest]
        let lea = code.put(&[0x48, 0x8d, 0x0d, 0, 0, 0, 0]);
        let distance = at.wrapping_sub(code.here() + 6) as u32;
        code.put(&[0xff, 0x25]);
        code.put(&distance.to_le_bytes());
        for place in pass {
            code.bytes[place] = (code.bytes.len() - place - 1) as u8;
        }
        // The guest finds the call right before the place where the program goes on.
        code.put(&[0x0f, 0x05]);
        let ahead = (code.bytes.len() - (lea + 7)) as u32;
        code.bytes[lea + 3..lea + 7].copy_from_slice(&ahead.to_le_bytes());
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

    /// Appends a look at the number in eax. Only rcx, r11 and the flags change, as the call itself
    /// would change them. Places of the distances to where all other numbers go on.
    fn check(&mut self) -> Vec<usize> {
        let [a, b, c, d] = MASK.to_le_bytes();
        let mut pass = Vec::new();
        self.put(&[0x83, 0xf8, LAST]); // cmp eax, LAST
        let far = self.put(&[0x77, 0]) + 1; // ja far
        self.put(&[0x8d, 0x48, FIRST.wrapping_neg()]); // lea ecx, [rax - FIRST]
        self.put(&[0x83, 0xf9, LAST - FIRST]); // cmp ecx, LAST - FIRST
        pass.push(self.put(&[0x77, 0]) + 1); // ja pass
        self.put(&[0x41, 0xbb, a, b, c, d]); // mov r11d, MASK
        self.put(&[0x41, 0x0f, 0xa3, 0xcb]); // bt r11d, ecx
        pass.push(self.put(&[0x73, 0]) + 1); // jnc pass
        let ours = self.put(&[0xeb, 0]) + 1; // jmp ours
        self.bytes[far] = (self.bytes.len() - far - 1) as u8;
        let [a, b, c, d] = FAR.to_le_bytes();
        self.put(&[0x3d, a, b, c, d]); // cmp eax, FAR
        pass.push(self.put(&[0x75, 0]) + 1); // jne pass
        self.bytes[ours] = (self.bytes.len() - ours - 1) as u8;
        pass
    }
}
