//! The libraries that were loaded at the start, and what they define, read from memory: an answer
//! that no other library has a say in. None of them is ever unloaded, so no lock is needed.
//!
//! Structures that the dynamic linker has read before (elf(5), link.h), and it has the same shape
//! here.

use super::memory::is_readable;
use super::weak::weak;
use core::ffi::{c_char, c_int, c_void};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// `struct link_map`, as far as it is public.
#[repr(C)]
struct Map {
    base: usize,
    name: *const c_char,
    dynamic: *const Entry,
    next: *mut Map,
}

/// `struct r_debug`, as far as it is needed.
#[repr(C)]
struct Debug {
    version: c_int,
    first: *mut Map,
}

/// `Elf64_Dyn`.
#[repr(C)]
struct Entry {
    tag: i64,
    value: usize,
}

unsafe extern "C" {
    /// This library's own.
    static _DYNAMIC: Entry;
}

const DT_NULL: i64 = 0;
const DT_HASH: i64 = 4;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_STRSZ: i64 = 10;
const DT_SONAME: i64 = 14;
const DT_GNU_HASH: i64 = 0x6fff_fef5;
const DT_VERSYM: i64 = 0x6fff_fff0;

/// No list here is longer, so a damaged one ends.
const MOST: usize = 1 << 16;

/// The last library that was loaded at the start, this one, and libc. Null until the start has
/// looked.
static LAST: AtomicPtr<Map> = AtomicPtr::new(null_mut());
static OWN: AtomicPtr<Map> = AtomicPtr::new(null_mut());
static LIBC: AtomicPtr<Map> = AtomicPtr::new(null_mut());

/// Remembers what is loaded, while nothing else can be.
pub(super) fn start() {
    let mut last = null_mut();
    for map in maps(first()) {
        last = map;
        if is_own(map) {
            OWN.store(map, Relaxed);
        }
        if LIBC.load(Relaxed).is_null() && Object::of(map).is_some_and(|object| object.is_libc()) {
            LIBC.store(map, Relaxed);
        }
    }
    LAST.store(last, Relaxed);
}

/// The path that this library was loaded from. Null where it cannot be told.
pub(super) fn own_path() -> *const c_char {
    // SAFETY: no library of the start is unloaded.
    own().map_or(null(), |map| unsafe { (*map).name })
}

/// The next library's function of this name: the next after this one that has it.
pub(super) fn next(name: &[u8]) -> *mut c_void {
    let others = own().into_iter().flat_map(|own| maps(own).skip(1));
    let mut found = others.filter_map(|map| Object::of(map)?.function(name));
    found.next().unwrap_or(null_mut())
}

/// This library's own function of this name. (Whoever mentions an exported function gets that of a
/// library before it.)
pub(super) fn of_ours(name: &[u8]) -> *mut c_void {
    own().and_then(Object::of).and_then(|own| own.function(name)).unwrap_or(null_mut())
}

/// libc's own function of this name.
pub(super) fn of_libc(name: &[u8]) -> *mut c_void {
    let libc = LIBC.load(Relaxed);
    let libc = Some(libc).filter(|libc| !libc.is_null());
    libc.and_then(Object::of).and_then(|libc| libc.function(name)).unwrap_or(null_mut())
}

/// A function of libdl where that came after the start. Before glibc 2.34 it was a library of its
/// own, which whatever a program loads later may need and bring.
pub(super) fn of_libdl(name: &[u8]) -> *mut c_void {
    struct Sought<'a>(&'a [u8], *mut c_void);

    unsafe extern "C" fn look(info: *mut libc::dl_phdr_info, _: usize, sought: *mut c_void) -> c_int {
        // SAFETY: dl_iterate_phdr(3) keeps both alive while it calls, and what it names loaded.
        let (info, sought) = unsafe { (&*info, &mut *sought.cast::<Sought>()) };
        let base = info.dlpi_addr as usize;
        // SAFETY: there are as many headers.
        let mut headers = (0..info.dlpi_phnum).map(|n| unsafe { &*info.dlpi_phdr.add(usize::from(n)) });
        let dynamic =
            headers.find(|header| header.p_type == libc::PT_DYNAMIC).map(|header| base + header.p_vaddr as usize);
        let object = dynamic.and_then(|dynamic| Object::at(base, dynamic as *const Entry));
        let found = object.filter(|object| object.is_called(b"libdl.so.2")).and_then(|libdl| libdl.function(sought.0));
        sought.1 = found.unwrap_or(null_mut());
        c_int::from(found.is_some())
    }

    let mut sought = Sought(name, null_mut());
    // SAFETY: `look` is given what it expects.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut sought).cast()) };
    sought.1
}

