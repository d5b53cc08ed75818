//! Serving: a hook's call is handed to the mechanism, and the port that it got is counted.

use crate::windows::{errno, fd_cache};
use portshim_mechanism::fd_ports;
use portshim_mechanism::windows::serve::{self, InterceptedCall};

/// Serves a call: what the program's call returns. The last error is as that call would leave it.
pub(crate) fn serve(call: &InterceptedCall<'_>) -> i32 {
    let handle = call.socket.handle;
    let served = serve::serve(call, &|made_exclusive| {
        fd_cache::mark_bound(handle);
        if made_exclusive {
            fd_cache::hide_exclusive(handle);
        }
    });
    if let Some(grant) = &served.grant {
        let left = errno::get();
        fd_ports::hold(call.session, handle, grant, call.about());
        errno::set(left);
    }
    served.answer
}
