//! Access to what this process makes: its own user everything, and nobody else anything.

use super::native::{done, handle, wide};
use std::os::windows::io::AsRawHandle;
use std::{io, ptr};
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{GetTokenInformation, PSECURITY_DESCRIPTOR, TOKEN_QUERY, TOKEN_USER, TokenUser};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// A security descriptor.
pub(super) struct Security(PSECURITY_DESCRIPTOR);

impl Security {
    /// One that opens a thing to this process's user. Not to its owner, whom Windows may take for
    /// all administrators.
    pub(super) fn of_this_user_alone() -> io::Result<Self> {
        let (text, mut made) = (wide(format!("D:P(A;;GA;;;{})", user()?)), ptr::null_mut());
        // SAFETY: the text ends in NUL; the size is not asked for.
        done(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &mut made,
                ptr::null_mut(),
            )
        })?;
        Ok(Self(made))
    }

    /// The descriptor, for as long as this lives.
    pub(super) fn descriptor(&self) -> PSECURITY_DESCRIPTOR {
        self.0
    }
}

impl Drop for Security {
    fn drop(&mut self) {
        // SAFETY: the call that made it has it freed so, and it is used no more.
        unsafe { LocalFree(self.0) };
    }
}

/// This process's user, as security descriptors name one: `S-1-5-21-…`.
fn user() -> io::Result<String> {
    /// A token's user: the structure, and behind it the longest identity that there is
    /// (`SECURITY_MAX_SID_SIZE`).
    #[repr(C)]
    struct User(TOKEN_USER, [u8; 68]);

    let mut token = ptr::null_mut();
    // SAFETY: the token outlives the call; this process may always be asked.
    done(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) })?;
    let token = handle(token)?;
    let mut user = User(TOKEN_USER::default(), [0; 68]);
    let mut length = 0;
    // SAFETY: the token is open, and `user` is as long as is said.
    done(unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            (&raw mut user).cast(),
            size_of::<User>() as u32,
            &mut length,
        )
    })?;
    let mut text = ptr::null_mut();
    // SAFETY: the call before has filled the structure, whose pointer leads behind it.
    done(unsafe { ConvertSidToStringSidW(user.0.User.Sid, &mut text) })?;
    // SAFETY: the text ends in NUL, and all before it can be read.
    let length = (0..).take_while(|n| unsafe { *text.add(*n) } != 0).count();
    // SAFETY: as many characters as were just counted.
    let identity = String::from_utf16_lossy(unsafe { std::slice::from_raw_parts(text, length) });
    // SAFETY: the call that made it has it freed so, and it is used no more.
    unsafe { LocalFree(text.cast()) };
    Ok(identity)
}