/// Tells whether `address` lies in a library behind this one that has a function of this name
/// itself: one that this one calls on, and that has to come by libc's.
pub(super) fn is_in_interposer(address: usize, name: &[u8]) -> bool {
    let libc = LIBC.load(Relaxed);
    let others = own().into_iter().flat_map(|own| maps(own).skip(1)).filter(|map| *map != libc);
    let mut others = others.filter_map(Object::of);
    others.any(|object| object.contains(address) && object.symbol(name).is_some())
}

fn first() -> *mut Map {
    // SAFETY: glibc's dynamic linker fills it before it runs anyone's code.
    let of_glibc = unsafe { weak!("_r_debug": Debug).as_ref() };
    of_glibc.or_else(of_musl).map_or(null_mut(), |debug| debug.first)
}

/// The same list as musl has it, which is dynamic linker and C library in one.
fn of_musl() -> Option<&'static Debug> {
    // SAFETY: a pointer that is set from the beginning.
    unsafe { weak!("_dl_debug_addr": *const Debug).as_ref()?.as_ref() }
}

/// Tells whether the program's C library is musl.
pub(super) fn is_musl() -> bool {
    // SAFETY: only the address is asked for.
    unsafe { weak!("_r_debug": Debug) }.is_null() && of_musl().is_some()
}

/// This library.
fn own() -> Option<*mut Map> {
    let own = OWN.load(Relaxed);
    if own.is_null() { maps(first()).find(|map| is_own(*map)) } else { Some(own) }
}

fn is_own(map: *mut Map) -> bool {
    // SAFETY: no library of the start is unloaded.
    unsafe { (*map).dynamic == &raw const _DYNAMIC }
}

/// The libraries from `at` to the last that was loaded at the start.
fn maps(at: *mut Map) -> impl Iterator<Item = *mut Map> {
    let last = LAST.load(Relaxed);
    let after = move |map: &*mut Map| {
        // SAFETY: no library of the start is unloaded, and before the constructor nothing else is
        // loaded.
        (*map != last).then(|| unsafe { (**map).next }).filter(|next| !next.is_null())
    };
    core::iter::successors(Some(at).filter(|at| !at.is_null()), after).take(MOST)
}

/// `Elf64_Sym`.
#[repr(C)]
struct Symbol {
    name: u32,
    info: u8,
    other: u8,
    section: u16,
    value: usize,
    size: usize,
}

/// A loaded library's tables.
struct Object {
    base: usize,
    soname: usize,
    strings: *const u8,
    strings_len: usize,
    symbols: *const Symbol,
    /// Null where the library has none.
    versions: *const u16,
    gnu_hash: *const u32,
    hash: *const u32,
}

impl Object {
    fn of(map: *mut Map) -> Option<Self> {
        // SAFETY: the caller walks libraries of the start, which stay.
        let (base, dynamic) = unsafe { ((*map).base, (*map).dynamic) };
        Self::at(base, dynamic)
    }

    /// The library that is loaded at `base`, and stays while it is looked at.
    fn at(base: usize, mut entry: *const Entry) -> Option<Self> {
        if entry.is_null() {
            return None;
        }
        let mut object = Self {
            base,
            soname: 0,
            strings: null(),
            strings_len: 0,
            symbols: null(),
            versions: null(),
            gnu_hash: null(),
            hash: null(),
        };
        for _ in 0..MOST {
            // SAFETY: the list ends in DT_NULL.
            let Entry { tag, value } = unsafe { entry.read() };
            // The dynamic linker turns offsets into addresses, but for what the kernel maps
            // read-only.
            let address = if value < base { base + value } else { value };
            match tag {
                DT_NULL => break,
                DT_STRTAB => object.strings = address as *const u8,
                DT_STRSZ => object.strings_len = value,
                DT_SYMTAB => object.symbols = address as *const Symbol,
                DT_VERSYM => object.versions = address as *const u16,
                DT_GNU_HASH => object.gnu_hash = address as *const u32,
                DT_HASH => object.hash = address as *const u32,
                DT_SONAME => object.soname = value,
                _ => {}
            }
            entry = entry.wrapping_add(1);
        }
        (!object.strings.is_null() && !object.symbols.is_null()).then_some(object)
    }

    fn is_libc(&self) -> bool {
        if is_musl() {
            of_musl().is_some_and(|debug| self.contains(core::ptr::from_ref(debug) as usize))
        } else {
            self.is_called(b"libc.so.6")
        }
    }

    fn is_called(&self, name: &[u8]) -> bool {
        self.soname != 0 && self.has_string(self.soname, name)
    }

