//! What becomes of handles.

use crate::held;
use crate::windows::{errno, hooks};
use windows_sys::Win32::Networking::WinSock::SOCKET;

/// # Safety
/// As for closesocket.
pub(crate) unsafe fn closesocket(handle: SOCKET) -> i32 {
    // Before it is closed: afterwards another thread may have a socket of the same number.
    let before = errno::get();
    held::release(handle);
    errno::set(before);
    // SAFETY: the program's own call, as it came.
    unsafe { hooks::closesocket::next(handle) }
}