    /// Tells whether the string at `offset` is `expected`.
    fn has_string(&self, offset: usize, expected: &[u8]) -> bool {
        let fits = offset.checked_add(expected.len()).is_some_and(|end| end < self.strings_len);
        // SAFETY: the table is `strings_len` bytes long.
        let at = |n: usize| unsafe { self.strings.add(offset + n).read() };
        fits && expected.iter().enumerate().all(|(n, byte)| at(n) == *byte) && at(expected.len()) == 0
    }

    /// The function of this name. One whose address a resolver has to be asked for is none.
    fn function(&self, name: &[u8]) -> Option<*mut c_void> {
        const STT_GNU_IFUNC: u8 = 10;
        let symbol = self.symbol(name).filter(|symbol| symbol.info & 15 != STT_GNU_IFUNC)?;
        Some((self.base + symbol.value) as *mut c_void)
    }

    /// Symbol that the library defines by this name, in its default version.
    fn symbol(&self, name: &[u8]) -> Option<&Symbol> {
        let found = |index: u32| {
            // SAFETY: the hash table only speaks of symbols that there are.
            let symbol = unsafe { &*self.symbols.add(index as usize) };
            let is_it = symbol.section != 0 && self.is_default(index) && self.has_string(symbol.name as usize, name);
            is_it.then_some(symbol)
        };
        if self.gnu_hash.is_null() { self.by_hash(name, found) } else { self.by_gnu_hash(name, found) }
    }

    fn is_default(&self, index: u32) -> bool {
        const HIDDEN: u16 = 1 << 15;
        // SAFETY: there are as many versions as symbols.
        self.versions.is_null() || unsafe { self.versions.add(index as usize).read() } & HIDDEN == 0
    }

    fn by_gnu_hash<T>(&self, name: &[u8], found: impl Fn(u32) -> Option<T>) -> Option<T> {
        // SAFETY: DT_GNU_HASH: four numbers, a filter of 64-bit words, the buckets, and the hashes
        // of the symbols from `first` on, of which the last in a bucket is odd.
        let at = |n: usize| unsafe { self.gnu_hash.add(n).read() };
        let (buckets, first, filter) = (at(0), at(1), at(2) as usize);
        let hash = name.iter().fold(5381u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(u32::from(*byte)));
        let bucket = 4 + 2 * filter + hash.checked_rem(buckets)? as usize;
        let start = at(bucket);
        if start < first {
            return None;
        }
        let hashes = 4 + 2 * filter + buckets as usize;
        for index in (start..).take(MOST) {
            let other = at(hashes + (index - first) as usize);
            if other | 1 == hash | 1
                && let Some(found) = found(index)
            {
                return Some(found);
            }
            if other & 1 == 1 {
                break;
            }
        }
        None
    }

    fn by_hash<T>(&self, name: &[u8], found: impl Fn(u32) -> Option<T>) -> Option<T> {
        if self.hash.is_null() {
            return None;
        }
        // SAFETY: DT_HASH: two numbers, the buckets, and for each symbol the next one in its
        // bucket.
        let at = |n: u32| unsafe { self.hash.add(n as usize).read() };
        let buckets = at(0);
        let hash = name.iter().fold(0u32, |hash, byte| {
            let hash = (hash << 4).wrapping_add(u32::from(*byte));
            let top = hash & 0xf000_0000;
            (hash ^ top >> 24) & !top
        });
        let mut index = at(2 + hash.checked_rem(buckets)?);
        for _ in 0..MOST {
            if index == 0 {
                break;
            }
            if let Some(found) = found(index) {
                return Some(found);
            }
            index = at(2 + buckets + index);
        }
        None
    }

    /// Tells whether `address` lies in one of the library's segments.
    fn contains(&self, address: usize) -> bool {
        const PT_LOAD: u32 = 1;
        let header = self.base as *const libc::Elf64_Ehdr;
        if address < self.base || !is_readable(header.cast(), size_of::<libc::Elf64_Ehdr>()) {
            return false;
        }
        // SAFETY: the kernel has just been seen to read it.
        let header = unsafe { header.read_unaligned() };
        if !header.e_ident.starts_with(b"\x7fELF") || usize::from(header.e_phentsize) != size_of::<libc::Elf64_Phdr>() {
            return false;
        }
        let segments = (self.base + header.e_phoff as usize) as *const libc::Elf64_Phdr;
        let offset = (address - self.base) as u64;
        (0..usize::from(header.e_phnum)).any(|n| {
            let segment = segments.wrapping_add(n);
            // SAFETY: the headers follow the file's, in the same segment, and the kernel is asked.
            let segment =
                is_readable(segment.cast(), size_of::<libc::Elf64_Phdr>()).then(|| unsafe { segment.read_unaligned() });
            segment.is_some_and(|segment| {
                segment.p_type == PT_LOAD && offset.wrapping_sub(segment.p_vaddr) < segment.p_memsz
            })
        })
    }
}
